"""Celery's way in."""

from typing import Any

from celery import Task, shared_task

from products_and_services.models import Product
from products_and_services.services import sync_products
from sync.models import SyncRun
from sync.start import run_task


@shared_task(bind=True, max_retries=3, default_retry_delay=60)
def task_sync_zoho_products(
    self: Task, run_id: int | None = None, mode: str = SyncRun.Mode.FULL
) -> dict[str, Any]:
    """Carry the run `run_id`; without one (the schedule), ask for a new run of `mode` first.

    Returns the stats object.
    """
    return run_task(self, Product, sync_products, run_id, mode)
