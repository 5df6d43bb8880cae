"""Which way Zoho CRM is asked, and what happens when that way is shut.

One record, or a few: the MCP server where there is one, else REST. A hundred and more, and all
that the schedule does: Zoho's SDK. What a tier cannot do, and what it could not do because it is
out of order, the next one does. A limit of Zoho's never leads to another tier, because all draw
on the same credits; nor does a mistake of the caller's, or a connection that Zoho refuses, which
would be refused again.

A write is never sent twice. When nobody knows whether Zoho carried it out, the record is read back
and compared with what was sent.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, Literal, TypeVar

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from integrations.models import ZohoUsage
from integrations.zoho.crm.breaker import Breaker
from integrations.zoho.crm.bulk import not_sent, summed_up
from integrations.zoho.crm.interface import (
    PER_PAGE,
    WRITES_PER_CALL,
    Account,
    BulkOutcome,
    BulkRead,
    Crm,
    Outcome,
    api_name,
)
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.crm.sdk import SdkCrm
from integrations.zoho.crm.sdk_calls import SdkUnsupportedError
from integrations.zoho.errors import (
    TryAgain,
    ZohoError,
    ZohoPageExpiredError,
    ZohoUnavailableError,
    ZohoUnknownOutcome,
)
from integrations.zoho.records import Page

log = structlog.get_logger(__name__)
T = TypeVar("T")
P = TypeVar("P")

FEW = ("mcp", "rest", "sdk")
MANY = ("sdk", "rest")
# Zoho's clock and ours differ by less: a record last modified this long before we wrote was not
# modified by us.
CLOCKS_DIFFER = dt.timedelta(minutes=1)

# Of a page whose number alone leads to the next one.
UNKNOWN_PLACE = "?"


def order_of(records: int | None, purpose: ZohoUsage.Purpose) -> tuple[str, ...]:
    """The tiers to try for so many records, first choice first; None is all there are."""
    many = records is None or records >= settings.ZOHO_SDK_FROM_RECORDS
    return MANY if many or purpose == ZohoUsage.Purpose.SCHEDULE else FEW


class _NoOutcome(ZohoUnknownOutcome):
    """Of no record of a batch is known what became of it."""

    def __init__(self, told: list[Outcome]) -> None:
        super().__init__("Zoho's answer to the changes did not come.")
        self.told = told


class TieredCrm:
    """The methods of `Crm`, by whichever tier can. `tier` says which gave the latest answer."""

    def __init__(
        self,
        tiers: Mapping[str, Crm],
        purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON,
    ) -> None:
        self.tiers = tiers
        self.purpose = purpose
        self.tier = ""

    @classmethod
    def from_database(
        cls,
        purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON,
        tell: Callable[[TryAgain], None] = lambda error: None,
    ) -> "TieredCrm":
        """All ways there are for the one stored connection, over one transport.

        Raises ZohoConfigError when there is no connection.
        """
        rest = RestCrm.from_database(purpose, tell)
        return cls({"rest": rest, "sdk": SdkCrm(rest.credential, rest.transport)}, purpose)

    @property
    def calls(self) -> int:
        """API calls made so far, repeats included."""
        return max(getattr(crm, "calls", 0) for crm in self.tiers.values())

    @property
    def clock(self) -> float | None:
        """Seconds by which Zoho's clock is ahead of ours; None before the first answer."""
        clocks = (getattr(crm, "clock", None) for crm in self.tiers.values())
        return next((clock for clock in clocks if clock is not None), None)

    def close(self) -> None:
        for crm in self.tiers.values():
            crm.close()

    # --- reading --------------------------------------------------------------------------------

    def get_accounts(
        self,
        limit: int = PER_PAGE,
        page: int = 1,
        sort_by: str = "id",
        sort_order: str = "asc",
        fields: Sequence[str] | None = None,
    ) -> list[Account]:
        return self._ask(
            limit, lambda crm: crm.get_accounts(limit, page, sort_by, sort_order, fields)
        )

    def iter_account_pages(
        self,
        fields: Sequence[str] | None = None,
        modified_since: dt.datetime | None = None,
        page_token: str = "",
    ) -> Iterator[Page]:
        """A tier that fails is followed by one that goes on after the last page it gave."""

        def begin(crm: Crm, token: str) -> Iterator[Page]:
            if token == UNKNOWN_PLACE:
                raise ZohoPageExpiredError("Zoho gave no token by which another could go on.")
            return crm.iter_account_pages(fields, modified_since, token)

        pages = self._walk(
            begin,
            page_token,
            lambda page, token: page.next_token or UNKNOWN_PLACE if page.has_more else None,
        )
        for number, page in enumerate(pages, 1):
            yield replace(page, number=number)

    def get_account(
        self, account_id: str, fields: Sequence[str] | None = None, *, fresh: bool = False
    ) -> Account:
        return self._ask(1, lambda crm: crm.get_account(account_id, fields, fresh=fresh))

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
        return self._ask(
            limit,
            lambda crm: crm.search_accounts(
                criteria, email=email, phone=phone, word=word, limit=limit, fields=fields
            ),
        )

    def query_accounts(self, select_query: str) -> list[Account]:
        return self._ask(rows_asked(select_query), lambda crm: crm.query_accounts(select_query))

    def iter_query(
        self, fields: Sequence[str] | None = None, where: str = "id is not null", after_id: str = ""
    ) -> Iterator[list[Account]]:
        return self._walk(
            lambda crm, after: crm.iter_query(fields, where, after),
            after_id,
            lambda rows, after: str(rows[-1]["id"]) if rows else after,
        )

    def bulk_read_accounts(
        self, criteria: str | None = None, fields: Sequence[str] | None = None
    ) -> list[Account]:
        return self._ask(None, lambda crm: crm.bulk_read_accounts(criteria, fields))

    def create_bulk_read(
        self,
        fields: Sequence[str] | None = None,
        criteria: Mapping[str, Any] | None = None,
        page: int = 1,
        page_token: str = "",
    ) -> BulkRead:
        return self._ask(None, lambda crm: crm.create_bulk_read(fields, criteria, page, page_token))

    def get_bulk_read(self, job_id: str) -> BulkRead:
        return self._ask(None, lambda crm: crm.get_bulk_read(job_id))

    def download_bulk_read(self, job_id: str, into: BinaryIO) -> None:
        self._ask(None, lambda crm: crm.download_bulk_read(job_id, into))

    def deleted_accounts(
        self, since: dt.datetime | None = None, kind: str = "all"
    ) -> Iterator[dict[str, Any]]:
        def unseen(crm: Crm, seen: frozenset[str]) -> Iterator[list[dict[str, Any]]]:
            rows = (row for row in crm.deleted_accounts(since, kind) if row["id"] not in seen)
            while page := list(islice(rows, PER_PAGE)):
                yield page

        nothing: frozenset[str] = frozenset()
        pages = self._walk(unseen, nothing, lambda rows, seen: seen | {row["id"] for row in rows})
        for rows in pages:
            yield from rows

    def count_accounts(self, criteria: str | None = None) -> int:
        return self._ask(1, lambda crm: crm.count_accounts(criteria))

    def fields(self) -> list[dict[str, Any]]:
        return self._ask(1, lambda crm: crm.fields())

    def users(self) -> list[dict[str, Any]]:
        return self._ask(1, lambda crm: crm.users())

    def organisation(self) -> dict[str, Any]:
        return self._ask(1, lambda crm: crm.organisation())

    # --- writing --------------------------------------------------------------------------------

    def update_account(
        self,
        account_id: str,
        field_data: Mapping[str, Any],
        unless_modified_since: dt.datetime | None = None,
        trigger: Sequence[str] | None = None,
    ) -> Account:
        """As `Crm.update_account`; after an outcome that nobody knows, the record is looked at.

        Raises ZohoUnavailableError when it was found not to be written: it may be sent again. And
        ZohoUnknownOutcome when looking did not tell, or was not possible.
        """
        began = timezone.now()
        try:
            return self._ask(
                1,
                lambda crm: crm.update_account(
                    account_id, field_data, unless_modified_since, trigger
                ),
            )
        except ZohoUnknownOutcome as error:
            try:
                found = self.get_account(account_id, fresh=True)
            except ZohoError:
                raise error from None
            match compared(field_data, found, began):
                case "success":
                    return found
                case "not_sent":
                    raise ZohoUnavailableError(
                        "Zoho's answer to a change did not come. The record was read back: nothing "
                        "was written."
                    ) from error
            raise

    def bulk_update_accounts(
        self,
        records: Sequence[Mapping[str, Any]],
        trigger: Sequence[str] | None = None,
        unless_modified_since: dt.datetime | None = None,
    ) -> BulkOutcome:
        """As `Crm.bulk_update_accounts`. What one tier could not send because it is out of order,
        the next one sends; what may have been written is looked at, and said."""
        began = timezone.now()
        outcomes: list[Outcome] = []
        for start in range(0, len(records), WRITES_PER_CALL) or (0,):
            some = records[start : start + WRITES_PER_CALL]
            try:
                outcomes += self._update_some(
                    len(records),
                    lambda crm, some=some: crm.bulk_update_accounts(  # type: ignore[misc]
                        some, trigger, unless_modified_since
                    ),
                )
            except ZohoError as error:
                if not outcomes:
                    raise
                outcomes += [not_sent(str(one.get("id", "")), error) for one in records[start:]]
                break
        unsure = [n for n, told in enumerate(outcomes) if told["status"] == "unknown"]
        for n in unsure:
            outcomes[n] = self._looked_at(records[n], outcomes[n], began)
        return summed_up(outcomes)

    def _update_some(self, total: int, write: Callable[[Crm], BulkOutcome]) -> list[Outcome]:
        """One call's worth of a bulk update of `total` records."""

        def update(crm: Crm) -> list[Outcome]:
            told = write(crm)["data"]
            statuses = {one["status"] for one in told}
            if "unknown" in statuses and "success" not in statuses:
                # For the breaker, this was no answer.
                raise _NoOutcome(told) from ZohoUnavailableError("Zoho did not answer.")
            return told

        try:
            return self._ask(total, update)
        except _NoOutcome as error:
            return error.told

    def _looked_at(self, record: Mapping[str, Any], told: Outcome, began: dt.datetime) -> Outcome:
        """What became of a record of a batch, as far as reading it back tells."""
        try:
            found = self.get_account(told["id"], fresh=True)
        except ZohoError:
            return told
        status = compared(record, found, began)
        if status == "success":
            message = "Written: Zoho's answer did not come, and the record was read back."
        elif status == "not_sent":
            message = "Not written: Zoho's answer did not come, and the record was read back."
        else:
            return told
        code = {"success": "SUCCESS"}.get(status, "NOT_SENT")
        looked = Outcome(id=told["id"], status=status, code=code, message=message, details={})
        if status == "success" and isinstance(found.get("Modified_Time"), str):
            looked["modified_time"] = found["Modified_Time"]
        return looked

    # --- choosing -------------------------------------------------------------------------------

    def _ask(self, records: int | None, call: Callable[[Crm], T], first: Sequence[str] = ()) -> T:
        """What the first tier that can answers. Raises what the last one that was tried did."""
        failure: ZohoError | None = None
        opens_in = []
        for name in dict.fromkeys((*first, *order_of(records, self.purpose))):
            if name not in self.tiers:
                continue
            breaker = Breaker(name)
            if not breaker.allows():
                opens_in.append(breaker.opens_in())
                continue
            try:
                answer = call(self.tiers[name])
            except SdkUnsupportedError as error:
                breaker.note(error)
                failure = failure or error
                log.warning("A tier cannot do this; the next one is asked", tier=name)
                continue
            except ZohoUnavailableError as error:
                breaker.note(error)
                failure = error
                log.warning("A tier is out of order; the next one is asked", tier=name)
                continue
            except BaseException as error:
                breaker.note(error)
                raise
            breaker.note(None)
            self.tier = name
            return answer
        if failure and (isinstance(failure, TryAgain) or not opens_in):
            raise failure
        raise ZohoUnavailableError(
            "Zoho CRM has not answered several times in a row and is left alone for a moment. "
            "Nothing was sent.",
            retry_after=max(1.0, min(opens_in, default=60.0)),
        )

    def _walk(
        self,
        begin: Callable[[Crm, P], Iterator[T]],
        place: P,
        after: Callable[[T, P], P | None],
    ) -> Iterator[T]:
        """Piece by piece, by one tier while it can; the next one begins at the place `after` the
        last piece. None is the end."""
        walking: Crm | None = None
        walk: Iterator[T] = iter(())
        here: P | None = place

        def next_piece(crm: Crm) -> T | None:
            nonlocal walking, walk
            if walking is not crm:
                assert here is not None
                walking, walk = crm, begin(crm, here)
            try:
                return next(walk, None)
            except BaseException:
                walking = None  # its walk has ended with the failure
                raise

        while here is not None:
            piece = self._ask(None, next_piece, first=[self.tier] if walking else ())
            if piece is None:
                return
            here = after(piece, here)
            yield piece


def rows_asked(select_query: str) -> int:
    """How many rows a COQL query asks for: Zoho's default is 200."""
    limit = re.search(r"\blimit\s+(?:\d+\s*,\s*)?(\d{1,6})", select_query, re.IGNORECASE)
    return int(limit[1]) if limit else PER_PAGE


def compared(
    sent: Mapping[str, Any], found: Mapping[str, Any], began: dt.datetime
) -> Literal["success", "not_sent", "unknown"]:
    """What became of a write, by the record as it was found after it.

    "success" when it holds what was sent; "not_sent" when it does not and was not modified since
    we began; else "unknown": somebody changed it, and it may have been us.
    """
    fields = {
        api_name(name): value
        for name, value in sent.items()
        if name != "id" and not name.startswith("$")
    }
    if all(name in found and same(value, found[name]) for name, value in fields.items()):
        return "success"
    modified = parse_datetime(str(found.get("Modified_Time") or ""))
    if modified and modified.tzinfo and modified < began - CLOCKS_DIFFER:
        return "not_sent"
    return "unknown"


def same(sent: Any, found: Any) -> bool:
    """Whether Zoho holds what was sent, in its own way of writing it."""
    if sent in (None, "", []) or found in (None, "", []):
        return (sent in (None, "", [])) and (found in (None, "", []))
    if isinstance(sent, Mapping) and isinstance(found, Mapping):
        return str(sent.get("id")) == str(found.get("id"))
    if isinstance(sent, list | tuple) and isinstance(found, list | tuple):
        return sorted(map(str, sent)) == sorted(map(str, found))
    if isinstance(sent, bool) or isinstance(found, bool):
        return sent is found
    if isinstance(sent, int | float | Decimal) and isinstance(found, int | float | Decimal):
        return Decimal(str(sent)) == Decimal(str(found))
    moments = [_moment(value) for value in (sent, found)]
    if all(moments):
        return moments[0] == moments[1]
    return str(sent).strip() == str(found).strip()


def _moment(value: Any) -> dt.datetime | None:
    if isinstance(value, dt.datetime):
        return value.replace(microsecond=0)
    with suppress(ValueError):
        moment = parse_datetime(value) if isinstance(value, str) else None
        return moment if moment and moment.tzinfo else None
    return None
