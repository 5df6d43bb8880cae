"""Starting product syncs: the one place that commands, tasks, views and schedules go through."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.utils import timezone

from integrations.zoho.errors import TryAgain, ZohoError
from integrations.zoho.inventory import ZohoClient
from products_and_services.mirror import PRODUCTS, InventoryItems
from products_and_services.models import Product
from sync import engine
from sync.models import SyncRun
from sync.runner import carry_out


class SyncFailed(ZohoError):
    """The run failed, or a person stopped it; the message is its own. `run` tells the rest."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(run.in_words())
        self.run = run


class SyncAlreadyActive(ZohoError):
    """A product sync is active already; `run` is that one."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(f"Product sync {run.pk} is active already.")
        self.run = run


def request_run(
    trigger: SyncRun.Trigger,
    *,
    mode: SyncRun.Mode = SyncRun.Mode.FULL,
    zoho_item_ids: Iterable[str] = (),
    **fields: Any,
) -> tuple[SyncRun, bool]:
    """A queued product run, or the one that is active already: (run, is it new).

    The items of `zoho_item_ids` are asked for in the selected mode. `fields` are the run's own:
    user, dry_run, origin.
    """
    return SyncRun.request(
        PRODUCTS.kind,
        mode=mode,
        trigger=trigger,
        zoho_ids=zoho_item_ids,
        task_name=Product.SYNC_TASK,
        **fields,
    )


def sync_products(run: SyncRun) -> None:
    """The work of one run. Raises as the client and the engine do."""

    def tell(error: TryAgain) -> None:
        run.tell(f"{error.message} Asked once more.", codes=error.codes)

    client = ZohoClient.from_database(run.purpose(), tell)
    engine.sync(run, PRODUCTS, InventoryItems(client))


def sync_zoho_products_to_db(
    zoho_item_ids: Sequence[str] = (),
    *,
    mode: SyncRun.Mode = SyncRun.Mode.FULL,
    dry_run: bool = False,
    on_start: Callable[[SyncRun], None] = lambda run: None,
    on_wait: Callable[[SyncRun], None] = lambda run: None,
) -> dict[str, Any]:
    """Mirror Zoho Inventory's items into Product, here and now: all, those changed, or only those
    named. A dry run writes nothing and tells in the run's changes what would be.

    Returns the stats object: {"total": 150, "created": 100, "updated": 30, "unchanged": 20,
    "failed": 0, "errors": [], …}. Waits in place when Zoho or the call budget asks for it, after
    telling `on_wait`. Raises SyncAlreadyActive, or SyncFailed with the reason.
    """
    if zoho_item_ids:
        mode = SyncRun.Mode.SELECTED
    run, is_new = request_run(
        SyncRun.Trigger.COMMAND, mode=mode, dry_run=dry_run, zoho_item_ids=zoho_item_ids
    )
    if not is_new:
        alike = SyncRun.objects.filter(pk=run.pk, mode=mode, dry_run=dry_run)
        # It was cut off and nobody took it up: where only this function runs, nobody will.
        if zoho_item_ids or not (alike & SyncRun.forsaken()).exists():
            raise SyncAlreadyActive(run)
    on_start(run)
    while True:
        run = carry_out(run, sync_products)
        if run.state != SyncRun.State.WAITING:
            break
        on_wait(run)
        pause = (run.resume_at or timezone.now()) - timezone.now()
        time.sleep(max(0.0, pause.total_seconds()))
    if run.state not in SyncRun.COMPLETE:
        raise SyncFailed(run)
    return run.stats()
