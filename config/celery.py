"""The Celery app. Its settings, the schedule among them, are the CELERY_ ones of settings.py."""

import logging
import os
import time

from celery import Celery, Task
from celery.signals import setup_logging, task_postrun, task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("zoho_sync")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

log = logging.getLogger("celery.tasks")


@setup_logging.connect
def keep_django_logging(**kwargs: object) -> None:
    """Being connected is enough: Celery then leaves the handlers of settings.LOGGING alone."""


@task_prerun.connect
def note_start(task_id: str, task: Task, **kwargs: object) -> None:
    task.request.started_clock = time.monotonic()
    log.info("Task started: %s[%s]", task.name, task_id)


@task_postrun.connect
def note_end(task_id: str, task: Task, state: str | None = None, **kwargs: object) -> None:
    started = getattr(task.request, "started_clock", None)
    seconds = 0 if started is None else time.monotonic() - started
    log.info("Task %s: %s[%s] Duration: %.1fs", (state or "").lower(), task.name, task_id, seconds)
