"""Zoho Inventory's item → the mirrored columns of Product, named once."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from integrations.zoho.errors import BadRecord
from integrations.zoho.records import usable_id
from products_and_services.models import Product
from sync import values

T = TypeVar("T")

LIMITS = {field.name: field.max_length for field in Product._meta.fields if field.max_length}
# Digits before and after the point. Zoho computes with doubles, which have up to 17 in all:
# 12.600000000000001 is what it holds, and nobody can round that there.
BEFORE, AFTER = 20, 20
# Any other word of Zoho's, and none, is neither.
ACTIVE = {"active": True, "inactive": False}
PRODUCT_TYPES = {"goods": Product.Type.HARDWARE, "service": Product.Type.SERVICE}

# What to do in Zoho about an item that cannot be mirrored, in the words of Zoho's own pages.
ON_ZOHOS_PAGES = {"rate": "selling price", "stock_on_hand": "stock on hand", "sku": "SKU"}
ZOHOS_OWN = "Nothing on Zoho's pages mends this: show what Zoho sent to Zoho's support."


class ProductFields(NamedTuple):
    """What Product mirrors of an item; "changed" is `!=`.

    A tuple, because a sync makes and compares one per item and database row.
    """

    name: str
    sku: str | None
    price: Decimal | None
    stock_quantity: Decimal | None
    unit: str
    zoho_type: str
    zoho_status: str
    is_active: bool | None
    zoho_created_at: dt.datetime | None
    zoho_modified_at: dt.datetime | None

    @classmethod
    def from_payload(cls, item: Mapping[str, Any]) -> "ProductFields":
        """Read one row of Zoho's list, or one item's details.

        Absent, empty and zero are three things: `rate: 0` is a price, `""` and an absent key are
        none. Raises BadRecord for anything the columns cannot hold exactly; nothing is rounded,
        cut or clamped.
        """
        zoho_id = read_id(item)
        try:
            return cls(
                name=_name(item),
                sku=_text(item, "sku", "sku") or None,
                price=_number(item, "rate"),
                stock_quantity=_number(item, "stock_on_hand"),
                unit=_text(item, "unit", "unit"),
                zoho_type=_text(item, "product_type", "zoho_type"),
                zoho_status=_text(item, "status", "zoho_status"),
                is_active=ACTIVE.get(item.get("status") or ""),
                zoho_created_at=_read(item, "created_time", values.moment),
                zoho_modified_at=_read(item, "last_modified_time", values.moment),
            )
        except BadRecord as error:
            error.zoho_id = zoho_id
            raise

    def completed(self, row: tuple[Any, ...] | None) -> "ProductFields":
        """These fields, with Zoho's times and the status kept as stored where this answer does not
        give them: item details come without times, and no status is not "inactive"."""
        if row is None:
            return self
        stored = ProductFields(*row)
        known = self if self.zoho_status else stored
        return self._replace(
            zoho_status=known.zoho_status,
            is_active=known.is_active,
            zoho_created_at=self.zoho_created_at or stored.zoho_created_at,
            zoho_modified_at=self.zoho_modified_at or stored.zoho_modified_at,
        )


def read_id(item: Any) -> str:
    """Zoho's id of the item, always a string. Raises BadRecord when it has none."""
    if not isinstance(item, dict):
        raise BadRecord("Zoho sent something that is not an item.", remedy=ZOHOS_OWN)
    zoho_id = usable_id(item.get("item_id"), LIMITS["zoho_item_id"])
    if not zoho_id:
        raise BadRecord(
            "Zoho sent an item without a usable item_id.", remedy=ZOHOS_OWN, field="item_id"
        )
    return zoho_id


def first_seen(fields: ProductFields) -> dict[str, Any]:
    """Columns that Zoho fills once and staff own from then on."""
    return {"product_type": PRODUCT_TYPES.get(fields.zoho_type, Product.Type.OTHER)}


def remedy(key: str, fix: str) -> str:
    return f"Open the item in Zoho, {fix.format('its ' + ON_ZOHOS_PAGES.get(key, key))}, and save."


def _read(item: Mapping[str, Any], key: str, reader: Callable[..., T], **limits: Any) -> T:
    """The item's `key` by one of the readers of sync/values.py."""
    try:
        return reader(item.get(key), **limits)
    except values.UnusableError as error:
        raise BadRecord(
            f"The item's {key} {error.problem}.", remedy=remedy(key, error.fix), field=key
        ) from None


def _name(item: Mapping[str, Any]) -> str:
    if name := _text(item, "name", "name"):
        return name
    raise BadRecord("The item has no name.", remedy=remedy("name", "fill in {}"), field="name")


def _text(item: Mapping[str, Any], key: str, column: str) -> str:
    return _read(item, key, values.text, limit=LIMITS[column])


def _number(item: Mapping[str, Any], key: str) -> Decimal | None:
    return _read(item, key, values.number, before=BEFORE, after=AFTER)
