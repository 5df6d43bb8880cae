"""Zoho Inventory: the endpoints this product reads, a method each.

Source: https://www.zoho.com/inventory/api/v1/items/ and .../pagination/
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from integrations.models import ZohoCredential
from integrations.zoho.budget import Budget
from integrations.zoho.errors import ZohoAPIError, ZohoNotFoundError, ZohoUnavailableError
from integrations.zoho.tokens import ZohoTokens
from integrations.zoho.transport import Transport

PER_PAGE = 200  # Zoho's most
# Zoho documents no limit for itemdetails; clients report 25 to 100. Also keeps the URL short.
IDS_PER_CALL = 50
# Ten million items: no catalogue, so paging that does not end.
MAX_PAGES = 50_000


@dataclass(frozen=True)
class Page:
    """One page of a list, in Zoho's own dicts: {"item_id": "4600…", "rate": Decimal("12.00")}."""

    number: int
    records: list[dict[str, Any]]
    has_more: bool


class ZohoClient:
    """Reads one organisation's Zoho Inventory through the stored connection."""

    def __init__(self, credential: ZohoCredential, transport: Transport) -> None:
        self.credential = credential
        self.transport = transport

    @classmethod
    def from_database(cls, *, by_person: bool = False) -> "ZohoClient":
        """The client for the one stored connection. Raises ZohoConfigError when there is none.

        `by_person`: somebody is waiting, so the calls kept back for people may be used.
        """
        credential = ZohoCredential.load()
        return cls(credential, Transport(ZohoTokens(), Budget(by_person=by_person)))

    @property
    def calls(self) -> int:
        """API calls made so far, repeats included."""
        return self.transport.calls

    def get_valid_token(self) -> str:
        """An access token good for five more minutes. Raises as `tokens.get_valid_token`."""
        return self.transport.tokens.current()

    def fetch_products(self, page: int = 1, per_page: int = PER_PAGE) -> Page:
        """One page of all items, active or not, oldest first.

        Oldest first because rows then do not move while we page. `per_page` is held to 1…200.
        Raises TryAgain, ZohoAuthError, ZohoConfigError or ZohoAPIError.
        """
        body = self._get(
            "items",
            page=page,
            per_page=max(1, min(per_page, PER_PAGE)),
            filter_by="Status.All",
            sort_column="created_time",
            sort_order="A",
        )
        context = body.get("page_context")
        if not isinstance(body.get("items"), list) or not isinstance(context, dict):
            # Taking this for the end would make the rest of the catalogue look deleted.
            raise ZohoUnavailableError("Zoho's page of items came without its list or its paging.")
        return Page(page, body["items"], bool(context.get("has_more_page")))

    def fetch_all_products(self, start_page: int = 1) -> Iterator[Page]:
        """Yield every item Zoho Inventory holds, a page at a time; one call a page.

        Ends when Zoho says there is no more. Raises ZohoAPIError when pages repeat: going on
        would never end, and stopping quietly would look like a smaller catalogue.
        """
        previous: list[Any] = []
        for number in range(start_page, start_page + MAX_PAGES):
            page = self.fetch_products(number)
            ids = [record.get("item_id") for record in page.records if isinstance(record, dict)]
            if ids and ids == previous:
                break
            if page.has_more and not ids:
                break
            yield page
            if not page.has_more:
                return
            previous = ids
        raise ZohoAPIError(
            f"Zoho's list of items does not end: page {number} brought nothing new. What was "
            "read is kept; nothing was retired."
        )

    def fetch_products_by_id(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Those items Zoho still has, of the ones asked for; one call for every 50.

        The rows are Zoho's details: without timestamps, otherwise at least what the list holds.
        Whether Zoho answers an unknown id by leaving it out or by refusing all of them is not
        documented, so a refused batch is asked for again one by one.
        """
        found: list[dict[str, Any]] = []
        for start in range(0, len(item_ids), IDS_PER_CALL):
            batch = item_ids[start : start + IDS_PER_CALL]
            try:
                body = self._get("itemdetails", item_ids=",".join(batch))
            except ZohoNotFoundError:
                found += self._fetch_one_by_one(batch)
                continue
            if not isinstance(body.get("items"), list):
                raise ZohoUnavailableError("Zoho's answer came without its list of items.")
            found += body["items"]
        return found

    def _fetch_one_by_one(self, item_ids: Sequence[str]) -> list[dict[str, Any]]:
        found = []
        for item_id in item_ids:
            try:
                body = self._get(f"items/{item_id}")
            except ZohoNotFoundError:
                continue
            if not isinstance(body.get("item"), dict):
                raise ZohoUnavailableError("Zoho's answer came without its item.")
            found.append(body["item"])
        return found

    def _get(self, resource: str, **params: Any) -> dict[str, Any]:
        return self.transport.get(
            f"{self.credential.api_url()}/inventory/v1/{resource}",
            {"organization_id": self.credential.organization_id, **params},
        )
