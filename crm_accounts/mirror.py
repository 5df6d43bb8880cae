"""Accounts as a mirror of Zoho CRM's: what the engine needs to know."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from crm_accounts.mapping import AccountFields, AccountReader, FieldType
from crm_accounts.models import Account
from sync.mirror import Mirror

ACCOUNTS = Mirror(
    model=Account,
    label="name",
    modified="zoho_modified_at",
    fields=AccountFields._fields,
    read=AccountFields.from_payload,
    complete=AccountFields.completed,
    first_seen=lambda fields: {},
)


def accounts_by(types: Callable[[], Mapping[str, FieldType]]) -> Mirror:
    """The mirror, its records read by the data types that Zoho's metadata gives their fields."""
    return replace(ACCOUNTS, read=AccountReader(types).read)
