"""Celery's way in to what all runs share."""

from celery import shared_task

from sync.queue import wake_forsaken_runs


@shared_task(ignore_result=True)
def wake_runs() -> None:
    """Beat's tick: see `sync.queue.wake_forsaken_runs`."""
    wake_forsaken_runs()
