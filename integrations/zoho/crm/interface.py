"""What can be asked of Zoho CRM's Accounts, whichever way it is asked.

Plain dicts go in and come out, by Zoho's API names: {"id": "4876…", "Account_Name": "Helios",
"Annual_Revenue": Decimal("120000.5"), "Owner": {"id": "48…", "name": "A. B."}}. Ids are strings of
digits, moments texts with their offset. What comes out is what JSON has, at every depth: dict,
list, str, int, Decimal, bool and None; `records.dumps` makes JSON of it with all its digits. What
the caller got wrong is refused here, before a call is spent: ZohoAPIError.

Source: https://www.zoho.com/crm/developer/docs/api/v8/get-records.html and its neighbours.
"""

import datetime as dt
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any, BinaryIO, Literal, NotRequired, Protocol, TypedDict

from integrations.zoho.errors import ZohoAPIError
from integrations.zoho.records import Page

MODULE = "Accounts"
PER_PAGE = 200  # Zoho's most
MOST_BY_PAGE = 2000  # records that a list, or a search, has without page tokens
MOST_FIELDS = 50
WRITES_PER_CALL = 100

# Asked for when the caller does not say which.
DEFAULT_FIELDS = (
    "Account_Name",
    "Account_Number",
    "Account_Site",
    "Account_Type",
    "Annual_Revenue",
    "Billing_City",
    "Billing_Code",
    "Billing_Country",
    "Billing_State",
    "Billing_Street",
    "Created_By",
    "Created_Time",
    "Description",
    "Employees",
    "Fax",
    "Industry",
    "Last_Activity_Time",
    "Modified_By",
    "Modified_Time",
    "Owner",
    "Ownership",
    "Parent_Account",
    "Phone",
    "Rating",
    "SIC_Code",
    "Shipping_City",
    "Shipping_Code",
    "Shipping_Country",
    "Shipping_State",
    "Shipping_Street",
    "Tag",
    "Ticker_Symbol",
    "Website",
)
ALIASES = {
    "account_name": "Account_Name",
    "account_type": "Account_Type",
    "industry": "Industry",
    "annual_revenue": "Annual_Revenue",
    "phone": "Phone",
    "website": "Website",
    "description": "Description",
}
SORT_BY = ("id", "Created_Time", "Modified_Time")
SORT_ORDER = ("asc", "desc")
DELETED_KINDS = ("all", "recycle", "permanent")

_ID = re.compile(r"[0-9]{1,20}")
_NAME = re.compile(r"[A-Za-z$][A-Za-z0-9_$]{0,99}(?:\.[A-Za-z][A-Za-z0-9_]{0,99})?")

Account = dict[str, Any]


class Outcome(TypedDict):
    """What became of one record of a bulk update, by its position.

    "success"; "error": Zoho refused it, `code` says why; "unknown": it may have been written, look
    at it before sending it again; "not_sent". `details` are names, {"api_name": "Phone"}.
    `modified_time` is Zoho's, of a success.
    """

    id: str
    status: Literal["success", "error", "unknown", "not_sent"]
    code: str
    message: str
    details: dict[str, Any]
    modified_time: NotRequired[str]


class BulkOutcome(TypedDict):
    """total == succeeded + failed + unknown; those not sent are failed. `status_code`: 200 when all
    succeeded, 400 when none did, else 207. `data` is in the order of the records."""

    total: int
    succeeded: int
    failed: int
    unknown: int
    status_code: int
    message: str
    data: list[Outcome]


@dataclass(frozen=True)
class BulkRead:
    """A bulk read job. `state` is Zoho's: ADDED, QUEUED, IN PROGRESS, COMPLETED or FAILURE.

    The rest is known when it is over: `count` rows on this page of at most 200,000; `next_token`
    begins the job for the page after it; `code` says why it failed.
    """

    id: str
    state: str
    count: int = 0
    has_more: bool = False
    next_token: str = ""
    code: str = ""

    @property
    def done(self) -> bool:
        return self.state == "COMPLETED"

    @property
    def failed(self) -> bool:
        return self.state in ("FAILURE", "FAILED")


class Crm(Protocol):
    """Everything raises TryAgain, ZohoAuthError, ZohoConfigError, ZohoAPIError or
    ZohoDatabaseError; the two that write, ZohoUnknownOutcome, too."""

    tier: str  # who answers: "rest"

    @property
    def calls(self) -> int:
        """API calls made so far, repeats included."""
        ...

    @property
    def clock(self) -> float | None:
        """Seconds by which Zoho's clock is ahead of ours; None before the first answer."""
        ...

    def get_accounts(
        self,
        limit: int = PER_PAGE,
        page: int = 1,
        sort_by: str = "id",
        sort_order: str = "asc",
        fields: Sequence[str] | None = None,
    ) -> list[Account]:
        """One page of accounts, of the first 2,000; [] where there are none. One credit."""
        ...

    def iter_account_pages(
        self,
        fields: Sequence[str] | None = None,
        modified_since: dt.datetime | None = None,
        page_token: str = "",
    ) -> Iterator[Page]:
        """All accounts, or those modified after a moment, ids ascending, 200 a page and credit.

        Goes on after the page whose `next_token` is given; the other arguments must then be as
        they were. Raises ZohoPageExpiredError when that token is too old, and ZohoAPIError beyond
        100,000 records: they are for bulk reads.
        """
        ...

    def get_account(
        self, account_id: str, fields: Sequence[str] | None = None, *, fresh: bool = False
    ) -> Account:
        """One account; with all its fields unless some are named. Up to an hour old, unless
        `fresh`. One credit, or none. Raises ZohoNotFoundError."""
        ...

    def update_account(
        self,
        account_id: str,
        field_data: Mapping[str, Any],
        unless_modified_since: dt.datetime | None = None,
        trigger: Sequence[str] | None = None,
    ) -> Account:
        """Write these fields; the account as it then is. Two credits.

        Raises ZohoConflictError when somebody changed it after `unless_modified_since`, and
        ZohoNotFoundError. `trigger` names what may run in Zoho because of it ("workflow",
        "approval", "blueprint"); [] is nothing, None all.
        """
        ...

    def bulk_update_accounts(
        self,
        records: Sequence[Mapping[str, Any]],
        trigger: Sequence[str] | None = None,
        unless_modified_since: dt.datetime | None = None,
    ) -> BulkOutcome:
        """Write the fields of many records, each with its "id", 100 a call, and say of each what
        became of it. A credit for every ten.

        With `unless_modified_since`, those that somebody changed after it are told as errors of
        the code ALREADY_MODIFIED; so may be the others of their call, which Zoho then did not
        write either, as far as is known: read them before sending them again.
        Raises only when nothing at all was sent.
        """
        ...

    def search_accounts(
        self,
        criteria: str | None = None,
        *,
        email: str | None = None,
        phone: str | None = None,
        word: str | None = None,
        limit: int = PER_PAGE,
        fields: Sequence[str] | None = None,
    ) -> list[Account]:
        """Up to `limit` accounts, at most 2,000, found by exactly one of the four; `criteria` as
        criteria.py builds them. A credit for 200. New records may be missing for a while."""
        ...

    def query_accounts(self, select_query: str) -> list[Account]:
        """What one COQL query answers, at most 2,000 rows; look-ups hold only their id."""
        ...

    def iter_query(
        self, fields: Sequence[str] | None = None, where: str = "id is not null", after_id: str = ""
    ) -> Iterator[list[Account]]:
        """All accounts that meet a COQL condition, ids ascending, up to 2,000 a page; only those
        with a greater id than `after_id`."""
        ...

    def bulk_read_accounts(
        self, criteria: str | None = None, fields: Sequence[str] | None = None
    ) -> list[Account]:
        """All accounts, or all that meet search criteria or a COQL condition. In memory: more than
        a few thousand are for `create_bulk_read`."""
        ...

    def create_bulk_read(
        self,
        fields: Sequence[str] | None = None,
        criteria: Mapping[str, Any] | None = None,
        page: int = 1,
        page_token: str = "",
    ) -> BulkRead:
        """Let Zoho prepare a file of up to 200,000 accounts. 50 credits. `criteria` are bulk
        read's own: {"field": {"api_name": "Industry"}, "comparator": "equal", "value": "Energy"}.
        """
        ...

    def get_bulk_read(self, job_id: str) -> BulkRead:
        """How far that is. One credit. Raises ZohoNotFoundError."""
        ...

    def download_bulk_read(self, job_id: str, into: BinaryIO) -> None:
        """Write its zip, with one CSV inside, to a file. One credit; Zoho allows ten a minute."""
        ...

    def deleted_accounts(
        self, since: dt.datetime | None = None, kind: str = "all"
    ) -> Iterator[dict[str, Any]]:
        """Yield what was deleted, of the last 60 days and from the recycle bin 120: {"id",
        "display_name", "type", "deleted_time", …}. A credit for 200."""
        ...

    def count_accounts(self, criteria: str | None = None) -> int:
        """How many there are, as of some minutes ago. One credit."""
        ...

    def fields(self) -> list[dict[str, Any]]:
        """The fields of Accounts: {"api_name", "data_type", "read_only", …}, of which any may be
        missing. One credit."""
        ...

    def users(self) -> list[dict[str, Any]]:
        """The users, of whom the owners are some: {"id", "full_name", …}; the first 2,000."""
        ...

    def organisation(self) -> dict[str, Any]:
        """Zoho's organisation: {"id", "zgid", "company_name", "type": "production", …}."""
        ...

    def close(self) -> None:
        """Return what is held."""
        ...


def checked_id(account_id: str | int) -> str:
    """An id that can stand in an address."""
    text = "" if isinstance(account_id, bool) else str(account_id)
    if not _ID.fullmatch(text):
        raise ZohoAPIError("An account's id consists of digits only.")
    return text


def api_name(name: str) -> str:
    """Zoho's name of a field, for either spelling."""
    name = ALIASES.get(name, name) if isinstance(name, str) else ""
    if not _NAME.fullmatch(name):
        raise ZohoAPIError("That is not the name of a field. Zoho's look like Account_Name.")
    return name


def field_names(fields: Iterable[str] | None, most: int | None = MOST_FIELDS) -> list[str]:
    """The API names to ask for, each once; the default ones for None."""
    if isinstance(fields, str):
        raise ZohoAPIError("Fields are given as a list of names.")
    names = list(dict.fromkeys(map(api_name, DEFAULT_FIELDS if fields is None else fields)))
    if not names or (most and len(names) > most):
        raise ZohoAPIError(f"Zoho gives 1 to {most} fields at once.")
    return names


def unknown_names(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Which of these names are no field's; those with $ are Zoho's own, and "a.b" is found by a."""
    return [
        name
        for name in names
        if name != "id" and not name.startswith("$") and name.split(".")[0] not in known
    ]


def moment(at: dt.datetime) -> str:
    """A moment as Zoho writes it: "2026-10-05T16:02:21+00:00", whole seconds."""
    if at.tzinfo is None:
        raise ZohoAPIError("A moment needs a time zone.")
    return at.isoformat(timespec="seconds")


def checked_listing(limit: int, page: int, sort_by: str, sort_order: str) -> None:
    """What `get_accounts` allows."""
    if not 1 <= limit <= PER_PAGE:
        raise ZohoAPIError(f"A page has 1 to {PER_PAGE} accounts.")
    if page < 1 or page * limit > MOST_BY_PAGE:
        raise ZohoAPIError(
            f"Pages reach the first {MOST_BY_PAGE:,} accounts; iter_account_pages reaches all."
        )
    if sort_by not in SORT_BY:
        raise ZohoAPIError("Accounts are sorted by " + ", ".join(SORT_BY) + ".")
    if sort_order not in SORT_ORDER:
        raise ZohoAPIError("The order is asc or desc.")


def written(field_data: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as they are sent: API names, moments in Zoho's form. No id: it is not a field."""
    fields = {api_name(name): value for name, value in field_data.items() if name != "id"}
    if not fields:
        raise ZohoAPIError("There is nothing to write.")
    return {name: _sent(name, value) for name, value in fields.items()}


def _sent(field: str, value: Any) -> Any:
    """As JSON has it. Anything else is refused: the encoder would make null of a number that is
    none, which empties the field."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() | Decimal() if isfinite(value):
            return value
        case dt.datetime():
            return moment(value)
        case dt.date():
            return value.isoformat()
        case list() | tuple():
            return [_sent(field, each) for each in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _sent(field, each) for key, each in value.items()}
    raise ZohoAPIError(
        f"What should be written to {field} is no text, number, date or list. Nothing was sent.",
        details={"api_name": field},
    )
