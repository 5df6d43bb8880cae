"""The raw tables of the schedule: for superusers alone, and nothing can be started from them.

Whoever may change the schedule does so on the page Schedule, where a task is a mirror's sync and
no name that can be typed. A task that is named here is run with the rights of a worker.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat import models
from django_celery_beat.admin import PeriodicTaskAdmin


class _ForSuperusers:
    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_add_permission = has_module_permission
    has_change_permission = has_delete_permission = has_view_permission


class RawTasks(_ForSuperusers, PeriodicTaskAdmin):
    actions = ("enable_tasks", "disable_tasks", "toggle_tasks")


for model in (
    models.ClockedSchedule,
    models.CrontabSchedule,
    models.IntervalSchedule,
    models.SolarSchedule,
):
    shipped = type(admin.site.get_model_admin(model))
    admin.site.unregister(model)
    admin.site.register(model, type(f"Raw{model.__name__}", (_ForSuperusers, shipped), {}))
admin.site.unregister(models.PeriodicTask)
admin.site.register(models.PeriodicTask, RawTasks)
