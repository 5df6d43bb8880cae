"""Zoho Inventory: the endpoints this product reads, a method each.

Source: https://www.zoho.com/inventory/api/v1/items/ and .../pagination/
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings

from integrations.models import ZohoCredential, ZohoUsage
from integrations.zoho.budget import Budget
from integrations.zoho.errors import (
    TryAgain,
    ZohoAPIError,
    ZohoNotFoundError,
    ZohoUnavailableError,
)
from integrations.zoho.exchange import Request
from integrations.zoho.inventory_answers import inventory_answer
from integrations.zoho.records import Listing, Page, Record
from integrations.zoho.tokens import ZohoTokens
from integrations.zoho.transport import Call, Transport

PER_PAGE = 200  # Zoho's most
# Zoho documents no limit for itemdetails; clients report 25 to 100. Also keeps the URL short.
IDS_PER_CALL = 50
# Ten million items: no catalogue, so paging that does not end.
MAX_PAGES = 50_000


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

    def get_valid_token(self) -> str:
        """An access token good for five more minutes. Raises as `tokens.get_valid_token`."""
        return self.transport.tokens.current()

    def fetch_products(self, page: int = 1, per_page: int | None = None) -> Page:
        """One page of all items, active or not, oldest first.

        Oldest first because rows then do not move while we page. `per_page` is held to 1…200.
        Raises TryAgain, ZohoAuthError, ZohoConfigError, ZohoAPIError or ZohoDatabaseError.
        """
        return self._page(page, self._begin_page(page, OLDEST_FIRST, per_page))

    def fetch_all_products(self, start_page: int = 1, expected_pages: int = 0) -> Iterator[Page]:
        """Yield every item Zoho Inventory holds, a page at a time; one call a page.

        Pages are fetched ahead while the caller works on the one it has: the next one as soon as
        Zoho has said that there is more, and up to ZOHO_CONCURRENCY at once as far as
        `expected_pages`, which are likely to exist. They are yielded in order.

        Ends when Zoho says there is no more. Raises ZohoAPIError when pages repeat: going on
        would never end, and stopping quietly would look like a smaller catalogue.
        """
        # One slot is left for whoever comes with a single question.
        at_once = max(1, settings.ZOHO_CONCURRENCY - 1)
        ahead: deque[Call] = deque()
        previous: list[str] = []
        for number in range(start_page, start_page + MAX_PAGES):
            while not ahead or len(ahead) < min(at_once, expected_pages - number + 1):
                ahead.append(self._begin_page(number + len(ahead), OLDEST_FIRST))
            page = self._page(number, ahead.popleft())
            ids = [record.zoho_id for record in page.records]
            if any(ids) and ids == previous:
                break
            if page.has_more and not ids:
                break
            if page.has_more and not ahead:
                ahead.append(self._begin_page(number + 1, OLDEST_FIRST))
            yield page
            if not page.has_more:
                return
            previous = ids
        raise ZohoAPIError(
            f"Zoho's list of items does not end: page {number} brought nothing new. What was "
            "read is kept; nothing was retired."
        )

    def fetch_changed_products(self, since: dt.datetime, start_page: int = 1) -> Iterator[Page]:
        """Yield the items modified at or after `since`, newest first; one call a page.

        Zoho's filter for this is documented and not to be trusted, so the answer is checked. The
        caller's `since` lies before a modification it knows, which must therefore be listed: an
        empty answer is asked for again without the filter. Where the filter was not honoured,
        the pages are Zoho's whole list, newest first, and are read until they reach `since`.

        Raises ZohoAPIError when the order is not honoured either, and as `fetch_products`.
        """
        query = {**NEWEST_FIRST, "last_modified_time": since.strftime("%Y-%m-%dT%H:%M:%S%z")}
        for number in range(start_page, start_page + MAX_PAGES):
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

    def fetch_products_by_id(self, item_ids: Sequence[str]) -> list[Record]:
        """Those items Zoho still has, of the ones asked for; one call for every 50.

        The rows are Zoho's details: without timestamps, otherwise at least what the list holds.
        Whether Zoho answers an unknown id by leaving it out or by refusing all of them is not
        documented, so a refused batch is asked for again one by one.
        """
        found: list[Record] = []
        for start in range(0, len(item_ids), IDS_PER_CALL):
            batch = item_ids[start : start + IDS_PER_CALL]
            try:
                body = self._get("itemdetails", ITEMS, item_ids=",".join(batch))
            except ZohoNotFoundError:
                found += self._fetch_one_by_one(batch)
                continue
            if not isinstance(body.get("items"), list):
                raise ZohoUnavailableError("Zoho's answer came without its list of items.")
            found += body["items"]
        return found

    def _fetch_one_by_one(self, item_ids: Sequence[str]) -> list[Record]:
        found = []
        for item_id in item_ids:
            try:
                body = self._get(f"items/{item_id}", Listing("item", "item_id"))
            except ZohoNotFoundError:
                continue
            if not isinstance(body.get("item"), Record):
                raise ZohoUnavailableError("Zoho's answer came without its item.")
            found.append(body["item"])
        return found

    def _begin_page(self, page: int, query: Mapping[str, str], per_page: int | None = None) -> Call:
        per_page = PER_PAGE if per_page is None else max(1, min(per_page, PER_PAGE))
        url, params = self._address(
            "items", page=page, per_page=per_page, filter_by="Status.All", **query
        )
        return self.transport.begin(Request(url, params, listing=ITEMS))

    def _page(self, number: int, call: Call) -> Page:
        body = call.result().body
        context = body.get("page_context")
        if not isinstance(body.get("items"), list) or not isinstance(context, dict):
            # Taking this for the end would make the rest of the catalogue look deleted.
            raise ZohoUnavailableError("Zoho's page of items came without its list or its paging.")
        return Page(number, body["items"], bool(context.get("has_more_page")))

    def _get(self, resource: str, listing: Listing, **params: Any) -> dict[str, Any]:
        return self.transport.get(*self._address(resource, **params), listing)

    def _address(self, resource: str, **params: Any) -> tuple[str, dict[str, Any]]:
        return (
            f"{self.credential.api_url()}/inventory/v1/{resource}",
            {"organization_id": self.credential.organization_id, **params},
        )


def _modified(record: Record) -> dt.datetime | None:
    """When the item was last modified; None where that cannot be read."""
    try:
        moment = dt.datetime.fromisoformat(record.parsed()["last_modified_time"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
