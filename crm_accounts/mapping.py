"""Zoho CRM's Account → the mirrored columns of Account, named once.

Records arrive in one shape, however they were read: Zoho's own JSON, look-ups as {"id": …}, numbers
as Decimal or int, None for empty. `source.py` brings the bulk read's CSV into it.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from crm_accounts.models import Account
from integrations.exact import digits
from integrations.zoho.errors import BadRecord
from integrations.zoho.records import usable_id
from sync import values

T = TypeVar("T")

LIMITS = {field.name: field.max_length for field in Account._meta.fields if field.max_length}
# Digits before and after the point; see products_and_services/mapping.py.
BEFORE, AFTER = 22, 20
NOTHING_CHOSEN = "-None-"  # Zoho's own first choice of a pick list

ZOHOS_OWN = "Nothing on Zoho's pages mends this: show what Zoho sent to Zoho's support."


class AccountFields(NamedTuple):
    """What Account mirrors; "changed" is `!=`."""

    name: str
    account_number: str
    account_site: str
    account_type: str
    industry: str
    ownership: str
    rating: str
    annual_revenue: Decimal | None
    currency: str
    exchange_rate: Decimal | None
    employees: int | None
    sic_code: int | None
    ticker_symbol: str
    phone: str
    fax: str
    website: str
    owner_id: str
    parent_account_id: str
    billing_street: str
    billing_city: str
    billing_state: str
    billing_code: str
    billing_country: str
    shipping_street: str
    shipping_city: str
    shipping_state: str
    shipping_code: str
    shipping_country: str
    description: str
    custom_fields: dict[str, Any]
    zoho_created_at: dt.datetime | None
    zoho_modified_at: dt.datetime | None

    @classmethod
    def from_payload(cls, account: Mapping[str, Any]) -> "AccountFields":
        """Read one account. Raises BadRecord for what the columns cannot hold exactly."""
        zoho_id = read_id(account)
        try:
            standard = {
                column: read(account, key, column) if key in account else NOT_SAID
                for column, (key, read) in STANDARD.items()
            }
            if standard["name"] in ("", NOT_SAID):
                raise BadRecord(
                    "The account has no Account_Name.",
                    remedy="Open the account in Zoho, fill in its name, and save.",
                    field="Account_Name",
                )
            return cls(custom_fields=_custom(account), **standard)
        except BadRecord as error:
            error.zoho_id = zoho_id
            raise

    def completed(self, row: tuple[Any, ...] | None) -> "AccountFields":
        """These fields, with what the answer did not say kept as stored: a field that was removed,
        hidden or not asked for has not been emptied by anybody."""
        stored = AccountFields(*row) if row else NOTHING_STORED
        fields = [
            kept if said is NOT_SAID else said for said, kept in zip(self, stored, strict=True)
        ]
        said = self.custom_fields
        kept = {name: value for name, value in stored.custom_fields.items() if name not in said}
        custom = {**kept, **{name: value for name, value in said.items() if not _is_empty(value)}}
        return AccountFields._make(fields)._replace(custom_fields=dict(sorted(custom.items())))


def read_id(account: Any) -> str:
    """Zoho's id of the account, always a string. Raises BadRecord when it has none."""
    found = account.get("id") if isinstance(account, dict) else None
    zoho_id = usable_id(found, LIMITS["zoho_account_id"])
    if not zoho_id.isdecimal():
        raise BadRecord("Zoho sent an account without a usable id.", remedy=ZOHOS_OWN, field="id")
    return zoho_id


def _kept(key: str, reader: Callable[..., T], value: Any, **limits: Any) -> T:
    """`value`, the account's `key`, by one of the readers of sync/values.py."""
    try:
        return reader(value, **limits)
    except values.Unusable as error:
        fix = error.fix.format(f"its {key}")
        raise BadRecord(
            f"The account's {key} {error.problem}.",
            remedy=f"Open the account in Zoho, {fix}, and save.",
            field=key,
        ) from None


def _text(account: Mapping[str, Any], key: str, column: str) -> str:
    value = account.get(key)
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        # Account_Number is a text in new organizations, a number in old ones.
        value = digits(Decimal(value))
    return _kept(key, values.text, value, limit=LIMITS.get(column))


def _choice(account: Mapping[str, Any], key: str, column: str) -> str:
    chosen = _text(account, key, column)
    return "" if chosen == NOTHING_CHOSEN else chosen


def _number(account: Mapping[str, Any], key: str, column: str) -> Decimal | None:
    return _kept(key, values.number, account.get(key), before=BEFORE, after=AFTER)


def _whole(account: Mapping[str, Any], key: str, column: str) -> int | None:
    return _kept(key, values.whole, account.get(key))


def _look_up(account: Mapping[str, Any], key: str, column: str) -> str:
    return _text({key: _pointed_at(account.get(key))}, key, column)


def _pointed_at(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def _moment(account: Mapping[str, Any], key: str, column: str) -> dt.datetime | None:
    return _kept(key, values.moment, account.get(key))


Read = Callable[[Mapping[str, Any], str, str], Any]
# Column → (Zoho's API name, how it is read).
STANDARD: dict[str, tuple[str, Read]] = {
    "name": ("Account_Name", _text),
    "account_number": ("Account_Number", _text),
    "account_site": ("Account_Site", _text),
    "account_type": ("Account_Type", _choice),
    "industry": ("Industry", _choice),
    "ownership": ("Ownership", _choice),
    "rating": ("Rating", _choice),
    "annual_revenue": ("Annual_Revenue", _number),
    "currency": ("Currency", _choice),
    "exchange_rate": ("Exchange_Rate", _number),
    "employees": ("Employees", _whole),
    "sic_code": ("SIC_Code", _whole),
    "ticker_symbol": ("Ticker_Symbol", _text),
    "phone": ("Phone", _text),
    "fax": ("Fax", _text),
    "website": ("Website", _text),
    "owner_id": ("Owner", _look_up),
    "parent_account_id": ("Parent_Account", _look_up),
    **{
        f"{kind.lower()}_{part.lower()}": (f"{kind}_{part}", _text)
        for kind in ("Billing", "Shipping")
        for part in ("Street", "City", "State", "Code", "Country")
    },
    "description": ("Description", _text),
    "zoho_created_at": ("Created_Time", _moment),
    "zoho_modified_at": ("Modified_Time", _moment),
}
# In the place of a standard field that an answer does not have.
NOT_SAID: Any = object()
_EMPTY: dict[str, Any] = {
    column: None if read in (_number, _whole, _moment) else ""
    for column, (_, read) in STANDARD.items()
}
NOTHING_STORED = AccountFields(**_EMPTY, custom_fields={})
API_NAMES = frozenset(key for key, _ in STANDARD.values())
COLUMNS = {key: column for column, (key, _) in STANDARD.items()}


def _custom(account: Mapping[str, Any]) -> dict[str, Any]:
    """The organization's own fields by API name, empty ones too: they were said to be empty.
    `completed` leaves those out, so that a new field is no change of every account."""
    return {
        key: _plain(key, value)
        for key, value in account.items()
        if key not in API_NAMES and key != "id" and not key.startswith("$")
    }


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


def _plain(key: str, value: Any) -> Any:
    """As JSON that compares and keeps every digit: numbers as text, look-ups as their id."""
    if isinstance(value, bool) or value is None or value == NOTHING_CHOSEN:
        return None if value == NOTHING_CHOSEN else value
    if isinstance(value, (int, float, Decimal)):
        found = _kept(key, values.number, value, before=BEFORE, after=AFTER)
        return None if found is None else digits(found)
    if isinstance(value, dict):
        return _plain(key, value.get("id", value.get("name")))
    if isinstance(value, list):
        return [_plain(key, one) for one in value]
    return _kept(key, values.text, value)
