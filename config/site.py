"""The admin's site: what holds for every list and page of it, also those of other people's apps."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest

from backoffice.listing import CheckedAdmin
from sync.mirror import mirrored_models
from sync.visibility import may_view


class Site(admin.AdminSite):
    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        base = admin_class or admin.ModelAdmin
        if not issubclass(base, CheckedAdmin):
            members = {"__module__": base.__module__, "__doc__": base.__doc__}
            base = type(base.__name__, (CheckedAdmin, base), members)
        super().register(model_or_iterable, base, **options)

    def get_log_entries(self, request: HttpRequest) -> QuerySet[LogEntry]:
        """Without entries about records that this person may no longer view."""
        entries = super().get_log_entries(request)
        for model in mirrored_models():
            if not may_view(request.user, model):
                options = model._meta
                entries = entries.exclude(
                    content_type__app_label=options.app_label,
                    content_type__model=options.model_name,
                )
        return entries
