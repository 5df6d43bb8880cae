"""Accounts as a mirror of Zoho CRM's: what the engine needs to know."""

from crm_accounts.mapping import AccountFields
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
