"""Exports: in portions, few at a time, and never cut off in silence."""

import csv
import datetime as dt
import io
from contextlib import closing
from decimal import Decimal

import openpyxl
import pytest
from django.urls import reverse
from django.utils import timezone

from backoffice import export
from backoffice.export import ExportInterruptedError
from backoffice.models import AT_ONCE, ExportSlot
from products_and_services.models import Product

pytestmark = pytest.mark.django_db

LIST = reverse("admin:products_and_services_product_changelist")


@pytest.fixture(autouse=True)
def signed_in(client, staff):
    client.force_login(staff)


@pytest.fixture(autouse=True)
def small_portions(monkeypatch):
    """Five products are three portions."""
    monkeypatch.setattr(export, "PORTION", 2)
    Product.objects.bulk_create([Product(name=f"Item {letter}") for letter in "EDCBA"])


def exported(client, name="csv", **query):
    return client.get(f"{LIST}export/{name}/", query)


def names_in(response):
    return [row["Name"] for row in csv.DictReader(io.StringIO(response.getvalue().decode()))]


def test_a_long_list_is_exported_in_portions_and_in_its_order(client):
    """Whatever the portions, the file reads like the list."""
    assert names_in(exported(client)) == [f"Item {letter}" for letter in "ABCDE"]
    assert names_in(exported(client, o="-1")) == [f"Item {letter}" for letter in "EDCBA"]


def test_a_csv_is_sent_while_it_is_made(client, django_assert_num_queries):
    """A million rows must fit neither into memory nor into one statement."""
    chunks = iter(exported(client).streaming_content)

    with django_assert_num_queries(0):
        headings = next(chunks)
    with django_assert_num_queries(2):  # hold the slot, read a portion
        portion = next(chunks)

    assert headings.decode("utf-8-sig").startswith("Zoho item ID,Name")
    assert portion.count(b"\r\n") == 2


def test_a_record_deleted_during_an_export_is_left_out(client):
    """The other rows are not lost for it."""
    chunks = iter(exported(client).streaming_content)
    next(chunks), next(chunks)
    Product.objects.filter(name__in=["Item C", "Item D", "Item E"]).delete()

    assert b"".join(chunks) == b""


@pytest.mark.parametrize("name", ["csv", "xlsx"])
def test_more_exports_than_two_at_once_are_refused_and_may_come_again(client, name):
    """Eight exports by one reader used to stop the site for three minutes."""
    under_way = [exported(client) for _ in range(AT_ONCE)]

    refused = exported(client, name, q="item")
    page = client.get(refused.url).content.decode()
    for response in under_way:
        response.getvalue()

    assert refused.url == f"{LIST}?q=item"
    assert "Nothing was exported: try again in a minute" in page
    with closing(exported(client, name)) as response:
        assert response.status_code == 200


def test_a_workbook_frees_its_slot_before_it_is_sent(client):
    """A slow download holds up nobody."""
    responses = [exported(client, "xlsx") for _ in range(AT_ONCE + 1)]
    books = [openpyxl.load_workbook(io.BytesIO(response.getvalue())) for response in responses]
    for response in responses:
        response.close()

    for book in books:
        names = [row[1].value for row in book.active.rows]
        assert names == ["Name", *(f"Item {letter}" for letter in "ABCDE")]


def test_the_slot_of_a_process_that_died_is_free_after_its_lease():
    """Nobody else would give it back."""
    slots = [ExportSlot.take() for _ in range(AT_ONCE)]
    assert all(slots)
    assert ExportSlot.take() is None

    ExportSlot.objects.filter(pk=slots[0].pk).update(leased_until=timezone.now())

    assert ExportSlot.take() == slots[0]
    assert not slots[0].extend()


def test_a_lease_from_the_future_blocks_nobody():
    """A clock that was a day ahead must not stop exports for a day."""
    for _ in range(AT_ONCE):
        ExportSlot.take()
    ExportSlot.objects.update(leased_until=timezone.now() + dt.timedelta(days=1))

    assert ExportSlot.take() is not None


def test_an_export_that_lost_its_slot_breaks_off_with_an_error(client):
    """A shorter file that ends well would look complete."""
    chunks = iter(exported(client).streaming_content)
    next(chunks), next(chunks)
    ExportSlot.objects.update(lease=None)

    with pytest.raises(ExportInterruptedError):
        next(chunks)


def test_a_workbook_that_is_too_long_points_to_csv(client, monkeypatch):
    """The refusal names the way out."""
    monkeypatch.setitem(export.MAX_ROWS, "xlsx", 4)

    page = client.get(f"{LIST}export/xlsx/", follow=True).content.decode()

    assert "Nothing was exported: narrow the list by a filter or a search, or export it as" in page


@pytest.mark.postgres
@pytest.mark.parametrize("sign", ["", "-"])
def test_digits_that_a_cell_would_round_are_kept_as_text(client, sign):
    """A workbook's numbers hold 15 digits; 16 before the point and 8 after it are 24. On SQLite a
    column holds no more than a cell."""
    long, short = f"{sign}9999999999999999.12345678", f"{sign}123456789012.345"
    Product.objects.all().delete()
    Product.objects.create(name="Desk", price=Decimal(long), stock_quantity=Decimal(short))

    (text,) = csv.DictReader(io.StringIO(exported(client).getvalue().decode("utf-8-sig")))
    with closing(exported(client, "xlsx")) as response:
        sheet = openpyxl.load_workbook(io.BytesIO(response.getvalue())).active

    headings, row = ([cell.value for cell in cells] for cells in sheet.iter_rows())
    told = dict(zip(headings, row, strict=True))
    assert (told["Price"], told["Stock"]) == (long, float(short))
    assert (text["Price"], text["Stock"]) == (long, short)
