"""The raw tables of the schedule: for superusers alone, and nothing can be started from them.

Staff change the schedule on the page Schedule, where a task is a mirror's sync. Here a task is a
name that can be typed, and it runs with the rights of a worker.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat import models
from django_celery_beat.admin import PeriodicTaskAdmin

from backoffice.listing import ForSuperusers
from integrations.models import AuditEvent


class OnRecord(ForSuperusers, admin.ModelAdmin):
    """What is changed here changes when mirrors are synced, or whether they are."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for one in queryset:
            self._record(request, one, deleted=True)
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, obj: Any, **details: Any) -> None:
        AuditEvent.record(
            AuditEvent.Action.SCHEDULE_CHANGED, user=request.user, about=str(obj), **details
        )


class RawTasks(OnRecord, PeriodicTaskAdmin):
    actions = ()  # they would start tasks, or switch them without a record


for model in (
    models.ClockedSchedule,
    models.CrontabSchedule,
    models.IntervalSchedule,
    models.SolarSchedule,
):
    shipped = type(admin.site.get_model_admin(model))
    admin.site.unregister(model)
    admin.site.register(model, type(f"Raw{model.__name__}", (OnRecord, shipped), {}))
admin.site.unregister(models.PeriodicTask)
admin.site.register(models.PeriodicTask, RawTasks)
