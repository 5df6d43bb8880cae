"""Sync accounts here and now, with a progress bar on a terminal."""

from crm_accounts.services import sync_zoho_accounts_to_db
from sync.command import SyncCommand


class Command(SyncCommand):
    help = (
        "Mirror Zoho CRM's Accounts, here and now. Exit status: 0 good, 1 failed, 2 finished with "
        "failed accounts, 3 another run is active."
    )
    record = "account"
    not_seen_by_changed = "Merged accounts are not seen."
    sync = staticmethod(sync_zoho_accounts_to_db)
