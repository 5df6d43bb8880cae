"""The raw tables of the schedule: for superusers alone, and nothing can be started from them.

Staff change the schedule on the page Schedule, where a task is a mirror's sync. Here a task is a
name that can be typed, and it runs with the rights of a worker.
"""

from django.contrib import admin
from django_celery_beat import models
from django_celery_beat.admin import PeriodicTaskAdmin

from integrations.listing import ForSuperusers


class RawTasks(ForSuperusers, PeriodicTaskAdmin):
    actions = ("enable_tasks", "disable_tasks", "toggle_tasks")


for model in (
    models.ClockedSchedule,
    models.CrontabSchedule,
    models.IntervalSchedule,
    models.SolarSchedule,
):
    shipped = type(admin.site.get_model_admin(model))
    admin.site.unregister(model)
    admin.site.register(model, type(f"Raw{model.__name__}", (ForSuperusers, shipped), {}))
admin.site.unregister(models.PeriodicTask)
admin.site.register(models.PeriodicTask, RawTasks)
