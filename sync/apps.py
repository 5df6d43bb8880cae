from typing import Any

from django.apps import AppConfig
from django.db.models.signals import pre_save

from integrations.signals import connected
from sync.visibility import mirrored_models


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Sync"

    def ready(self) -> None:
        from sync.schedule import schedule_what_is_allowed  # needs the models

        connected.connect(schedule_what_is_allowed, dispatch_uid="schedule_what_is_allowed")
        pre_save.connect(
            log_without_names, sender="admin.LogEntry", dispatch_uid="log_without_names"
        )


def log_without_names(instance: Any, **kwargs: Any) -> None:
    """The admin's log says which record was edited by its number: the log is shown, also by
    Django's own pages, to people who may not view the record."""
    model = instance.content_type and instance.content_type.model_class()
    if model in mirrored_models():
        instance.object_repr = f"{model._meta.model_name} {instance.object_id}"
