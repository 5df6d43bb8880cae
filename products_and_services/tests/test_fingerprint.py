"""What makes an unchanged page cheap must never hide a change."""

import pytest
from django.db import connection

from integrations.zoho.records import Record
from products_and_services.mirror import PRODUCTS
from products_and_services.models import Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def parsed(monkeypatch):
    """The records that were parsed."""
    ids = []
    original = Record.parsed

    def counting(self):
        ids.append(self.zoho_id)
        return original(self)

    monkeypatch.setattr(Record, "parsed", counting)
    return ids


def test_records_that_say_the_same_are_not_even_parsed(zoho, sync, parsed):
    """This is where an unchanged sync saves its time."""
    zoho.add_item(name="Desk")
    sync()
    parsed.clear()

    assert sync()["unchanged"] == 1
    assert parsed == []


def test_a_row_that_was_changed_here_is_compared_and_mended(zoho, sync):
    """By hand, in SQL, behind everybody's back."""
    zoho.add_item(name="Desk", rate="1.00")
    sync()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_and_services_product SET price = 99")

    assert sync()["updated"] == 1
    assert Product.objects.get().price == 1


def test_what_staff_change_costs_one_comparison_and_stays(zoho, sync, parsed):
    """Their own columns are theirs."""
    zoho.add_item(name="Desk")
    sync()
    product = Product.objects.get()
    product.product_type = "other"
    product.save()
    parsed.clear()

    assert sync()["unchanged"] == 1
    assert len(parsed) == 1
    parsed.clear()
    sync()
    assert parsed == []
    assert Product.objects.get().product_type == "other"


def test_a_field_that_is_not_mirrored_changes_nothing_but_the_fingerprint(zoho, sync, parsed):
    """A new description is no update of a mirror that has none."""
    item = zoho.add_item(name="Desk")
    sync()
    synced_at = Product.objects.get().synced_at
    zoho._items[item].change({"description": "Oak"})
    zoho._sorted.clear()

    assert sync()["unchanged"] == 1
    assert Product.objects.get().synced_at == synced_at
    parsed.clear()
    sync()
    assert parsed == []


def test_a_release_that_reads_records_differently_reads_all_of_them(zoho, sync, parsed):
    """The same record may mean other columns now."""
    zoho.add_item(name="Desk")
    sync()
    parsed.clear()
    version = PRODUCTS.version
    PRODUCTS.__dict__["version"] = b"another"
    try:
        assert sync()["unchanged"] == 1
    finally:
        PRODUCTS.__dict__["version"] = version

    assert len(parsed) == 1
