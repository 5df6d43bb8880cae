"""What staff do with products beyond looking: find, export, judge stock, follow a price."""

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
from backoffice.listing import BoundedPaginator
from integrations.models import ZohoCredential
from products_and_services.admin import ProductAdmin
from products_and_services.models import Product
from sync.charts import StepChart
from sync.models import SyncRun

pytestmark = pytest.mark.django_db

LIST = reverse("admin:products_and_services_product_changelist")


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def shop():
    """Five products; what they are called says what they are for."""
    rows = [
        {"name": "Plenty", "sku": "P-1", "stock_quantity": Decimal("11"), "price": Decimal("12.5")},
        {"name": "Few", "sku": "F-1", "stock_quantity": Decimal("10")},
        {"name": "Owed", "sku": "O-1", "stock_quantity": Decimal("-2.5")},
        {"name": "Old", "sku": "P-1", "stock_quantity": 0, "is_active": False},
        {"name": "Gone", "sku": None, "stock_quantity": 1, "retired_at": timezone.now()},
    ]
    return [
        Product.objects.create(zoho_item_id=f"46{number}", **row) for number, row in enumerate(rows)
    ]


def names(client, **query):
    return [product.name for product in client.get(LIST, query).context["cl"].result_list]


def test_low_stock_is_what_is_sold_and_nearly_gone(client, shop):
    """Ten or less by default; what is inactive or retired needs no new order."""
    assert names(client, stock="low") == ["Few", "Owed"]
    assert [product.name for product in shop if product.runs_low] == ["Few", "Owed"]


def test_what_counts_as_low_is_a_setting(client, shop, settings):
    """A shop for screws thinks in thousands."""
    settings.LOW_STOCK = 1000

    assert names(client, stock="low") == ["Few", "Owed", "Plenty"]
    assert "Low stock (1,000 or less)" in client.get(LIST).content.decode()


def test_a_low_stock_is_marked_in_words(client, shop):
    """Colour alone would not reach everybody."""
    page = client.get(LIST).content.decode()

    assert page.count('<span class="badge state-warn">Low</span>') == 2


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("plen", ["Plenty"]),
        ("PLENTY", ["Plenty"]),
        ("p-1", ["Old", "Plenty"]),
        ("p-1 plenty", ["Plenty"]),
        ("464", ["Gone"]),
        ("100%", []),
        ("_", []),
    ],
)
def test_a_search_finds_any_part_of_name_sku_and_id(client, shop, words, found):
    """All words must be there; small or large letters, no matter."""
    assert names(client, q=words) == found


def test_a_search_reads_the_table_once(client, shop, django_assert_max_num_queries):
    """What it found first is the page; the order is made of that."""
    paginator = BoundedPaginator(Product.objects.filter(is_active=True).order_by("-name"), 2)

    with django_assert_max_num_queries(2):
        assert paginator.count == 4
        assert [product.name for product in paginator.page(1)] == ["Plenty", "Owed"]


def test_a_count_beyond_its_bound_still_pages(shop, monkeypatch):
    """Then the list's own order leads."""
    monkeypatch.setattr(BoundedPaginator, "COUNT_UP_TO", 2)
    paginator = BoundedPaginator(Product.objects.filter(is_active=True).order_by("name"), 1)

    assert paginator.count == 2
    assert [product.name for product in paginator.page(2)] == ["Gone"]


def test_more_duplicates_than_can_be_named_are_shown_too(client, shop, monkeypatch):
    """The database then joins them."""
    monkeypatch.setattr("products_and_services.filters.FEW_SKUS", 0)

    assert names(client, duplicate_sku="yes") == ["Plenty", "Old"]


def exported(client, name, **query):
    return client.get(f"{LIST}export/{name}/", query)


def sheet_of(client, **query):
    with closing(exported(client, "xlsx", **query)) as response:
        return openpyxl.load_workbook(io.BytesIO(response.getvalue())).active


def test_the_filtered_list_is_exported_as_csv(client, shop):
    """Just what is on the screen, with all its digits."""
    response = exported(client, "csv", q="plenty")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode("utf-8-sig"))))

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="products_')
    (row,) = rows
    assert (row["Zoho item ID"], row["Name"], row["SKU"]) == ("460", "Plenty", "P-1")
    assert (row["Price"], row["Stock"], row["In Zoho"]) == ("12.5", "11", "Active")


def test_the_list_is_exported_as_a_spreadsheet_with_numbers(client, shop):
    """Excel must be able to add them up."""
    header, row = sheet_of(client, stock="negative").iter_rows(values_only=True)

    told = dict(zip(header, row, strict=True))
    assert (told["Name"], told["Stock"], told["Price"]) == ("Owed", -2.5, None)
    assert told["Zoho item ID"] == "462"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t"])
def test_a_name_from_zoho_does_not_run_in_a_spreadsheet(client, begin):
    """Whoever may name an item must not reach into the bookkeeper's computer."""
    Product.objects.create(name=f'{begin}HYPERLINK("http://evil.example")')

    text = exported(client, "csv").getvalue().decode("utf-8-sig")
    sheet = sheet_of(client)

    (row,) = csv.DictReader(io.StringIO(text))
    assert row["Name"].startswith(f"'{begin}")
    assert all(cell.data_type != "f" for cells in sheet.iter_rows() for cell in cells)


def test_too_many_rows_for_a_file_are_refused_with_the_way_out(client, shop, monkeypatch):
    """Nobody waits for a page that never comes."""
    monkeypatch.setitem(export.MAX_ROWS, "csv", 2)

    response = client.get(f"{LIST}export/csv/?stock=in", follow=True)

    assert "Nothing was exported: narrow the list" in response.content.decode()
    assert response.redirect_chain == [(f"{LIST}?stock=in", 302)]


def test_an_export_needs_the_right_to_see_products(client, shop, django_user_model):
    """A file is the list by another door; and there are two kinds of it."""
    assert exported(client, "pdf").status_code == 404
    client.force_login(django_user_model.objects.create_user("ada", is_staff=True))

    assert exported(client, "csv").status_code == 403


def test_a_product_leads_to_its_page_in_zoho(client, shop, settings, credential):
    """Mended is there, not here."""
    settings.ZOHO_ACCOUNTS_URL = ""
    ZohoCredential.objects.update(data_center="eu", organization_id="77")
    address = "https://inventory.zoho.eu/app/77#/inventory/items/460"

    listed = client.get(LIST).content.decode()
    page = client.get(reverse("admin:products_and_services_product_change", args=[shop[0].pk]))

    assert f'href="{address}"' in listed
    assert f'href="{address}"' in page.content.decode()
    assert "items/464" not in listed, "what Zoho no longer has has no page"


def test_a_simulated_zoho_has_no_pages_to_lead_to(client, shop, credential):
    """A dead link is worse than none."""
    assert "View in Zoho" not in client.get(LIST).content.decode()


def test_price_and_stock_are_drawn_from_the_history(client, zoho, sync):
    """How it moved, at a glance; said in words, too."""
    item = zoho.add_item(name="Desk", rate="10.00")
    sync()
    for rate in ("12.00", "9.50"):
        zoho.edit_item(item, rate=rate)
        sync()

    product = Product.objects.get()
    page = client.get(reverse("admin:products_and_services_product_change", args=[product.pk]))

    (chart,) = page.context["charts"]
    assert (chart.title, chart.first, chart.last) == ("Price", 10, Decimal("9.5"))
    assert (chart.lowest, chart.highest) == (Decimal("9.5"), 12)
    assert "10 → 9.5" in page.content.decode()


def test_a_step_chart_holds_a_value_until_it_changes():
    """A slope between two prices would be a price that never was."""
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    points = [(begin, Decimal(1)), (begin + dt.timedelta(days=1), Decimal(3))]

    chart = StepChart.of("Price", points, until=begin + dt.timedelta(days=2))

    assert chart.path == "M0 95.0H150.0V5.0H300"
    assert StepChart.of("Price", points[:1], until=begin) is None


def test_a_note_is_ours_and_survives_a_sync(client, zoho, sync):
    """What colleagues wrote is not Zoho's to overwrite."""
    item = zoho.add_item(name="Desk", rate="10.00")
    sync()
    product = Product.objects.get()
    page = reverse("admin:products_and_services_product_change", args=[product.pk])
    client.post(page, {"product_type": "service", "note": "Ask Olga first", "name": "Mine"})
    zoho.edit_item(item, rate="11.00")

    sync(mode=SyncRun.Mode.FULL)

    product.refresh_from_db()
    assert (product.note, product.product_type) == ("Ask Olga first", "service")
    assert (product.name, product.price) == ("Desk", 11)


@pytest.mark.parametrize("words", ["Äpfel", "ÄPFEL", "fel"])
def test_a_search_finds_large_letters_of_other_alphabets(client, words):
    """Typed just as it stands there, it must be found, whichever database looks."""
    Product.objects.create(name="ÄPFEL")

    assert names(client, q=words) == ["ÄPFEL"]


def test_all_of_a_long_list_is_never_on_one_page(client, monkeypatch):
    """An address can ask for it; a web process must not die of it."""
    monkeypatch.setattr(ProductAdmin, "list_max_show_all", 2)
    monkeypatch.setattr(ProductAdmin, "list_per_page", 1)
    Product.objects.bulk_create([Product(name=f"Item {number}") for number in range(3)])

    assert len(names(client, all="")) == 1


def test_a_control_character_does_not_spoil_an_export(client):
    """Zoho lets people paste anything."""
    Product.objects.create(name="Desk\x0b oak")

    sheet = sheet_of(client)

    assert sheet["B2"].value == "Desk oak"


def test_an_export_by_an_address_that_makes_no_sense_leads_back(client, shop):
    """As the list itself does."""
    assert client.get(f"{LIST}export/csv/?foo=1").url == f"{LIST}?e=1"


def test_a_chart_ends_with_the_newest_change(client, zoho, sync, monkeypatch):
    """Of very many, the oldest are left out."""
    monkeypatch.setattr("products_and_services.admin.MOST_CHARTED", 1)
    item = zoho.add_item(name="Desk", rate="10.00")
    sync()
    for rate in ("12.00", "9.50"):
        zoho.edit_item(item, rate=rate)
        sync()

    page = reverse("admin:products_and_services_product_change", args=[Product.objects.get().pk])
    (chart,) = client.get(page).context["charts"]

    assert (chart.first, chart.last) == (12, Decimal("9.5"))


def test_saving_a_note_leaves_what_a_sync_writes_meanwhile(client, shop, monkeypatch):
    """The form knows the price as it was when it was opened."""
    product = shop[0]
    original = ProductAdmin.save_model

    def save_model(*args):
        Product.objects.filter(pk=product.pk).update(price=99)
        original(*args)

    monkeypatch.setattr(ProductAdmin, "save_model", save_model)
    page = reverse("admin:products_and_services_product_change", args=[product.pk])
    client.post(page, {"product_type": "hardware", "note": "Ask Olga first"})

    product.refresh_from_db()
    assert (product.note, product.price) == ("Ask Olga first", 99)


def test_a_search_takes_ten_words(client):
    """Each costs a look through the table, and an address may hold thousands."""
    Product.objects.create(name="one two three four five six seven eight nine ten")

    page = client.get(LIST, {"q": "one two three four five six seven eight nine ten eleven"})

    assert [product.name.split()[0] for product in page.context["cl"].result_list] == ["one"]
    assert "Only the first 10 words were searched for." in page.content.decode()
