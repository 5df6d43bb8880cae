"""Starting product syncs: the one place that commands, tasks, views and schedules go through."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from integrations.zoho.errors import ZohoError
from integrations.zoho.inventory import ZohoClient
from products_and_services.mirror import PRODUCTS, InventoryItems
from sync import engine
from sync.models import SyncRun
from sync.runner import carry_out

TASK = "products_and_services.tasks.task_sync_zoho_products"


class SyncFailed(ZohoError):
    """The run ended as failed; the message is the run's own. `run` tells the rest."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(run.message)
        self.run = run


class SyncAlreadyActive(ZohoError):
    """A product sync is active already; `run` is that one."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(f"Product sync {run.pk} is active already.")
        self.run = run


def request_run(
    trigger: SyncRun.Trigger,
    *,
    user: AbstractBaseUser | None = None,
    zoho_item_ids: Sequence[str] = (),
    **fields: Any,
) -> tuple[SyncRun, bool]:
    """A queued product run, or the one that is active already: (run, is it new)."""
    mode = SyncRun.Mode.SELECTED if zoho_item_ids else SyncRun.Mode.FULL
    return SyncRun.request(
        PRODUCTS.kind,
        mode=mode,
        trigger=trigger,
        user=user,
        zoho_ids=list(zoho_item_ids),
        task_name=TASK,
        **fields,
    )


def sync_products(run: SyncRun) -> None:
    """The work of one run. Raises as the client and the engine do."""
    client = ZohoClient.from_database(by_person=run.trigger != SyncRun.Trigger.SCHEDULE)
    engine.sync(run, PRODUCTS, InventoryItems(client))


def sync_zoho_products_to_db(
    zoho_item_ids: Sequence[str] = (),
    *,
    on_start: Callable[[SyncRun], None] = lambda run: None,
    on_wait: Callable[[SyncRun], None] = lambda run: None,
) -> dict[str, Any]:
    """Mirror all of Zoho Inventory's items (or only those named) into Product, here and now.

    Returns the stats object: {"total": 150, "created": 100, "updated": 30, "unchanged": 20,
    "failed": 0, "errors": [], …}. Waits in place when Zoho or the call budget asks for it, after
    telling `on_wait`. Raises SyncAlreadyActive, or SyncFailed with the reason.
    """
    run, is_new = request_run(SyncRun.Trigger.COMMAND, zoho_item_ids=zoho_item_ids)
    if not is_new:
        forsaken = SyncRun.forsaken().filter(pk=run.pk, zoho_ids=list(zoho_item_ids)).exists()
        if not forsaken:
            raise SyncAlreadyActive(run)
        # It was cut off and nobody took it up: where only this function runs, nobody will.
    on_start(run)
    while True:
        run = carry_out(run, sync_products)
        if run.state != SyncRun.State.WAITING:
            break
        on_wait(run)
        pause = (run.resume_at or timezone.now()) - timezone.now()
        time.sleep(max(0.0, pause.total_seconds()))
    if run.state == SyncRun.State.FAILED:
        raise SyncFailed(run)
    return run.stats()
