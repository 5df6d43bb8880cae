"""Where the mirror of accounts comes from: bulk reads, pages, changes, deletions."""

import datetime as dt
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import Any, TypeVar

import structlog
from django.utils import timezone

from crm_accounts.bulk_file import read_rows
from crm_accounts.mapping import API_NAMES, FieldType
from integrations.zoho.crm.interface import MOST_FIELDS, BulkRead, Crm
from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoAuthError,
    ZohoNotFoundError,
    ZohoNotReadyError,
    ZohoPageExpiredError,
)
from integrations.zoho.look_up import LookedUp, look_up
from integrations.zoho.records import Page, Record, usable_id

log = structlog.get_logger(__name__)
T = TypeVar("T")

ROWS_A_PAGE = 500
NO_CONTENT = 204
# COQL takes 50 or 100 values in a list; Zoho's page says both. Two lists make one query.
IDS_A_LIST = 50
IDS_A_QUERY = 2 * IDS_A_LIST
# Zoho's pages say 50 and 500 columns; the id is one of them.
COLUMNS_A_QUERY = 49
MAX_REFUSALS = 20  # of fields, in one call; each costs one field or a look at the metadata
MAX_PARTS = 50  # files of one bulk read: Zoho numbers no more
# Zoho promises no time. A file for some thousands is ready within seconds, for 100,000 in minutes.
FIRST_LOOKS = 3
SECONDS_BETWEEN = 2.0
SECONDS_AWAY = 20.0
GIVE_UP_AFTER = dt.timedelta(minutes=30)


class CrmAccounts:
    """The engine's source of accounts.

    `fields` gives the API names to read with how to read them, and asks Zoho again with
    `again`: a field that Zoho refuses may be gone. `cursor` is what an earlier stint of
    the run has left, and `remember` keeps it: the bulk read under way, or the token of the next
    page. `tell` writes into the run's log.
    """

    def __init__(
        self,
        client: Crm,
        fields: Callable[[bool], Mapping[str, FieldType]],
        *,
        cursor: Mapping[str, Any],
        remember: Callable[[dict[str, Any]], None],
        tell: Callable[[str], None],
        sleep: Callable[[float], None],
    ) -> None:
        self.client = client
        self.known_fields = fields
        self.refused: set[str] = set()
        self.types = fields(False)
        self.cursor = dict(cursor)
        self.remember = remember
        self.tell = tell
        self.sleep = sleep
        self.calls_told = 0

    @property
    def fields(self) -> list[str]:
        """The time first, then what is a column here: a list has no room for all of them, and by
        the time it knows where changes end."""
        names = [name for name in self.types if name != "id"]
        return sorted(names, key=lambda name: (name != "Modified_Time", name not in API_NAMES))

    @property
    def listed(self) -> list[str]:
        """Those that a list has room for; the others are asked for by query."""
        return self.fields[:MOST_FIELDS]

    def _with_fields(self, call: Callable[[], T]) -> T:
        """What `call` gives; where Zoho refuses it and the fields are others by now, again. One
        that Zoho lists and refuses all the same is left out of this run."""
        for _ in range(MAX_REFUSALS):
            try:
                return call()
            except ZohoAPIError as error:
                before, known = self.fields, self.known_fields(True)
                self.types = {n: known[n] for n in known if n not in self.refused}
                if self.fields == before and not self._leave_out(error):
                    raise
        return call()

    def _leave_out(self, error: ZohoAPIError) -> bool:
        """Stop asking for the field that Zoho's refusal names, if it is one of ours."""
        named = [error.details.get(key) for key in ("column_name", "api_name", "param_name")]
        name = next((one for one in named if isinstance(one, str) and one in self.types), "")
        if not name or name in ("id", "Modified_Time"):
            return False
        self.refused.add(name)
        self.types = {known: self.types[known] for known in self.types if known != name}
        self.tell(f"Zoho lists the field {name} and refuses it, so it was left out of this run.")
        return True

    def pages(self, start_page: int, expected: int, before: Collection[str]) -> Iterator[Page]:
        """All accounts by a bulk read; page by page where Zoho does not prepare one."""
        if "token" not in self.cursor:
            begun = start_page > 1
            try:
                for page in self._bulk_pages(start_page):
                    begun = True
                    yield page
                return
            except (ZohoAPIError, ZohoAuthError) as error:
                if begun:  # a list would begin again, with pages of the same numbers
                    raise
                self.tell(f"No bulk read: {error.message} Read page by page instead.")
                self._keep(token="")
        yield from self._listed_pages(start_page)

    def changed(self, since: dt.datetime, start_page: int) -> Iterator[Page]:
        """From the beginning in each stint: what comes twice does no harm, and pages of a list
        that changes have no numbers to go on from."""
        for number, page in zip(count(start_page), self._pages(since), strict=False):
            yield Page(number, page.records, page.has_more)

    def gone(self, since: dt.datetime) -> Iterator[list[str]]:
        """The ids that were deleted since; Zoho keeps them for 60 days."""
        rows = self.client.deleted_accounts(since)
        ids = (str(row["id"]) for row in rows if row.get("id"))
        while portion := list(islice(ids, IDS_A_QUERY)):
            yield portion

    def by_id(self, zoho_ids: Sequence[str], living: Sequence[str] = ()) -> LookedUp:
        return look_up(
            [zoho_id for zoho_id in zoho_ids if _is_id(zoho_id)],
            [zoho_id for zoho_id in living if _is_id(zoho_id)],
            batch=self._rows_by_id,
            one=self._row_by_id,
            at_once=IDS_A_QUERY,
        )

    def _rows_by_id(self, ids: Sequence[str]) -> list[Record]:
        """Those that queries find. Modified_Time is no newer than any other value."""
        rows = self._with_fields(lambda: self._queried(ids, self.fields))
        return [Record(zoho_id, None, row) for zoho_id, row in rows.items()]

    def _queried(self, ids: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """These fields of these accounts, by id: one query for every 49 fields."""
        quoted = [f"'{zoho_id}'" for zoho_id in ids]
        lists = [quoted[start : start + IDS_A_LIST] for start in range(0, len(quoted), IDS_A_LIST)]
        where = " or ".join(f"id in ({', '.join(some)})" for some in lists)
        where = f"({where})" if len(lists) > 1 else where
        rows: dict[str, dict[str, Any]] = {}
        # The time first, and of the first answer: what changes in between is then newer than the
        # mirror says, and read again by the next run.
        names = sorted(names, key=lambda name: name != "Modified_Time")
        for start in range(0, len(names), COLUMNS_A_QUERY):
            some = [column(name) for name in names[start : start + COLUMNS_A_QUERY]]
            select = ", ".join(["id", *some])
            # COQL, not SQL; names are Zoho's own, ids are digits.
            query = f"select {select} from Accounts where {where} limit {IDS_A_QUERY}"  # noqa: S608
            for row in self.client.query_accounts(query):
                zoho_id = usable_id(row.get("id"))
                rows[zoho_id] = {**row, **rows.get(zoho_id, {})}
        rows.pop("", None)
        return rows

    def _row_by_id(self, zoho_id: str) -> Record | None:
        """One account; None when Zoho says that there is none, by an answer without content."""
        try:
            row = self._with_fields(
                lambda: self.client.get_account(zoho_id, self.listed, fresh=True)
            )
        except ZohoNotFoundError as error:
            if error.status != NO_CONTENT:
                raise
            return None
        return Record(zoho_id, None, {**self._the_rest([zoho_id]).get(zoho_id, {}), **row})

    def _the_rest(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The fields that a list has no room for, of these accounts, by id."""
        if not ids or len(self.fields) <= MOST_FIELDS:
            return {}
        return self._with_fields(lambda: self._queried(ids, self.fields[MOST_FIELDS:]))

    def clock(self) -> float | None:
        return self.client.clock

    def take_calls(self) -> int:
        made = self.client.calls
        new, self.calls_told = made - self.calls_told, made
        return new

    def close(self) -> None:
        self.client.close()

    # --- page by page -----------------------------------------------------------------------------

    def _listed_pages(self, start_page: int) -> Iterator[Page]:
        token = self.cursor.get("token", "")
        try:
            for number, page in zip(count(start_page), self._pages(token=token), strict=False):
                yield Page(number, page.records, page.has_more)
                self._keep(token=page.next_token)  # it is saved by now
        except ZohoPageExpiredError:
            # A day has passed. What was read is saved; the rest is found by beginning again.
            self._keep(token="")
            raise ZohoNotReadyError(
                "Zoho no longer knows how far we had read; reading begins anew.", retry_after=1
            ) from None

    def _pages(self, since: dt.datetime | None = None, token: str = "") -> Iterator[Page]:
        def begin() -> tuple[Page | None, Iterator[Page]]:
            pages = self.client.iter_account_pages(self.listed, since, token)
            return next(pages, None), pages

        first, others = self._with_fields(begin)
        if first is not None:
            yield self._with_the_rest(first)
            yield from map(self._with_the_rest, others)

    def _with_the_rest(self, page: Page) -> Page:
        """The page, its accounts with the fields that the list had no room for."""
        ids = [record.zoho_id for record in page.records if _is_id(record.zoho_id)]
        more: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), IDS_A_QUERY):
            more |= self._the_rest(ids[start : start + IDS_A_QUERY])
        if not more:
            return page
        return replace(page, records=[_joined(record, more) for record in page.records])

    # --- bulk -------------------------------------------------------------------------------------

    def _bulk_pages(self, start_page: int) -> Iterator[Page]:
        """The rows of Zoho's files, ROWS_A_PAGE at a time; those before `start_page` are saved."""
        number = 0
        part = self._first_part()
        while True:
            with tempfile.TemporaryFile() as file:
                self.client.download_bulk_read(part.id, file)
                rows = read_rows(file, self.types)
                while records := list(islice(rows, ROWS_A_PAGE)):
                    number += 1
                    if number >= start_page:
                        yield Page(number, records, True)
            if not part.has_more:
                return
            part = self._part_after(part)

    def _first_part(self) -> BulkRead:
        parts = self.cursor.get("parts") or []
        if not parts:
            self._ask(self._with_fields(lambda: self.client.create_bulk_read(self.fields)), parts)
        return self._prepared(self.cursor["parts"][0])

    def _part_after(self, part: BulkRead) -> BulkRead:
        parts = self.cursor["parts"]
        at = parts.index(part.id) + 1
        if at >= MAX_PARTS:
            raise ZohoAPIError(
                "Zoho's files of accounts do not end. What was read is kept; nothing was retired."
            )
        if at == len(parts):
            self._ask(self.client.create_bulk_read(page_token=part.next_token), parts)
        return self._prepared(self.cursor["parts"][at])

    def _ask(self, job: BulkRead, parts: list[str]) -> None:
        self._keep(parts=[*parts, job.id], asked_at=timezone.now().isoformat())
        self.tell("Asked Zoho to prepare a file of all accounts.")

    def _prepared(self, job_id: str) -> BulkRead:
        """The job when its file is there. Zoho takes its time: after a few looks the worker is
        given back, and the run waits."""
        for look in range(FIRST_LOOKS):
            job = self.client.get_bulk_read(job_id)
            if job.done:
                return job
            if job.failed:
                raise ZohoAPIError("Zoho could not prepare the file.", code=job.code or None)
            if look < FIRST_LOOKS - 1:
                self.sleep(SECONDS_BETWEEN)
        if timezone.now() - dt.datetime.fromisoformat(self.cursor["asked_at"]) > GIVE_UP_AFTER:
            raise ZohoAPIError("Zoho did not prepare the file within half an hour.")
        raise ZohoNotReadyError(
            "Zoho is still preparing the file of all accounts.", retry_after=SECONDS_AWAY
        )

    def _keep(self, **values: Any) -> None:
        self.cursor = {**self.cursor, **values}
        self.remember(self.cursor)


def _joined(record: Record, more: Mapping[str, Mapping[str, Any]]) -> Record:
    """The record of a list with what a query says besides."""
    try:
        listed = record.parsed()
    except Exception:  # noqa: BLE001 - it is this record's failure, and reading it will say so
        return record
    if not isinstance(listed, dict):
        return record
    return Record(record.zoho_id, None, {**more.get(record.zoho_id, {}), **listed})


def _is_id(zoho_id: str) -> bool:
    return zoho_id.isascii() and zoho_id.isdecimal()


# Words of COQL itself. Source: Zoho's "COQL Limitations", v8, and Kaizen #171.
WORDS = """and as asc between by desc external from group having in is join like limit not null
offset on or order select set where"""
RESERVED = frozenset(WORDS.split())


def column(name: str) -> str:
    """A field's name as COQL takes it: one that is a word of COQL's, in quotation marks."""
    return f"'{name}'" if name.lower() in RESERVED else name
