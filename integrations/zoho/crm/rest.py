"""Zoho CRM's Accounts over REST: the endpoints this product uses, a method each.

What the methods promise stands in interface.py. Logs name fields and ids, never values.

Source: https://www.zoho.com/crm/developer/docs/api/v8/
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil
from typing import Any, BinaryIO

import structlog

from integrations.models import ZohoCredential, ZohoUsage
from integrations.zoho.budget import Budget
from integrations.zoho.crm.answers import crm_answer, error_of, outcome
from integrations.zoho.crm.bulk import Batch
from integrations.zoho.crm.cache import ACCOUNTS, FIELDS, forget_account
from integrations.zoho.crm.criteria import (
    checked_query,
    checked_where,
    looks_like_criteria,
    parse,
    to_coql,
)
from integrations.zoho.crm.interface import (
    DELETED_KINDS,
    MODULE,
    MOST_BY_PAGE,
    PER_PAGE,
    Account,
    BulkOutcome,
    BulkRead,
    checked_id,
    checked_listing,
    field_names,
    moment,
    unknown_names,
    written,
)
from integrations.zoho.errors import (
    TryAgain,
    ZohoAPIError,
    ZohoError,
    ZohoNotFoundError,
    ZohoUnavailableError,
    ZohoUnknownOutcome,
)
from integrations.zoho.exchange import Answer, Request
from integrations.zoho.records import Listing, Page
from integrations.zoho.tokens import ZohoTokens
from integrations.zoho.transport import Transport

log = structlog.get_logger(__name__)

API, BULK = "crm/v8", "crm/bulk/v8"
ACCOUNTS_LISTING = Listing("data", "id")
BULK_READ_CREDITS = 50
# Ten million: no organisation, so paging that does not end.
MAX_PAGES = 50_000
EVERYTHING = "id is not null"


class RestCrm:
    """Reads and writes one organisation's Accounts through the stored connection."""

    tier = "rest"

    def __init__(self, credential: ZohoCredential, transport: Transport) -> None:
        self.credential = credential
        self.transport = transport
        self.tenant = f"{credential.crm_url()} {credential.organization_id}"
        self.log = log.bind(component=f"crm.{self.tier}")
        self._query_rows = MOST_BY_PAGE  # until Zoho says that it gives fewer

    @classmethod
    def from_database(
        cls,
        purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON,
        tell: Callable[[TryAgain], None] = lambda error: None,
    ) -> "RestCrm":
        """The client for the one stored connection. Raises ZohoConfigError when there is none.

        `purpose` says whose calls these are: a person's may use those kept back for people.
        `tell` hears why a call is repeated.
        """
        credential, crm = ZohoCredential.load(), ZohoUsage.Product.CRM
        tokens, budget = ZohoTokens(purpose, crm), Budget(purpose, crm)
        return cls(credential, Transport(tokens, budget, crm_answer, tell=tell))

    def close(self) -> None:
        self.transport.close()

    @property
    def calls(self) -> int:
        """API calls made so far, repeats included."""
        return self.transport.calls

    @property
    def clock(self) -> float | None:
        """Seconds by which Zoho's clock is ahead of ours; None before the first answer."""
        return self.transport.clock

    # --- lists ----------------------------------------------------------------------------------

    def get_accounts(
        self,
        limit: int = PER_PAGE,
        page: int = 1,
        sort_by: str = "id",
        sort_order: str = "asc",
        fields: Sequence[str] | None = None,
    ) -> list[Account]:
        checked_listing(limit, page, sort_by, sort_order)
        names = self._names(fields)
        self.log.debug("getting_accounts", page=page, limit=limit, fields=names)
        query = {"fields": ",".join(names), "per_page": limit, "page": page}
        rows = _rows(self._ask(MODULE, query | {"sort_by": sort_by, "sort_order": sort_order}))
        self.log.debug("accounts_retrieved", count=len(rows))
        return rows

    def iter_account_pages(
        self,
        fields: Sequence[str] | None = None,
        modified_since: dt.datetime | None = None,
        page_token: str = "",
    ) -> Iterator[Page]:
        # Ascending: the newest first, Zoho's default, shifts all pages with each new record.
        query: dict[str, Any] = {
            "fields": ",".join(self._names(fields)),
            "per_page": PER_PAGE,
            "sort_by": "id",
            "sort_order": "asc",
        }
        since = {"If-Modified-Since": moment(modified_since)} if modified_since else {}
        last_id, resumed = 0, bool(page_token)
        for number in range(1, MAX_PAGES):
            place = {"page_token": page_token} if page_token else {"page": number}
            answer = self._ask(MODULE, query | place, headers=since, listing=ACCOUNTS_LISTING)
            if not answer.body:
                return
            records, has_more, page_token = _page(answer)
            ids = [int(record.zoho_id) for record in records if record.zoho_id.isdecimal()]
            # One that comes twice does no harm; a list that does not get on does.
            no_progress = has_more and (not ids or ids[-1] == last_id)
            if sorted([last_id, *ids]) != [last_id, *ids] or no_progress:
                raise ZohoAPIError(
                    f"Zoho's list of accounts is not in the order we asked for, or does not end: "
                    f"page {number}. What was read is kept; nothing was retired."
                )
            # Its number leads to the next page, too, but no further than this.
            by_number = not resumed and number * PER_PAGE < MOST_BY_PAGE
            if has_more and not page_token and not by_number:
                raise ZohoAPIError(
                    "Zoho says that there are more accounts and not how to go on: page "
                    f"{number}. What was read is kept; nothing was retired."
                )
            yield Page(number, records, has_more, next_token=page_token)
            if not has_more:
                return
            last_id = ids[-1]

    def deleted_accounts(
        self, since: dt.datetime | None = None, kind: str = "all"
    ) -> Iterator[dict[str, Any]]:
        if kind not in DELETED_KINDS:
            raise ZohoAPIError("Deleted records are asked for as " + ", ".join(DELETED_KINDS) + ".")
        headers = {"If-Modified-Since": moment(since)} if since else {}
        previous: list[Any] = []
        for page in range(1, MAX_PAGES):
            query = {"type": kind, "page": page, "per_page": PER_PAGE}
            answer = self._ask(f"{MODULE}/deleted", query, headers=headers)
            rows = _rows(answer)
            if rows and rows == previous:
                raise ZohoAPIError("Zoho's list of deleted accounts does not end.")
            yield from rows
            if not rows or not _has_more(answer):
                return
            previous = rows

    def count_accounts(self, criteria: str | None = None) -> int:
        params = {"criteria": str(parse(criteria))} if criteria else {}
        count = self._ask(f"{MODULE}/actions/count", params).body.get("count")
        if not isinstance(count, int):
            raise ZohoUnavailableError("Zoho's answer came without its count.")
        return count

    # --- one account ----------------------------------------------------------------------------

    def get_account(
        self, account_id: str, fields: Sequence[str] | None = None, *, fresh: bool = False
    ) -> Account:
        account_id = checked_id(account_id)
        names = self._names(fields) if fields is not None else []
        key, version = (self.tenant, account_id, *sorted(names)), ACCOUNTS.version
        if not fresh and (known := ACCOUNTS.get(key)):
            return known
        self.log.debug("getting_account", account_id=account_id, fields=names)
        params = {"fields": ",".join(names)} if names else {}
        rows = _rows(self._ask(f"{MODULE}/{account_id}", params))
        if not rows:
            raise ZohoNotFoundError("Zoho has no such account, or no longer.", status=204)
        ACCOUNTS.put(key, rows[0], version)
        return rows[0]

    def update_account(
        self,
        account_id: str,
        field_data: Mapping[str, Any],
        unless_modified_since: dt.datetime | None = None,
        trigger: Sequence[str] | None = None,
    ) -> Account:
        account_id, values = checked_id(account_id), written(field_data)
        self._refuse_unknown(values)
        self.log.debug("updating_account", account_id=account_id, fields=sorted(values))
        try:
            answer = self._ask(
                f"{MODULE}/{account_id}",
                method="PUT",
                body=_batch([values], trigger),
                headers=_unless_modified(unless_modified_since),
                writes=True,
            )
        finally:
            forget_account(self.tenant, account_id)
        rows = answer.body.get("data")
        if not isinstance(rows, list) or len(rows) != 1:
            raise ZohoUnknownOutcome(
                "Zoho's answer to the change does not say what became of it. Look at the record "
                "before anything is sent again.",
                status=answer.status,
            )
        told = outcome(account_id, rows[0])
        if told["status"] != "success":
            raise error_of(told, answer.status)
        self.log.info("account_updated_successfully", account_id=account_id, fields=sorted(values))
        try:
            return self.get_account(account_id, fresh=True)
        except ZohoError as error:
            # Whoever took this for a failed write would write again.
            raise ZohoUnknownOutcome(
                "The change was written, but the record could not be read back. Look at it before "
                f"anything is sent again. {error.message}",
                status=error.status,
                code=error.code,
            ) from error

    def bulk_update_accounts(
        self,
        records: Sequence[Mapping[str, Any]],
        trigger: Sequence[str] | None = None,
        unless_modified_since: dt.datetime | None = None,
    ) -> BulkOutcome:
        batch = Batch(records, self._unknown)
        self.log.debug("updating_accounts", count=len(records))

        def send(rows: list[dict[str, Any]]) -> Answer:
            try:
                return self._ask(
                    MODULE,
                    method="PUT",
                    body=_batch(rows, trigger),
                    headers=_unless_modified(unless_modified_since),
                    cost=ceil(len(rows) / 10),
                    writes=True,
                )
            finally:
                for row in rows:
                    forget_account(self.tenant, row["id"])

        told = batch.send_with(send)
        self.log.info("accounts_updated", **{k: v for k, v in told.items() if k not in _WORDY})
        return told

    # --- search and queries ---------------------------------------------------------------------

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
        asked = {"criteria": criteria, "email": email, "phone": phone, "word": word}
        given = {name: text for name, text in asked.items() if text is not None}
        if len(given) != 1:
            raise ZohoAPIError("Search by exactly one of criteria, email, phone and word.")
        if not 1 <= limit <= MOST_BY_PAGE:
            raise ZohoAPIError(f"A search finds 1 to {MOST_BY_PAGE:,} accounts.")
        if criteria is not None:
            given["criteria"] = str(parse(criteria))
        elif len(next(iter(given.values())).strip()) < (3 if phone else 2):
            raise ZohoAPIError("That is too short to search for.")
        query: dict[str, Any] = dict(given)
        if fields is not None:
            query["fields"] = ",".join(self._names(fields))
        self.log.debug("searching_accounts", by=next(iter(given)), limit=limit)
        found: list[Account] = []
        per_page = min(limit, PER_PAGE)
        for page in range(1, ceil(limit / per_page) + 1):
            place = {"page": page, "per_page": per_page}
            answer = self._ask(f"{MODULE}/search", query | place)
            found += _rows(answer)
            if not answer.body or not _has_more(answer):
                break
        return found[:limit]

    def query_accounts(self, select_query: str) -> list[Account]:
        query, rows = checked_query(select_query)
        return _rows(self._query(query, rows))

    def iter_query(
        self, fields: Sequence[str] | None = None, where: str = EVERYTHING, after_id: str = ""
    ) -> Iterator[list[Account]]:
        columns = ", ".join(dict.fromkeys(["id", *self._names(fields)]))
        condition, after = checked_where(where), checked_id(after_id) if after_id else ""
        for _ in range(MAX_PAGES):
            met = condition if condition != EVERYTHING or not after else ""
            walked = f"id > {after}" if after else ""
            both = f"(({met}) and {walked})" if met and walked else met or walked
            # Names, digits and a checked condition; what people typed is quoted by `coql_text`.
            select = f"select {columns} from {MODULE} where {both} order by id asc"  # noqa: S608
            try:
                answer = self._query(f"{select} limit {self._query_rows}", self._query_rows)
            except ZohoAPIError as error:
                if error.code != "LIMIT_EXCEEDED" or self._query_rows == PER_PAGE:
                    raise
                self._query_rows = PER_PAGE
                continue
            rows = _rows(answer)
            if not rows:
                return
            ids = [int(checked_id(row["id"])) for row in rows]
            if sorted({int(after or 0), *ids}) != [int(after or 0), *ids]:
                raise ZohoAPIError("Zoho's answer to the query is not in the order we asked for.")
            yield rows
            if not _has_more(answer):
                return
            after = str(ids[-1])

    def bulk_read_accounts(
        self, criteria: str | None = None, fields: Sequence[str] | None = None
    ) -> list[Account]:
        if criteria is None:
            pages = self.iter_account_pages(fields)
            return [record.parsed() for page in pages for record in page.records]
        where = criteria
        if looks_like_criteria(criteria):
            where = to_coql(parse(criteria), self._types())
        return [row for rows in self.iter_query(fields, where) for row in rows]

    def _query(self, query: str, rows: int) -> Answer:
        cost = 1 if rows <= 200 else 2 if rows <= 1000 else 3
        return self._ask("coql", method="POST", body={"select_query": query}, cost=cost)

    # --- bulk read ------------------------------------------------------------------------------

    def create_bulk_read(
        self,
        fields: Sequence[str] | None = None,
        criteria: Mapping[str, Any] | None = None,
        page: int = 1,
        page_token: str = "",
    ) -> BulkRead:
        query: dict[str, Any] = {
            "module": {"api_name": MODULE},
            "fields": self._names(fields, most=None),
            "page": page,
        }
        if criteria:
            query["criteria"] = dict(criteria)
        if page_token:
            query = {"page_token": page_token}
        # Not a write: at worst Zoho prepares a second file, for 50 credits more.
        answer = self._ask(
            "read",
            base=BULK,
            method="POST",
            body={"query": query, "file_type": "csv"},
            cost=BULK_READ_CREDITS,
        )
        (entry,) = _rows(answer) or [{}]
        details = entry.get("details") or {}
        if entry.get("status") != "success" or "id" not in details:
            raise ZohoUnavailableError("Zoho's answer came without its bulk read job.")
        job = BulkRead(checked_id(details["id"]), str(details.get("state", "ADDED")))
        self.log.info("bulk_read_created", job=job.id)
        return job

    def get_bulk_read(self, job_id: str) -> BulkRead:
        job_id = checked_id(job_id)
        (entry,) = _rows(self._ask(f"read/{job_id}", base=BULK)) or [{}]
        if not entry.get("state"):
            raise ZohoUnavailableError("Zoho's answer came without its bulk read job.")
        result = entry.get("result") or {}
        return BulkRead(
            id=job_id,
            state=str(entry["state"]),
            count=int(result.get("count") or 0),
            has_more=bool(result.get("more_records")),
            next_token=str(result.get("next_page_token") or ""),
            code=str((result.get("error_message") or {}).get("code") or ""),
        )

    def download_bulk_read(self, job_id: str, into: BinaryIO) -> None:
        path = f"read/{checked_id(job_id)}/result"
        self._ask(path, base=BULK, headers={"Accept": "*/*"}, into=into)

    # --- about the organisation -----------------------------------------------------------------

    def fields(self) -> list[dict[str, Any]]:
        version = FIELDS.version
        rows = self._ask("settings/fields", {"module": MODULE}).body.get("fields")
        if not isinstance(rows, list):
            raise ZohoUnavailableError("Zoho's answer came without its list of fields.")
        rows = [row for row in rows if isinstance(row, dict)]
        FIELDS.put((self.tenant,), _types_of(rows), version)
        return rows

    def users(self) -> list[dict[str, Any]]:
        users: list[dict[str, Any]] = []
        for page in range(1, MOST_BY_PAGE // PER_PAGE + 1):
            query = {"type": "AllUsers", "page": page, "per_page": PER_PAGE}
            body = self._ask("users", query).body or {}
            rows, info = body.get("users"), body.get("info")
            users += [
                row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict)
            ]
            if not (isinstance(info, dict) and info.get("more_records")):
                break
        return users

    def organisation(self) -> dict[str, Any]:
        rows = self._ask("org").body.get("org")
        if not isinstance(rows, list) or not rows:
            raise ZohoUnavailableError("Zoho's answer came without its organisation.")
        return rows[0]

    # --------------------------------------------------------------------------------------------

    def _ask(
        self, path: str, params: Mapping[str, Any] | None = None, base: str = API, **call: Any
    ) -> Answer:
        """One call; `call` is what else `Request` takes."""
        return self.transport.ask(
            Request(f"{self.credential.crm_url()}/{base}/{path}", params or {}, **call)
        )

    def _names(self, fields: Sequence[str] | None, **limits: Any) -> list[str]:
        """The names to ask for; those that the caller gave are held against the metadata."""
        names = field_names(fields, **limits)
        if fields is not None:
            self._refuse_unknown(names)
        return names

    def _refuse_unknown(self, names: Sequence[str] | Mapping[str, Any]) -> None:
        # Zoho swallows a name it does not know, and the write "succeeds".
        if unknown := self._unknown(names):
            raise ZohoAPIError(f"Zoho's accounts have no field {', '.join(unknown)}.")

    def _unknown(self, names: Sequence[str] | Mapping[str, Any]) -> list[str]:
        known = FIELDS.get((self.tenant,))
        if known is None or unknown_names(names, known):
            self.fields()  # the field may be new
            known = self._types()
        return unknown_names(names, known)

    def _types(self) -> dict[str, str]:
        """Zoho's data types by field."""
        known = FIELDS.get((self.tenant,))
        if known is None:
            known = _types_of(self.fields())
        return known


_WORDY = ("data", "message")


def _types_of(fields: list[dict[str, Any]]) -> dict[str, str]:
    """API name → data type, of the rows that say which field they are of."""
    names = [(row.get("api_name"), row.get("data_type")) for row in fields]
    return {name: str(kind or "") for name, kind in names if isinstance(name, str) and name}


def _batch(rows: list[dict[str, Any]], trigger: Sequence[str] | None) -> dict[str, Any]:
    """The body of a write. Without `trigger` everything fires in Zoho, with [] nothing does, except
    for cadences, which need to be told apart."""
    body: dict[str, Any] = {"data": rows}
    if trigger is not None:
        body["trigger"] = list(trigger)
        if not trigger:
            body["skip_feature_execution"] = [{"name": "cadences"}]
    return body


def _unless_modified(since: dt.datetime | None) -> dict[str, str]:
    return {"If-Unmodified-Since": moment(since)} if since else {}


def _rows(answer: Answer) -> list[dict[str, Any]]:
    """The records of an answer; [] when Zoho found none."""
    if not answer.body:
        return []
    rows = answer.body.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ZohoUnavailableError("Zoho's answer came without its list of records.")
    return rows


def _page(answer: Answer) -> tuple[list[Any], bool, str]:
    """The records, whether there are more, and the token that leads to them."""
    records, has_more = answer.body.get("data"), _has_more(answer)
    if not isinstance(records, list):
        # Taking this for the end would make the rest of the accounts look deleted.
        raise ZohoUnavailableError("Zoho's page of accounts came without its list.")
    return records, has_more, str(answer.body["info"].get("next_page_token") or "")


def _has_more(answer: Answer) -> bool:
    info = answer.body.get("info")
    if not isinstance(info, dict) or not isinstance(info.get("more_records"), bool):
        raise ZohoUnavailableError("Zoho's page came without its paging.")
    return info["more_records"]
