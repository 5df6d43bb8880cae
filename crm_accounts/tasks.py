"""Celery's way in."""

from typing import Any

from celery import Task, shared_task

from crm_accounts.models import Account
from crm_accounts.services import sync_accounts
from sync.models import SyncRun
from sync.start import run_task


@shared_task(bind=True, max_retries=3, default_retry_delay=60)
def task_sync_zoho_accounts(
    self: Task, run_id: int | None = None, mode: str = SyncRun.Mode.FULL
) -> dict[str, Any]:
    """Carry the run `run_id`; without one (the schedule), ask for a new run of `mode` first.

    Returns the stats object.
    """
    return run_task(self, Account, sync_accounts, run_id, mode)
