"""Product syncs under the names that others use; what all mirrors share is in sync/start.py."""

from collections.abc import Iterable, Sequence
from typing import Any

from integrations.zoho.inventory import ZohoClient
from products_and_services.mirror import PRODUCTS, InventoryItems
from products_and_services.models import Product
from sync import engine, start
from sync.models import SyncRun
from sync.start import SyncAlreadyActiveError, SyncFailedError

__all__ = [
    "SyncAlreadyActiveError",
    "SyncFailedError",
    "request_run",
    "sync_products",
    "sync_zoho_products_to_db",
]


def request_run(
    trigger: SyncRun.Trigger, *, zoho_item_ids: Iterable[str] = (), **fields: Any
) -> tuple[SyncRun, bool]:
    """A queued product run, or the one that is active already; as `sync.start.request_run`."""
    return start.request_run(Product, trigger, zoho_ids=zoho_item_ids, **fields)


def sync_products(run: SyncRun) -> None:
    """The work of one run. Raises as the client and the engine do."""
    client = ZohoClient.from_database(run.purpose(), run.tell_repeat)
    engine.sync(run, PRODUCTS, InventoryItems(client))


def sync_zoho_products_to_db(zoho_item_ids: Sequence[str] = (), **options: Any) -> dict[str, Any]:
    """Mirror Zoho Inventory's items into Product, here and now: all, those changed
    (`mode=SyncRun.Mode.CHANGED`), or only those named. With `dry_run=True` it writes nothing and
    tells in the run's changes what would be.

    Returns the stats object: {"total": 150, "created": 100, "updated": 30, "unchanged": 20,
    "failed": 0, "errors": [], …}. Waits in place when Zoho or the call budget asks for it. Raises
    SyncAlreadyActiveError, or SyncFailedError with the reason.
    """
    return start.run_here(Product, sync_products, zoho_item_ids, **options)
