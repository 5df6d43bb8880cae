"""The Celery app. Its settings, the schedule among them, are the CELERY_ ones of settings.py."""

import logging
import os
import time

from celery import Celery, Task
from celery.signals import setup_logging, task_postrun, task_prerun

from notices.timer import CheckTimer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("zoho_sync")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(CheckTimer)

log = logging.getLogger("celery.tasks")


@setup_logging.connect
def keep_django_logging(**kwargs: object) -> None:
    """Being connected is enough: Celery then leaves the handlers of settings.LOGGING alone."""


@task_prerun.connect
def note_start(task_id: str, task: Task, **kwargs: object) -> None:
    task.request.started_clock = time.monotonic()
    log.log(_level(task), "Task started: %s[%s]", task.name, task_id)


@task_postrun.connect
def note_end(
    task_id: str, task: Task, retval: object, state: str | None = None, **kwargs: object
) -> None:
    seconds = time.monotonic() - getattr(task.request, "started_clock", time.monotonic())
    log.log(
        _level(task),
        "Task %s: %s[%s] Duration: %.1fs Result: %s",
        (state or "ended").lower(),
        task.name,
        task_id,
        seconds,
        retval,
    )


def _level(task: Task) -> int:
    """Beat's ticks come every few seconds and would bury the rest."""
    return logging.DEBUG if task.ignore_result else logging.INFO
