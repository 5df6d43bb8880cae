"""Zoho's JSON: the rows of Inventory in their shapes, and how numbers and moments are written.

Keys and types as in Zoho's OpenAPI files and in answers captured by public projects; the values
are invented. Source: https://www.zoho.com/inventory/api/v1/items/
"""

import datetime as dt
import json
import zlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))

# The keys every row of the list has, in all three shapes.
ROW: dict[str, Any] = {
    "item_id": "",
    "name": "",
    "item_name": "",
    "group_id": "",
    "group_name": "",
    "category_id": "",
    "category_name": "",
    "unit": "pcs",
    "status": "active",
    "source": "user",
    "is_combo_product": False,
    "is_linked_with_zohocrm": False,
    "zcrm_product_id": "",
    "description": "",
    "brand": "",
    "manufacturer": "",
    "rate": Decimal("0.00"),
    "tax_id": "",
    "tax_name": "",
    "tax_percentage": 0,
    "purchase_account_id": "3900000000000034003",
    "purchase_account_name": "Cost of Goods Sold",
    "account_id": "3900000000000000388",
    "account_name": "Sales",
    "purchase_description": "",
    "purchase_rate": Decimal("0.00"),
    "can_be_sold": True,
    "can_be_purchased": True,
    "track_inventory": False,
    "item_type": "sales_and_purchases",
    "product_type": "goods",
    "has_attachment": False,
    "is_returnable": True,
    **{
        f"attribute_{part}{number}": ""
        for part in ("id", "name", "type", "option_id", "option_name", "option_data")
        for number in (1, 2, 3)
    },
    "sku": "",
    "upc": "",
    "ean": "",
    "isbn": "",
    "part_number": "",
    "is_storage_location_enabled": False,
    "image_name": "",
    "image_type": "",
    "image_document_id": "",
    "created_time": "",
    "last_modified_time": "",
    "purpose_of_use": "",
    "vendor_name": "",
    "length": "",
    "width": "",
    "height": "",
    "weight": "",
    "weight_unit": "kg",
    "dimension_unit": "cm",
    "dimensions_with_unit": "",
    "weight_with_unit": "",
    "tags": [],
}
# What only a single item, or itemdetails, holds, in all three shapes.
DETAIL: dict[str, Any] = {
    "unit_id": "",
    "crm_owner_id": "",
    "inventory_account_id": "",
    "inventory_account_name": "",
    "pricing_scheme": "unit",
    "pricebook_rate": Decimal("0.00"),
    "sales_rate": Decimal("0.00"),
    "sales_margin": "",
    "price_brackets": [],
    "default_price_brackets": [],
    "package_details": {
        "length": "",
        "width": "",
        "height": "",
        "weight": "",
        "weight_unit": "kg",
        "dimension_unit": "cm",
    },
    # India's edition: a tax within the state, and one between states.
    "item_tax_preferences": [
        {
            "tax_id": "3900000000000072061",
            "tax_name": "GST18",
            "tax_percentage": 18,
            "tax_specification": "intra",
        },
        {
            "tax_id": "3900000000000072077",
            "tax_name": "IGST18",
            "tax_percentage": 18,
            "tax_specification": "inter",
        },
    ],
    "custom_fields": [],
    "custom_field_hash": {},
    "documents": [],
    "sales_channels": [],
    "integration_references": [],
    "lock_details": {},
    "has_variant": False,
    "has_attribute_options": False,
    "combo_type": "",
    "is_fulfillable": False,
    "image_sync_in_progress": False,
    "tax_type": "",
    "tax_status": "",
}
# What the detail of a tracked item holds beside the three stock keys of its row.
STOCK_DETAIL: dict[str, Any] = {
    "asset_value": "",
    "initial_stock": "",
    "initial_stock_rate": "",
    "minimum_order_quantity": "",
    "committed_stock": Decimal("0.000000"),
    "actual_committed_stock": Decimal("0.000000"),
}
LOCATION_ID = "3900000000000061001"
LIST_ONLY = ("item_name", "image_document_id")
GROUP_ID_STEP = 10**12
CUSTOM_FIELD_ID = 3_900_000_000_004_000_000
STOCK_KEYS = ("stock_on_hand", "available_stock", "actual_available_stock")


def money(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01")) if _fits(value, 2) else Decimal(str(value))


def quantity(value: Any) -> Decimal:
    number = Decimal(str(value))
    return number.quantize(Decimal("0.000001")) if _fits(value, 6) else number


def _fits(value: Any, decimals: int) -> bool:
    number = Decimal(str(value))
    return number.is_finite() and -int(number.as_tuple().exponent) <= decimals


def moment(seconds: int) -> str:
    """2026-10-05T21:32:21+0530: the organisation's zone, an offset without a colon."""
    return dt.datetime.fromtimestamp(seconds, INDIA).strftime("%Y-%m-%dT%H:%M:%S%z")


# A Decimal keeps the zeros that Zoho prints (12.00), but json writes no Decimals: they pass as
# strings between two marks that no text has, which are taken off together with the quotes.
_EDGE = "\x01decimal\x01"
_EDGE_JSON = json.dumps(_EDGE).strip('"').encode()


def _number(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{_EDGE}{value:f}{_EDGE}"
    raise TypeError(f"not JSON: {type(value).__name__}")


def dumps(body: Any) -> bytes:
    text = json.dumps(body, ensure_ascii=False, default=_number, separators=(",", ":"))
    data = text.encode("utf-8", "surrogatepass")
    return data.replace(b'"' + _EDGE_JSON, b"").replace(_EDGE_JSON + b'"', b"")


class Item:
    """One item: what differs from ROW, rendered when first asked for."""

    __slots__ = ("created", "fields", "modified", "raw", "removed", "rendered")

    def __init__(
        self, fields: dict[str, Any], created: int, modified: int, raw: bool = False
    ) -> None:
        self.fields = fields
        self.created = created
        self.modified = modified
        self.raw = raw  # listed exactly as given, whatever it is
        self.removed = False
        self.rendered: tuple[dict[str, Any], bytes] | None = None

    def row(self) -> dict[str, Any]:
        if self.raw:
            return self.fields
        times = {
            "created_time": moment(self.created),
            "last_modified_time": moment(self.modified),
        }
        # A lone item is a group of one, which has its name.
        group = {
            "group_id": str(int(self.fields["item_id"]) + GROUP_ID_STEP),
            "group_name": self.fields.get("name", ""),
        }
        return {**ROW, **times, **group, **self.fields}

    def detail(self) -> dict[str, Any]:
        row = {key: value for key, value in self.row().items() if key not in LIST_ONLY}
        fields = {key: value for key, value in row.items() if not key.startswith("cf_")}
        hashes = {key: value for key, value in row.items() if key.startswith("cf_")}
        rate = row.get("rate", Decimal("0.00"))
        extra: dict[str, Any] = {
            "pricebook_rate": rate,
            "sales_rate": rate,
            "custom_fields": _custom_fields(hashes),
            "custom_field_hash": hashes,
        }
        if "stock_on_hand" in row:
            for_sale = ("available_for_sale_stock", "actual_available_for_sale_stock")
            extra |= {**STOCK_DETAIL, **dict.fromkeys(for_sale, row["available_stock"])}
        return {**DETAIL, **fields, **extra}

    def bulk_detail(self) -> dict[str, Any]:
        """A row of itemdetails: Zoho's description of it has no timestamps, but locations."""
        detail = self.detail()
        for key in ("created_time", "last_modified_time"):
            detail.pop(key, None)
        return {"vendor_id": "", "image_id": "", "locations": _locations(detail), **detail}

    def json(self) -> bytes:
        # The bytes are kept with the fields they show: another thread may change the item while
        # this one renders it.
        fields = self.fields
        if self.rendered is None or self.rendered[0] is not fields:
            self.rendered = fields, dumps(self.row())
        return self.rendered[1]

    def change(self, fields: Mapping[str, Any]) -> None:
        self.fields = {**self.fields, **fields}


def _custom_fields(hashes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "customfield_id": str(CUSTOM_FIELD_ID + zlib.crc32(name.encode()) % 1_000_000),
            "label": name.removeprefix("cf_").replace("_", " ").capitalize(),
            "value": value,
        }
        for name, value in hashes.items()
        if not name.endswith("_unformatted")
    ]


def _locations(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where a tracked item lies; the amounts are strings here."""
    if "stock_on_hand" not in row:
        return []
    stock = {f"location_{key}": f"{row[key]:f}" for key in STOCK_KEYS}
    return [
        {
            "location_id": LOCATION_ID,
            "location_name": "Head Office",
            "status": "active",
            "is_primary": True,
            **stock,
        }
    ]


def typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as a test writes them, in Zoho's types: prices and stock as numbers with zeros."""
    result = dict(fields)
    for key in ("rate", "purchase_rate"):
        if isinstance(result.get(key), str | int | float | Decimal) and result[key] != "":
            result[key] = money(result[key])
    if isinstance(result.get("stock_on_hand"), str | int | float | Decimal):
        stock = quantity(result["stock_on_hand"])
        result |= dict.fromkeys(STOCK_KEYS, stock)
        result |= {"item_type": "inventory", "track_inventory": True}
    if isinstance(result.get("reorder_level"), str | int | float | Decimal) and (
        result["reorder_level"] != ""
    ):
        result["reorder_level"] = quantity(result["reorder_level"])
    if "name" in result:
        result.setdefault("item_name", result["name"])
    return result


def complete(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a new item: typed, and with what its shape has besides."""
    result = typed(fields)
    if "stock_on_hand" in result:
        result.setdefault("reorder_level", "")
    if result.get("product_type") == "service":
        result.setdefault("unit", "")
    return result
