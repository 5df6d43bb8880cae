"""Celery's way in."""

import structlog
from celery import shared_task

from notices import watch
from notices.models import Notice


@shared_task(ignore_result=True, time_limit=300)
def check() -> None:
    """The minute's look: see `watch.check`. Sent by each worker's own timer, never by beat."""
    watch.check()


@shared_task(ignore_result=True)
def prune() -> None:
    """Beat's daily chore: notices that were over long ago."""
    structlog.get_logger(__name__).info("Forgot the oldest notices", rows=Notice.prune())
