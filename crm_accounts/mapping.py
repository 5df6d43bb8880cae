"""Zoho CRM's Account → the mirrored columns of Account, named once.

A record comes from a list, a query or a bulk file: a look-up as {"id": …} or as its id, a number as
Decimal or as text, nothing as None, "" or []. One reader for each of Zoho's data types makes the
same of all three, so that the way of reading is never a change. Among the organization's own
fields, numbers are kept as text with all their digits, moments in UTC, look-ups as ids.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from backoffice.exact import digits
from crm_accounts.models import Account
from integrations.zoho.errors import BadRecord
from integrations.zoho.records import usable_id
from sync import values

T = TypeVar("T")

LIMITS = {field.name: field.max_length for field in Account._meta.fields if field.max_length}
# Digits before and after the point; see products_and_services/mapping.py.
BEFORE, AFTER = 22, 20
NOTHING_CHOSEN = "-None-"  # Zoho's own first choice of a pick list

# A formula whose type Zoho does not say: what looks like a number as Zoho writes them is one.
PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?")
MAX_DEPTH = 20

ZOHOS_OWN = "Nothing on Zoho's pages mends this: show what Zoho sent to Zoho's support."


class FieldType(NamedTuple):
    """What reading a field takes: Zoho's data type (of a formula, that of its result) and the
    values of its pick list."""

    data_type: str = ""
    choices: tuple[str, ...] = ()


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
    def from_payload(
        cls, account: Mapping[str, Any], types: Mapping[str, FieldType] | None = None
    ) -> "AccountFields":
        """Read one account, its own fields by `types`, as far as those are known. Raises BadRecord
        for what the columns cannot hold exactly."""
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
            return cls(custom_fields=_custom(account, types or {}), **standard)
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


class AccountReader:
    """Reads accounts by the types that `types` gives at that moment: metadata may be read again
    while a run is under way."""

    def __init__(self, types: Callable[[], Mapping[str, FieldType]]) -> None:
        self.types = types

    def read(self, account: Mapping[str, Any]) -> AccountFields:
        return AccountFields.from_payload(account, self.types())


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
    except values.UnusableError as error:
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
# What a column's reader takes; a field that has another type in Zoho by now is not read into it.
FITTING: dict[Read, frozenset[str]] = {
    _number: frozenset({"integer", "bigint", "double", "currency", "decimal", "percent"}),
    _whole: frozenset({"integer", "bigint", "double", "decimal"}),
    _moment: frozenset({"datetime"}),
    _look_up: frozenset({"lookup", "ownerlookup", "userlookup"}),
}
NOT_TEXT = frozenset({"lookup", "ownerlookup", "userlookup", "multiselectpicklist", "boolean"})


def fits(api_name: str, data_type: str) -> bool:
    """Whether the column of this standard field can hold what Zoho says that the field is."""
    read = STANDARD[COLUMNS[api_name]][1]
    if not data_type:
        return True
    return data_type in FITTING[read] if read in FITTING else data_type not in NOT_TEXT


# In the place of a standard field that an answer does not have.
NOT_SAID: Any = object()
_EMPTY: dict[str, Any] = {
    column: None if read in (_number, _whole, _moment) else ""
    for column, (_, read) in STANDARD.items()
}
NOTHING_STORED = AccountFields(**_EMPTY, custom_fields={})
API_NAMES = frozenset(key for key, _ in STANDARD.values())
COLUMNS = {key: column for column, (key, _) in STANDARD.items()}


def _custom(account: Mapping[str, Any], types: Mapping[str, FieldType]) -> dict[str, Any]:
    """The organization's own fields by API name, empty ones too: they were said to be empty.
    `completed` leaves those out, so that a new field is no change of every account."""
    return {
        key: None if _is_empty(value) else own_value(key, value, types.get(key, UNKNOWN))
        for key, value in account.items()
        if key not in API_NAMES and key != "id" and not key.startswith("$")
    }


def _is_empty(value: Any) -> bool:
    return value in (None, "", [], {})


# --- one reader for each of Zoho's data types -----------------------------------------------------
#
# Each takes a value as Zoho wrote it, in whichever format, and returns it as it is stored: JSON
# that compares and keeps every digit. None is nothing. Raises BadRecord for what cannot be kept.

UNKNOWN = FieldType()


def own_value(key: str, value: Any, field: FieldType) -> Any:
    return READERS.get(field.data_type, _plain)(key, value, field)


def _own_text(key: str, value: Any, field: FieldType) -> Any:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return _own_number(key, value, field)  # big integers, of older organizations
    return _kept(key, values.text, value) or None


def _own_number(key: str, value: Any, field: FieldType) -> str | None:
    found = _kept(key, values.number, value, before=BEFORE, after=AFTER)
    return None if found is None else digits(found)


def _own_whole(key: str, value: Any, field: FieldType) -> str | None:
    found = _own_number(key, value, field)
    if found and "." in found:
        _kept(key, values.whole, value)  # says that it is none
    return found


def _own_percent(key: str, value: Any, field: FieldType) -> str | None:
    return _own_number(key, value.rstrip(" %") if isinstance(value, str) else value, field)


def _own_boolean(key: str, value: Any, field: FieldType) -> bool | None:
    return _kept(key, values.boolean, value)


def _own_date(key: str, value: Any, field: FieldType) -> str | None:
    text = _kept(key, values.text, value).strip()
    return _kept(key, values.date, text) or None


def _own_moment(key: str, value: Any, field: FieldType) -> str | None:
    """In UTC: Zoho writes moments in the zone of whoever asks."""
    found = _kept(key, values.moment, value)
    return None if found is None else found.astimezone(dt.UTC).isoformat()


def _own_choice(key: str, value: Any, field: FieldType) -> Any:
    text = _own_text(key, value, field)
    if text and text not in field.choices:
        text = text.strip()
    return None if text in (NOTHING_CHOSEN, "") else text


def _own_choices(key: str, value: Any, field: FieldType) -> list[Any]:
    """A list in JSON; in a file a text, divided by semicolons that a value may hold itself."""
    if not isinstance(value, list):
        value = divided(_kept(key, values.text, value), field.choices)
    found = [_own_choice(key, one, field) for one in value if not _is_empty(one)]
    return list(dict.fromkeys(one for one in found if one is not None))


def divided(text: str, choices: Sequence[str]) -> list[str]:
    """The values of a multi-select, which a file joins by a semicolon, with or without a blank
    after it. A value may hold a semicolon itself: the longest choice that fits is meant."""
    known, found = set(choices), []
    longest = 1 + max((choice.count(";") for choice in choices), default=0)
    parts = text.split(";")
    at = 0
    while at < len(parts):
        ends = range(min(longest, len(parts) - at), 0, -1)
        size = next((n for n in ends if ";".join(parts[at : at + n]).strip() in known), 1)
        found.append(";".join(parts[at : at + size]).strip())
        at += size
    return [value for value in found if value]


def _own_look_up(key: str, value: Any, field: FieldType) -> Any:
    """The id of what it points to: all that queries and files say."""
    if isinstance(value, dict):
        value = value.get("id", value.get("name"))
    return _own_text(key, value, field)


def _own_result(key: str, value: Any, field: FieldType) -> Any:
    """A formula whose type Zoho did not say: a number in JSON, perhaps, and text in a file."""
    if isinstance(value, str) and PLAIN_NUMBER.fullmatch(value):
        return _own_number(key, value, field)
    return _plain(key, value, field)


def _plain(key: str, value: Any, field: FieldType, depth: int = MAX_DEPTH) -> Any:
    """Of a type that is not known here."""
    if not depth:
        _kept(key, _too_deep, value)
    if isinstance(value, bool) or value is None or value == NOTHING_CHOSEN:
        return None if value == NOTHING_CHOSEN else value
    if isinstance(value, (int, float, Decimal)):
        return _own_number(key, value, field)
    if isinstance(value, dict):
        return _plain(key, value.get("id", value.get("name")), field, depth - 1)
    if isinstance(value, list):
        return [_plain(key, one, field, depth - 1) for one in value]
    return _kept(key, values.text, value)


def _too_deep(value: Any) -> None:
    raise values.UnusableError("is nested too deeply")


READERS: dict[str, Callable[[str, Any, FieldType], Any]] = {
    **dict.fromkeys(("text", "textarea", "email", "phone", "website", "autonumber"), _own_text),
    "bigint": _own_text,  # as text, so that no digit is lost on the way
    "integer": _own_whole,
    **dict.fromkeys(("double", "currency", "decimal"), _own_number),
    "percent": _own_percent,
    "boolean": _own_boolean,
    "date": _own_date,
    "datetime": _own_moment,
    "picklist": _own_choice,
    "multiselectpicklist": _own_choices,
    **dict.fromkeys(("lookup", "ownerlookup", "userlookup"), _own_look_up),
    **dict.fromkeys(("formula", "rollup_summary"), _own_result),
}
