"""Products as a mirror of Zoho Inventory's items: what the engine needs to know."""

import datetime as dt
from collections.abc import Collection, Iterator, Sequence

from integrations.zoho.inventory import PER_PAGE, ZohoClient
from integrations.zoho.look_up import LookedUp
from integrations.zoho.records import Page
from products_and_services.mapping import ProductFields, first_seen
from products_and_services.models import Product
from sync.mirror import Mirror

PRODUCTS = Mirror(
    model=Product,
    label="name",
    modified="zoho_modified_at",
    fields=ProductFields._fields,
    read=ProductFields.from_payload,
    complete=ProductFields.completed,
    first_seen=first_seen,
)


class InventoryItems:
    """The engine's source: Zoho Inventory's items through the client."""

    def __init__(self, client: ZohoClient) -> None:
        self.client = client
        self.calls_told = 0

    def pages(self, start_page: int, expected: int, before: Collection[str]) -> Iterator[Page]:
        # Where no full run has been complete, nobody would miss an item that was not listed.
        return self.client.fetch_all_products(
            start_page, expected // PER_PAGE, overlap=not expected, before=before
        )

    def changed(self, since: dt.datetime, start_page: int) -> Iterator[Page]:
        return self.client.fetch_changed_products(since, start_page)

    def gone(self, since: dt.datetime) -> Iterator[list[str]]:
        return iter(())  # Inventory does not tell; only a full run sees it

    def by_id(self, zoho_ids: Sequence[str], living: Sequence[str] = ()) -> LookedUp:
        return self.client.fetch_products_by_id(zoho_ids, living)

    def clock(self) -> float | None:
        return self.client.clock

    def take_calls(self) -> int:
        new = self.client.calls - self.calls_told
        self.calls_told = self.client.calls
        return new

    def close(self) -> None:
        self.client.close()
