"""Sync products here and now, with a progress bar on a terminal."""

from products_and_services.services import sync_zoho_products_to_db
from sync.command import SyncCommand


class Command(SyncCommand):
    help = (
        "Mirror Zoho Inventory's items into Products, here and now. Exit status: 0 good, "
        "1 failed, 2 finished with failed items, 3 another run is active."
    )
    record = "item"
    not_seen_by_changed = "Mostly one API call. Stock movements and deletions are not seen."
    sync = staticmethod(sync_zoho_products_to_db)
