"""Account syncs under the names that others use; what all mirrors share is in sync/start.py."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from crm_accounts.metadata import fields_to_read
from crm_accounts.mirror import accounts_by
from crm_accounts.models import Account
from crm_accounts.source import CrmAccounts
from crm_accounts.write_back.sending import send_changes
from integrations.zoho.crm.tiers import TieredCrm
from sync import engine, start
from sync.models import SyncRun


def carry_out(run: SyncRun) -> None:
    """The work of one run, whichever way the accounts go. Raises as client and engine do."""
    if run.mode == SyncRun.Mode.SENT:
        send_changes(run)
    else:
        sync_accounts(run)


def sync_accounts(run: SyncRun) -> None:
    """The work of a run that reads."""
    with closing(TieredCrm.from_database(run.purpose(), run.tell_repeat)) as client:
        source = CrmAccounts(
            client,
            lambda again: fields_to_read(client, run.tell, again),
            cursor=run.cursor,
            remember=lambda cursor: run.note(cursor=cursor),
            tell=run.tell,
            sleep=time.sleep,
        )
        engine.sync(run, accounts_by(lambda: source.types), source)


def sync_zoho_accounts_to_db(zoho_ids: Sequence[str] = (), **options: Any) -> dict[str, Any]:
    """Mirror Zoho CRM's Accounts, here and now: all, those changed (`mode=SyncRun.Mode.CHANGED`),
    or only those named. With `dry_run=True` it writes nothing.

    Returns the stats object. Raises SyncAlreadyActiveError, or SyncFailedError with the reason.
    """
    return start.run_here(Account, sync_accounts, zoho_ids, **options)
