"""Zoho CRM's Account → the mirrored columns of Account, named once.

Records arrive in one shape, however they were read: Zoho's own JSON, look-ups as {"id": …}, numbers
as Decimal or int, None for empty. `source.py` brings the bulk read's CSV into it.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from crm_accounts.models import Account
from integrations.zoho.errors import BadRecord

LIMITS = {field.name: field.max_length for field in Account._meta.fields if field.max_length}
DIGITS, DECIMALS = 30, 9
LARGEST = 2**63

ANEW = "Open the account in Zoho, type its {} anew instead of pasting it, and save."
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
                column: read(account, key, column) for column, (key, read) in STANDARD.items()
            }
            if not standard["name"]:
                raise BadRecord(
                    "The account has no Account_Name.",
                    remedy="Open the account in Zoho, fill in its name, and save.",
                )
            return cls(custom_fields=_custom(account), **standard)
        except BadRecord as error:
            error.zoho_id = zoho_id
            raise

    def completed(self, row: tuple[Any, ...]) -> "AccountFields":
        """Nothing is missing of an account that was asked for by its id."""
        return self


def read_id(account: Any) -> str:
    """Zoho's id of the account, always a string. Raises BadRecord when it has none."""
    zoho_id = account.get("id") if isinstance(account, dict) else None
    if not isinstance(zoho_id, str) or not zoho_id.isascii() or not zoho_id.isdecimal():
        raise BadRecord("Zoho sent an account without a usable id.", remedy=ZOHOS_OWN)
    if len(zoho_id) > LIMITS["zoho_account_id"]:
        raise BadRecord("Zoho sent an account without a usable id.", remedy=ZOHOS_OWN)
    return zoho_id


def _text(account: Mapping[str, Any], key: str, column: str) -> str:
    value = account.get(key)
    if value is None or value == "":
        return ""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        value = str(value)  # Account_Number is a text in new organisations, a number in old ones
    if not isinstance(value, str):
        raise BadRecord(f"The account's {key} is not text.", remedy=ANEW.format(key))
    limit = LIMITS.get(column)
    if limit and len(value) > limit:
        raise BadRecord(
            f"The account's {key} is longer than the {limit} characters that fit.",
            remedy=f"Open the account in Zoho, shorten its {key}, and save.",
        )
    if "\0" in value:
        raise BadRecord(
            f"The account's {key} contains a NUL character, which PostgreSQL refuses.",
            remedy=ANEW.format(key),
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRecord(
            f"The account's {key} contains half of a character.", remedy=ANEW.format(key)
        ) from None
    return value


def _number(account: Mapping[str, Any], key: str, column: str) -> Decimal | None:
    value = account.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise BadRecord(f"The account's {key} is not a number.", remedy=ANEW.format(key))
    number = Decimal(value).normalize()
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        raise BadRecord(f"The account's {key} is not a number.", remedy=ANEW.format(key))
    if -exponent > DECIMALS or number.adjusted() >= DIGITS - DECIMALS:
        raise BadRecord(
            f"The account's {key} is too long to be stored exactly: {DIGITS - DECIMALS} digits "
            f"before and {DECIMALS} after the point fit.",
            remedy=f"Open the account in Zoho, round its {key}, and save.",
        )
    return number


def _whole(account: Mapping[str, Any], key: str, column: str) -> int | None:
    number = _number(account, key, column)
    if number is None:
        return None
    if number != number.to_integral_value() or abs(number) >= LARGEST:
        raise BadRecord(f"The account's {key} is not a whole number.", remedy=ANEW.format(key))
    return int(number)


def _look_up(account: Mapping[str, Any], key: str, column: str) -> str:
    value = account.get(key)
    pointed_at = value.get("id") if isinstance(value, dict) else value
    return _text({key: pointed_at}, key, column)


def _moment(account: Mapping[str, Any], key: str, column: str) -> dt.datetime | None:
    value = account.get(key)
    if value is None or value == "":
        return None
    save_again = "Open the account in Zoho and save it once more, so that its times are anew."
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRecord(f"The account's {key} is not a date and time.", remedy=save_again) from None
    if moment.tzinfo is None:
        raise BadRecord(f"The account's {key} has no time zone.", remedy=save_again)
    return moment


Read = Callable[[Mapping[str, Any], str, str], Any]
# Column → (Zoho's API name, how it is read).
STANDARD: dict[str, tuple[str, Read]] = {
    "name": ("Account_Name", _text),
    "account_number": ("Account_Number", _text),
    "account_site": ("Account_Site", _text),
    "account_type": ("Account_Type", _text),
    "industry": ("Industry", _text),
    "ownership": ("Ownership", _text),
    "rating": ("Rating", _text),
    "annual_revenue": ("Annual_Revenue", _number),
    "currency": ("Currency", _text),
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
API_NAMES = frozenset(key for key, _ in STANDARD.values())
COLUMNS = {key: column for column, (key, _) in STANDARD.items()}


def _custom(account: Mapping[str, Any]) -> dict[str, Any]:
    """The organisation's own fields by API name, in an order that does not move; empty ones left
    out, so that a new field is no change of every account."""
    return {
        key: plain
        for key in sorted(account)
        if key not in API_NAMES and key != "id" and not key.startswith("$")
        for plain in (_plain(key, account[key]),)
        if plain not in (None, "", [], {})
    }


def _plain(key: str, value: Any) -> Any:
    """As JSON that compares and keeps every digit: numbers as text, look-ups as their id."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, Decimal)):
        return f"{Decimal(value).normalize():f}"
    if isinstance(value, dict):
        return _plain(key, value.get("id", value.get("name")))
    if isinstance(value, list):
        return [_plain(key, one) for one in value]
    return _text({key: value}, key, "")
