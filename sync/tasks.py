"""Celery's way in to what all runs share."""

import structlog
from celery import shared_task

from integrations.models import ConnectAttempt
from sync.models import Change, FailedRecord, RunEvent
from sync.models.changes import prune
from sync.queue import wake_forsaken_runs


@shared_task(ignore_result=True)
def wake_runs() -> None:
    """Beat's tick: see `sync.queue.wake_forsaken_runs`."""
    wake_forsaken_runs()


@shared_task(ignore_result=True)
def prune_history() -> None:
    """Beat's daily chore: old history, old failures that are fixed, and attempts to connect that
    nobody finished."""
    ConnectAttempt.forget_old()
    pruned = prune(Change) + prune(RunEvent) + FailedRecord.prune()
    structlog.get_logger(__name__).info("Forgot the oldest history", rows=pruned)
