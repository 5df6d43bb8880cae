import datetime as dt
from decimal import Decimal

import pytest

from integrations.zoho.errors import BadRecord
from products_and_services.mapping import ProductFields, first_seen
from products_and_services.models import Product

WIDGET = {
    "item_id": "4600000000012345",
    "name": "Widget",
    "sku": "WDG-001",
    "rate": Decimal("99.99"),
    "stock_on_hand": 10,
    "unit": "pcs",
    "product_type": "goods",
    "status": "active",
    "created_time": "2026-10-05T21:32:21+0530",
    "last_modified_time": "2026-10-06T08:00:00+0530",
}


def read(**changes):
    return ProductFields.from_payload({**WIDGET, **changes})


def read_without(*keys):
    return ProductFields.from_payload({k: v for k, v in WIDGET.items() if k not in keys})


def test_an_item_is_read_exactly():
    """This is the table of the requirements, field by field."""
    assert read() == ProductFields(
        name="Widget",
        sku="WDG-001",
        price=Decimal("99.99"),
        stock_quantity=Decimal(10),
        unit="pcs",
        zoho_type="goods",
        zoho_status="active",
        is_active=True,
        zoho_created_at=dt.datetime(2026, 10, 5, 16, 2, 21, tzinfo=dt.UTC),
        zoho_modified_at=dt.datetime(2026, 10, 6, 2, 30, tzinfo=dt.UTC),
    )


@pytest.mark.parametrize("rate", [0, Decimal("0.00"), "0"])
def test_a_price_of_zero_is_a_price(rate):
    """Free is not "unknown"."""
    assert read(rate=rate).price == 0


@pytest.mark.parametrize("missing", ["", None])
def test_an_empty_value_is_none_and_not_zero(missing):
    """Zoho writes the empty string for "no number"."""
    fields = read(rate=missing, stock_on_hand=missing, sku=missing, unit=missing)

    assert (fields.price, fields.stock_quantity, fields.sku, fields.unit) == (None, None, None, "")


def test_a_service_has_no_stock():
    """Its key is absent, and zero would say "sold out"."""
    assert read_without("stock_on_hand").stock_quantity is None


@pytest.mark.parametrize("stock", ["12.125", "-3", "-0.5", "0.000001", "9999999999999999"])
def test_stock_may_be_fractional_and_negative(stock):
    """A mirror never clamps or rounds."""
    assert read(stock_on_hand=Decimal(stock)).stock_quantity == Decimal(stock)


def test_names_are_kept_to_the_letter():
    """Escaping is the page's business."""
    name = '<b>Kabel & "Stecker"</b> — 電纜 🌞' + "x" * 260

    assert read(name=name).name == name


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": ""}, "has no name"),
        ({"name": None}, "has no name"),
        ({"name": 7}, "not text"),
        ({"name": "x" * 501}, "longer than the 500"),
        ({"name": "a\0b"}, "NUL"),
        ({"name": "half \ud83d"}, "half of a character"),
        ({"rate": "abc"}, "not a number"),
        ({"rate": True}, "not a number"),
        ({"rate": "NaN"}, "not a number"),
        ({"rate": Decimal("1e-21")}, "stored exactly"),
        ({"stock_on_hand": Decimal("1e20")}, "stored exactly"),
        ({"stock_on_hand": []}, "not a number"),
        ({"created_time": "yesterday"}, "not a date"),
        ({"created_time": "2026-10-05T21:32:21"}, "no time zone"),
        ({"created_time": 5}, "not a date"),
        ({"created_time": "0001-01-01T00:00:00+0530"}, "outside of the years"),
        ({"last_modified_time": "9999-12-31T23:59:59-0800"}, "outside of the years"),
        ({"rate": Decimal("1e9999999")}, "stored exactly"),
        ({"rate": "1_000"}, "not a number"),
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_with_the_reason(changes, reason):
    """Better one item set aside than one item wrong."""
    with pytest.raises(BadRecord, match=reason) as caught:
        read(**changes)

    assert caught.value.zoho_id == WIDGET["item_id"]


@pytest.mark.parametrize("item_id", [None, "", " ", 4.5, True, -1, 10**30, "x" * 31, "../1", ["1"]])
def test_an_item_without_a_usable_id_is_refused(item_id):
    """The id is what the mirror is keyed on."""
    with pytest.raises(BadRecord, match="item_id"):
        read(item_id=item_id)


@pytest.mark.parametrize("item", [None, "text", 5, []])
def test_what_is_no_item_at_all_is_refused(item):
    """One broken row must not break the page."""
    with pytest.raises(BadRecord):
        ProductFields.from_payload(item)


def test_a_refusal_does_not_quote_the_value():
    """Values may be personal, and reasons are shown and logged."""
    with pytest.raises(BadRecord) as caught:
        read(rate="Jane Doe, +44 20 7946 0000")

    assert "Jane" not in caught.value.message


@pytest.mark.parametrize(
    ("zoho_type", "ours"),
    [("goods", "hardware"), ("service", "service"), ("digital_service", "other"), ("", "other")],
)
def test_the_product_type_begins_as_zohos(zoho_type, ours):
    """A constant would mislabel services."""
    assert first_seen(read(product_type=zoho_type)) == {"product_type": Product.Type(ours)}


def test_details_without_times_keep_the_stored_times():
    """Zoho's item details come without them, and absence is not an edit."""
    stored = tuple(read())
    details = read_without("created_time", "last_modified_time")

    assert details.completed(stored) == read()
