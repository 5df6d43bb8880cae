"""Zoho Inventory: the endpoints this product reads, a method each.

Source: https://www.zoho.com/inventory/api/v1/items/ and .../pagination/
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from operator import attrgetter
from typing import Any, NamedTuple

from django.conf import settings

from integrations.models import ZohoCredential, ZohoUsage
from integrations.zoho.budget import Budget
from integrations.zoho.errors import (
    BadRecord,
    TryAgain,
    ZohoAPIError,
    ZohoNotFoundError,
    ZohoUnavailableError,
)
from integrations.zoho.exchange import Request
from integrations.zoho.inventory_answers import inventory_answer
from integrations.zoho.look_up import LookedUp, look_up
from integrations.zoho.records import Listing, Page, Record
from integrations.zoho.tokens import ZohoTokens
from integrations.zoho.transport import Call, Transport

PER_PAGE = 200  # Zoho's most
# Zoho documents no limit for itemdetails; clients report 25 to 100. Also keeps the URL short.
IDS_PER_CALL = 50
# Ten million items: no catalogue, so paging that does not end.
MAX_PAGES = 50_000


# A page of rows without an id may be an odd record; several are no list of items.
MAX_PAGES_WITHOUT_IDS = 5


class Window(NamedTuple):
    """Rows (page - 1) * per_page to page * per_page of a list: all that Zoho lets one ask for."""

    page: int
    per_page: int

    @property
    def end(self) -> int:
        return self.page * self.per_page


def adjoining() -> Iterator[Window]:
    """Pages as they follow each other."""
    return (Window(page, PER_PAGE) for page in count(1))


def overlapping() -> Iterator[Window]:
    """Pages that each begin before the last row of the one before, and reach as far as they can.

    Zoho counts pages, not rows, so each has the size at which one happens to begin there: rows 0
    to 199 are followed by the second page of 199, which begins with row 199.
    """
    window = Window(1, PER_PAGE)
    while True:
        yield window
        end, sizes = window.end, range(PER_PAGE, PER_PAGE // 2, -1)
        window = max((Window((end - 1) // size + 1, size) for size in sizes), key=attrgetter("end"))
        if window.end == end:  # every size begins there: only for sizes smaller than Zoho's
            window = Window(end // PER_PAGE + 1, PER_PAGE)


OLDEST_FIRST = {"sort_column": "created_time", "sort_order": "A"}
NEWEST_FIRST = {"sort_column": "last_modified_time", "sort_order": "D"}


ITEMS = Listing("items", "item_id")


class ZohoClient:
    """Reads one organisation's Zoho Inventory through the stored connection."""

    def __init__(self, credential: ZohoCredential, transport: Transport) -> None:
        self.credential = credential
        self.transport = transport

    @classmethod
    def from_database(
        cls,
        purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON,
        tell: Callable[[TryAgain], None] = lambda error: None,
        user: Any = None,
    ) -> "ZohoClient":
        """The client for the one stored connection. Raises ZohoConfigError when there is none.

        `purpose` says whose calls these are: a person's may use those kept back for people.
        `tell` hears why a call is repeated. `user` is who waits for it, None a worker.
        """
        credential, tokens = ZohoCredential.load(), ZohoTokens(purpose, user=user)
        transport = Transport(tokens, Budget(purpose), inventory_answer, tell=tell)
        return cls(credential, transport)

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

    def get_valid_token(self) -> str:
        """An access token good for five more minutes. Raises as `tokens.get_valid_token`."""
        return self.transport.tokens.current()

    def fetch_products(self, page: int = 1, per_page: int | None = None) -> Page:
        """One page of all items, active or not, oldest first.

        Oldest first because rows then do not move while we page. `per_page` is held to 1…200.
        Raises TryAgain, ZohoAuthError, ZohoConfigError, ZohoAPIError or ZohoDatabaseError.
        """
        return self._page(page, self._begin_page(page, OLDEST_FIRST, per_page))

    def fetch_all_products(
        self,
        start_page: int = 1,
        expected_pages: int = 0,
        *,
        overlap: bool = False,
        before: Collection[str] = (),
    ) -> Iterator[Page]:
        """Yield every item Zoho Inventory holds, a page at a time; one call a page.

        Pages are fetched ahead while the caller works on the one it has: the next one as soon as
        Zoho has said that there is more, and once the first has come, up to ZOHO_CONCURRENCY at
        once as far as `expected_pages`, which are likely to exist. They are yielded in order.

        With `overlap`, no item is lost that a deletion moves across the border of two pages while
        we read: pages overlap by a few rows, which takes some 10 % more calls, and where one does
        not continue the one before, the rows between are read again. `before` are the ids of the
        page before `start_page`.

        Ends when Zoho says there is no more. Raises ZohoAPIError when it never does: going on
        would never end, and stopping quietly would look like a smaller catalogue. The bounds
        count from the first page, so that they hold over all attempts of a run.
        """
        windows = overlapping if overlap else adjoining
        # One slot is left for a single question.
        at_once = max(1, settings.ZOHO_CONCURRENCY - 1)
        ahead: deque[Call] = deque()
        to_come = islice(windows(), start_page - 1, None)
        places: deque[Window] = deque()
        previous = list(before)
        without_ids = 0

        def begin() -> None:
            places.append(next(to_come))
            ahead.append(self._begin_page(places[-1].page, OLDEST_FIRST, places[-1].per_page))

        has_come = False
        for number in range(start_page, MAX_PAGES + 1):
            wanted = min(at_once, expected_pages - number + 1) if has_come else 1
            while not ahead or len(ahead) < wanted:
                begin()
            place, page = places.popleft(), self._page(number, ahead.popleft())
            has_come = True
            ids = [record.zoho_id for record in page.records]
            if any(ids) and ids == previous:
                break
            without_ids = 0 if any(ids) else without_ids + 1
            if page.has_more and (not ids or without_ids >= MAX_PAGES_WITHOUT_IDS):
                break
            continues = place.page == 1 or not set(previous).isdisjoint(filter(None, ids))
            if overlap and not continues:
                between = self._page_before(place).records
                page = replace(page, records=[*between, *page.records])
            if page.has_more and not ahead:
                begin()
            yield page
            if not page.has_more:
                return
            previous = ids
        raise ZohoAPIError(
            f"Zoho's list of items does not end: page {number} brought nothing new. What was "
            "read is kept; nothing was retired."
        )

    def _page_before(self, place: "Window") -> Page:
        """The rows that end where this window begins, as they are now."""
        before = Window(place.page - 1, place.per_page)
        return self._page(before.page, self._begin_page(before.page, OLDEST_FIRST, before.per_page))

    def fetch_changed_products(self, since: dt.datetime, start_page: int = 1) -> Iterator[Page]:
        """Yield the items modified at or after `since`, newest first; one call a page.

        Zoho's filter for this is documented and not to be trusted, so the answer is checked. The
        caller's `since` lies before a modification it knows, which must therefore be listed: an
        empty answer is asked for again without the filter. Where the filter was not honoured,
        the pages are Zoho's whole list, newest first, and are read until they reach `since`.

        Raises ZohoAPIError when the order is not honoured either, and as `fetch_products`.
        """
        query = {**NEWEST_FIRST, "last_modified_time": since.strftime("%Y-%m-%dT%H:%M:%S%z")}
        for number in range(start_page, MAX_PAGES + 1):
            page = self._page(number, self._begin_page(number, query))
            if number == start_page and not page.records:
                query = NEWEST_FIRST
                page = self._page(number, self._begin_page(number, query))
            times = [_modified(record) for record in page.records]
            known = [moment for moment in times if moment is not None]
            if known != sorted(known, reverse=True):
                raise ZohoAPIError(
                    "Zoho's list of changed items is not in the order we asked for, so it cannot "
                    "be told where the changes end. What was read is kept. Start a full sync."
                )
            fresh = [
                record
                for record, moment in zip(page.records, times, strict=True)
                if moment is None or moment >= since
            ]
            reached = bool(known) and known[-1] < since
            newest = known[0] if known else None
            yield Page(number, fresh, page.has_more and not reached, newest)
            if reached or not page.has_more:
                return
            if not known:
                break
        raise ZohoAPIError(
            f"Zoho's list of changed items does not end: page {number}. What was read is kept. "
            "Start a full sync."
        )

    def fetch_products_by_id(self, item_ids: Sequence[str], living: Sequence[str] = ()) -> LookedUp:
        """Those items Zoho still has of the ones asked for, and those it certainly has not.

        One call for every 50, with two of the `living` in each: ids of items that exist, by which
        an answer shows that it was not cut off. What it does not prove is asked for one by one.
        The rows are Zoho's details: without timestamps, otherwise at least what the list holds.
        """
        return look_up(item_ids, living, batch=self._details, one=self._item, at_once=IDS_PER_CALL)

    def _details(self, item_ids: Sequence[str]) -> list[Record]:
        body = self._get("itemdetails", ITEMS, item_ids=",".join(item_ids))
        if not isinstance(body.get("items"), list):
            raise ZohoUnavailableError("Zoho's answer came without its list of items.")
        return list(body["items"])

    def _item(self, item_id: str) -> Record | None:
        """The item; None when Zoho says that it does not exist (404, code 1002)."""
        try:
            body = self._get(f"items/{item_id}", Listing("item", "item_id"))
        except ZohoNotFoundError:
            return None
        if not isinstance(body.get("item"), Record):
            raise ZohoUnavailableError("Zoho's answer came without its item.")
        return body["item"]

    def _begin_page(self, page: int, query: Mapping[str, str], per_page: int | None = None) -> Call:
        per_page = PER_PAGE if per_page is None else max(1, min(per_page, PER_PAGE))
        url, params = self._address(
            "items", page=page, per_page=per_page, filter_by="Status.All", **query
        )
        return self.transport.begin(Request(url, params, listing=ITEMS))

    def _page(self, number: int, call: Call) -> Page:
        body = call.result().body
        context = body.get("page_context")
        has_more = context.get("has_more_page") if isinstance(context, dict) else None
        if not isinstance(body.get("items"), list) or not isinstance(has_more, bool):
            # Taking this for the end would make the rest of the catalogue look deleted.
            raise ZohoUnavailableError("Zoho's page of items came without its list or its paging.")
        return Page(number, body["items"], has_more)

    def _get(self, resource: str, listing: Listing, **params: Any) -> dict[str, Any]:
        return self.transport.get(*self._address(resource, **params), listing)

    def _address(self, resource: str, **params: Any) -> tuple[str, dict[str, Any]]:
        return (
            f"{self.credential.api_url()}/inventory/v1/{resource}",
            {"organization_id": self.credential.organization_id, **params},
        )


def _modified(record: Record) -> dt.datetime | None:
    """When the item was last modified; None where that cannot be read, whatever the reason: the
    record is kept, and fails alone when it is read."""
    try:
        moment = dt.datetime.fromisoformat(record.parsed()["last_modified_time"])
    except (BadRecord, ArithmeticError, LookupError, RecursionError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
