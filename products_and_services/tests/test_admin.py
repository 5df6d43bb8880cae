import datetime as dt
import re
from html import unescape

import pytest
from django.db import IntegrityError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products_and_services.models import Product
from sync.models import Change, SyncRun
from sync.models.changes import Note
from sync.plan import Plan

pytestmark = pytest.mark.django_db

LIST = "/admin/products_and_services/product/"


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


def product(name, **fields):
    return Product.objects.create(**{"zoho_item_id": f"46{name}", "name": name, **fields})


def listed(client, query=""):
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200
    return [row.name for row in page.context["cl"].result_list]


def test_the_side_bar_has_products_and_credentials(client):
    """The two places of the requirements."""
    page = client.get("/admin/").content.decode()

    assert "Products and Services" in page
    assert "📦 Products" in page
    assert "Integrations" in page
    assert "🔑 Zoho Credentials" in page


def test_the_top_menu_is_home_users_sync_in_this_order(client):
    """As agreed."""
    page = client.get("/admin/").content.decode()

    places = [page.index(f">{text}</a>") for text in ("Home", "Users", "🔄 Sync Zoho")]
    assert places == sorted(places)


@pytest.mark.parametrize("term", ["Desk", "DSK-1", "46001"])
def test_products_are_found_by_name_sku_and_zoho_id(client, term):
    """Whatever the person has at hand."""
    product("Desk", sku="DSK-1", zoho_item_id="46001")
    product("Lamp")

    assert listed(client, f"q={term}") == ["Desk"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("is_active__exact=0", ["Old"]),
        ("retired=yes", ["Gone"]),
        ("retired=no", ["Old", "Service", "Twin A", "Twin B", "Zero"]),
        ("product_type__exact=service", ["Service"]),
        ("stock=in", ["Old"]),
        ("stock=zero", ["Zero"]),
        ("stock=negative", ["Twin A"]),
        ("stock=untracked", ["Gone", "Service", "Twin B"]),
        ("duplicate_sku=yes", ["Twin A", "Twin B"]),
    ],
)
def test_products_are_filtered(client, query, names):
    """The questions that operations people ask."""
    product("Old", is_active=False, stock_quantity="2.5")
    product("Gone", retired_at=timezone.now())
    product("Service", product_type="service")
    product("Zero", stock_quantity=0, sku="Z")
    product("Twin A", sku="T", stock_quantity=-1)
    product("Twin B", sku="T")

    assert listed(client, query) == names


def test_names_with_html_are_shown_and_not_run(client):
    """Zoho lets people put anything into a name."""
    product("<script>alert(1)</script>")

    page = client.get(LIST).content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert(1)</script>" not in page


def test_mirrored_fields_cannot_be_edited(client):
    """The next sync would undo it without a word."""
    row = product("Desk", price="5")

    client.post(f"{LIST}{row.pk}/change/", {"name": "X", "price": "1", "product_type": "other"})

    row.refresh_from_db()
    assert (row.name, row.price, row.product_type) == ("Desk", 5, "other")


def test_products_are_neither_added_nor_deleted_by_hand(client):
    """Zoho is where they are made."""
    row = product("Desk")

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.get(f"{LIST}{row.pk}/delete/").status_code == 403
    assert "delete_selected" not in client.get(LIST).content.decode()


def test_the_list_costs_few_queries_however_many_products(client):
    """One query a row would make a page of 50 crawl."""
    from django.db import connection

    for number in range(60):
        product(f"Item {number:02}")

    with CaptureQueriesContext(connection) as queries:
        assert len(listed(client)) == 50

    assert len(queries) <= 11


def test_selected_items_are_synced_and_those_without_an_id_are_told(client, credential):
    """A product that is only ours cannot be asked for."""
    mine = product("Ours", zoho_item_id="")
    desk = product("Desk", zoho_item_id="46001")

    response = client.post(
        LIST,
        {"action": "sync_selected_items", "_selected_action": [mine.pk, desk.pk]},
        follow=True,
    )

    run = SyncRun.objects.get()
    assert (run.mode, run.page_rows.get().zoho_ids) == ("selected", ["46001"])
    page = response.content.decode()
    assert "1 of the selected records have no Zoho ID" in page
    assert f"Task initiated: {run.task_id}" in page


def test_the_action_is_offered_only_to_those_who_may_sync(client, django_user_model):
    """Same permission as the button."""
    from django.contrib.auth.models import Permission

    product("Desk")
    assert "Sync selected items" in client.get(LIST).content.decode()

    clerk = django_user_model.objects.create_user("karl", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_product"))
    client.force_login(clerk)
    assert "Sync selected items" not in client.get(LIST).content.decode()


def test_a_zoho_id_is_unique_and_may_be_missing_repeatedly():
    """Blank means none, and none is no duplicate of none."""
    product("A", zoho_item_id="")
    product("B", zoho_item_id="")
    product("C", zoho_item_id="1", sku="")
    assert Product.objects.get(name="C").sku is None

    with pytest.raises(IntegrityError):
        product("D", zoho_item_id="1")


def test_a_runs_page_shows_counts_and_asks_for_more_while_it_is_active(client):
    """The bar moves without a reload, and the browser stops asking at the end."""
    run, _ = SyncRun.request("products_and_services.product", trigger="person", task_name="a.task")
    run.start()
    page = client.get(f"/admin/sync/syncrun/{run.pk}/change/").content.decode()
    assert f'hx-get="/sync/runs/{run.pk}/progress/"' in page
    assert client.get(f"/sync/runs/{run.pk}/progress/").status_code == 200

    run.finish()
    page = client.get(f"/admin/sync/syncrun/{run.pk}/change/").content.decode()
    assert "hx-get" not in page
    assert client.get(f"/sync/runs/{run.pk}/progress/").status_code == 286


def test_the_failed_count_leads_to_the_failed_records_of_that_run(client):
    """From "3 failed" to which ones and why, in one click."""
    run, _ = SyncRun.request("products_and_services.product", trigger="person", task_name="a.task")
    other = SyncRun.objects.create(
        kind="products_and_services.product", state="failed", trigger="person", task_name="a.task"
    )
    run.start()
    run.advance(Plan(), failed=1, calls=1)
    Change.record(run, [Note("failed", "4711", after="The item has no name.")])
    Change.record(other, [Note("failed", "4712", after="Another run's.")])
    page = client.get(f"/admin/sync/syncrun/{run.pk}/change/").content.decode()
    (link,) = re.findall(r'href="(/admin/sync/change/\?[^"]*failed)"', page)

    page = client.get(unescape(link), follow=True).content.decode()

    assert "The item has no name." in page
    assert "4712" not in page


def test_the_schedule_names_tasks_that_exist(settings):
    """A typo would be a sync that never comes."""
    from celery import current_app as app

    app.loader.import_default_modules()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= app.tasks.keys()


def test_too_many_selected_items_are_better_synced_all_together(client, credential, monkeypatch):
    """ "Select all 100,000" would take 2,000 calls where 500 do."""
    from sync import mirrored_admin as admin

    monkeypatch.setattr(admin, "MOST_SELECTED", 1)
    rows = [product("A"), product("B")]

    page = client.post(
        LIST,
        {"action": "sync_selected_items", "_selected_action": [row.pk for row in rows]},
        follow=True,
    ).content.decode()

    assert "Nothing was started" in page
    assert not SyncRun.objects.exists()


def test_runs_are_history_and_cannot_be_edited(client):
    """What happened, happened."""
    run, _ = SyncRun.request("products_and_services.product", trigger="person", task_name="a.task")

    assert client.get("/admin/sync/syncrun/add/").status_code == 403
    assert client.post(f"/admin/sync/syncrun/{run.pk}/change/", {}).status_code == 403
    assert client.get(f"/admin/sync/syncrun/{run.pk}/delete/").status_code == 403
    assert client.get("/admin/sync/syncrun/").status_code == 200


def test_the_list_says_how_old_items_and_stock_are(client, sync, zoho):
    """Stock moves without Zoho calling it a change: the two have different ages."""
    assert "No complete sync yet." in client.get(LIST).content.decode()
    zoho.add_item(name="Desk")
    sync()
    SyncRun.objects.update(started_at=timezone.now() - dt.timedelta(hours=5))
    sync(mode=SyncRun.Mode.CHANGED)

    page = client.get(LIST).content.decode()

    assert re.search(r"<strong>Items</strong> as Zoho had them\s*<time [^>]*>now</time>", page)
    assert re.search(r"<strong>stock</strong>\s*<time [^>]*>5\xa0hours ago</time>", page)


def test_a_product_shows_what_syncs_changed_of_it(client, sync, zoho):
    """ "Who changed this price, and when?" is asked on the product's page."""
    item = zoho.add_item(name="Desk", rate="1.00")
    zoho.add_item(name="Lamp")
    sync()
    zoho.edit_item(item, rate="2.50")
    sync()
    zoho.edit_item(item, rate="99.00")
    sync(dry_run=True)
    desk = Product.objects.get(zoho_item_id=item)

    page = client.get(f"{LIST}{desk.pk}/change/").content.decode()

    rows = re.findall(
        r"<td>(Updated|Created)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", page
    )
    assert ("Updated", "price", "1", "2.5") in rows
    assert ("Created", "name", "", "Desk") in rows
    assert "Lamp" not in str(rows)
    assert "99" not in str(rows)


def test_sync_now_fetches_just_this_product(client, credential):
    """Somebody has it on the screen and wants to know its stock."""
    desk = product("Desk", zoho_item_id="46001")
    url = f"{LIST}{desk.pk}/sync-now/"
    assert client.get(url).status_code == 405

    page = client.post(url, follow=True).content.decode()

    run = SyncRun.objects.get()
    assert (run.mode, run.page_rows.get().zoho_ids) == ("selected", ["46001"])
    assert f"Task initiated: {run.task_id}" in page


def test_sync_now_is_for_those_who_may_sync(client, django_user_model):
    """Seeing a product is one thing, spending calls another."""
    from django.contrib.auth.models import Permission

    desk = product("Desk", zoho_item_id="46001")
    viewer = django_user_model.objects.create_user("ada", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_product"))
    client.force_login(viewer)

    assert "Sync now" not in client.get(f"{LIST}{desk.pk}/change/").content.decode()
    assert client.post(f"{LIST}{desk.pk}/sync-now/").status_code == 403
    assert not SyncRun.objects.exists()
