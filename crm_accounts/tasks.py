"""Celery's way in."""

from typing import Any

import structlog
from celery import Task, shared_task

from crm_accounts.models import Account, ChangeRequest
from crm_accounts.services import carry_out
from sync.models import SyncRun
from sync.start import run_task


@shared_task(bind=True, max_retries=3, default_retry_delay=60)
def task_sync_zoho_accounts(
    self: Task, run_id: int | None = None, mode: str = SyncRun.Mode.FULL
) -> dict[str, Any]:
    """Carry the run `run_id`; without one (the schedule), ask for a new run of `mode` first.

    Returns the stats object.
    """
    return run_task(self, Account, carry_out, run_id, mode)


@shared_task(ignore_result=True)
def expire_change_requests() -> None:
    """Beat's chore: what nobody approved within 72 hours, drafts that nobody asked for, and what
    a run left without a last word."""
    ChangeRequest.settle_idle()
    expired, forgotten = ChangeRequest.expire(), ChangeRequest.forget_drafts()
    structlog.get_logger(__name__).info(
        "Closed change requests", expired=expired, forgotten=forgotten
    )


@shared_task(ignore_result=True)
def prune_change_requests() -> None:
    """Beat's daily chore."""
    structlog.get_logger(__name__).info(
        "Forgot the oldest change requests", requests=ChangeRequest.prune()
    )
