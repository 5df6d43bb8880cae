"""Products as a mirror of Zoho Inventory's items: what the engine needs to know."""

from collections.abc import Iterator, Sequence
from typing import Any

from integrations.zoho.inventory import Page, ZohoClient
from products_and_services.mapping import ProductFields, first_seen
from products_and_services.models import Product
from sync.mirror import Mirror

PRODUCTS = Mirror(
    model=Product,
    key="zoho_item_id",
    record_key="item_id",
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

    def pages(self, start_page: int) -> Iterator[Page]:
        return self.client.fetch_all_products(start_page)

    def by_id(self, zoho_ids: Sequence[str]) -> list[dict[str, Any]]:
        return self.client.fetch_products_by_id(zoho_ids)

    def take_calls(self) -> int:
        new = self.client.calls - self.calls_told
        self.calls_told = self.client.calls
        return new
