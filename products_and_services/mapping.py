"""Zoho Inventory's item → the mirrored columns of Product, named once."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from integrations.zoho.errors import BadRecord
from products_and_services.models import Product

LIMITS = {field.name: field.max_length for field in Product._meta.fields if field.max_length}
DIGITS, DECIMALS = 24, 8
PRODUCT_TYPES = {"goods": Product.Type.HARDWARE, "service": Product.Type.SERVICE}

# What to do in Zoho about an item that cannot be mirrored, in the words of Zoho's own pages.
ON_ZOHOS_PAGES = {"rate": "selling price", "stock_on_hand": "stock on hand", "sku": "SKU"}
ANEW = "type {} anew instead of pasting it"
SAVE_AGAIN = "Open the item in Zoho and save it once more, so that Zoho writes its times anew."
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
    is_active: bool
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
                name=_text(item, "name", "name", required=True),
                sku=_text(item, "sku", "sku") or None,
                price=_number(item, "rate"),
                stock_quantity=_number(item, "stock_on_hand"),
                unit=_text(item, "unit", "unit"),
                zoho_type=_text(item, "product_type", "zoho_type"),
                is_active=item.get("status") == "active",
                zoho_created_at=_moment(item, "created_time"),
                zoho_modified_at=_moment(item, "last_modified_time"),
            )
        except BadRecord as error:
            error.zoho_id = zoho_id
            raise

    def completed(self, row: tuple[Any, ...]) -> "ProductFields":
        """These fields, with Zoho's times kept as stored: item details come without them."""
        stored = ProductFields(*row)
        return self._replace(
            zoho_created_at=self.zoho_created_at or stored.zoho_created_at,
            zoho_modified_at=self.zoho_modified_at or stored.zoho_modified_at,
        )


def read_id(item: Any) -> str:
    """Zoho's id of the item, always a string. Raises BadRecord when it has none."""
    if not isinstance(item, dict):
        raise BadRecord("Zoho sent something that is not an item.", remedy=ZOHOS_OWN)
    zoho_id = item.get("item_id")
    if not isinstance(zoho_id, str) or not 0 < len(zoho_id.strip()) <= LIMITS["zoho_item_id"]:
        raise BadRecord("Zoho sent an item without a usable item_id.", remedy=ZOHOS_OWN)
    if not zoho_id.isascii() or not zoho_id.isalnum():
        raise BadRecord(
            "Zoho sent an item whose item_id is not made of letters and digits.", remedy=ZOHOS_OWN
        )
    return zoho_id


def first_seen(fields: ProductFields) -> dict[str, Any]:
    """Columns that Zoho fills once and staff own from then on."""
    return {"product_type": PRODUCT_TYPES.get(fields.zoho_type, Product.Type.OTHER)}


def remedy(key: str, what: str) -> str:
    return f"Open the item in Zoho, {what.format('its ' + ON_ZOHOS_PAGES.get(key, key))}, and save."


def _text(item: Mapping[str, Any], key: str, column: str, required: bool = False) -> str:
    value = item.get(key)
    if value is None or value == "":
        if required:
            raise BadRecord(f"The item has no {key}.", remedy=remedy(key, "fill in {}"))
        return ""
    if not isinstance(value, str):
        raise BadRecord(
            f"The item's {key} is not text.",
            remedy=remedy(key, ANEW),
        )
    limit = LIMITS[column]
    if len(value) > limit:
        raise BadRecord(
            f"The item's {key} is longer than the {limit} characters that fit.",
            remedy=remedy(key, "shorten {}"),
        )
    if "\0" in value:
        raise BadRecord(
            f"The item's {key} contains a NUL character, which PostgreSQL refuses.",
            remedy=remedy(key, ANEW),
        )
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadRecord(
                f"The item's {key} contains half of a character.",
                remedy=remedy(key, ANEW),
            ) from None
    return value


def _number(item: Mapping[str, Any], key: str) -> Decimal | None:
    value = item.get(key)
    if value is None or value == "":
        return None
    try:
        # `bool` is an int to Python, and no number to Zoho.
        exact = str(value) if isinstance(value, float) else value
        number = None if isinstance(value, bool) else Decimal(exact)
    except (InvalidOperation, TypeError, ValueError):
        number = None
    if number is None or not number.is_finite():
        raise BadRecord(
            f"The item's {key} is not a number.",
            remedy=remedy(key, ANEW),
        )
    number = number.normalize()
    exponent = int(number.as_tuple().exponent)
    if -exponent > DECIMALS or number.adjusted() >= DIGITS - DECIMALS:
        raise BadRecord(
            f"The item's {key} is too long to be stored exactly: {DIGITS - DECIMALS} digits before "
            f"and {DECIMALS} after the point fit.",
            remedy=remedy(key, "round {}"),
        )
    return number


def _moment(item: Mapping[str, Any], key: str) -> dt.datetime | None:
    """Zoho writes 2026-10-05T21:32:21+0530, in the organisation's time zone."""
    value = item.get(key)
    if value is None or value == "":
        return None
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRecord(f"The item's {key} is not a date and time.", remedy=SAVE_AGAIN) from None
    if moment.tzinfo is None:
        raise BadRecord(f"The item's {key} has no time zone.", remedy=SAVE_AGAIN)
    return moment
