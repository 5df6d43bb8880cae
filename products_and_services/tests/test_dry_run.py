"""Dry runs, and the history that real runs leave: both are rows of Change."""

import datetime as dt
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from products_and_services.models import Product
from products_and_services.services import sync_products
from sync.models import Change, SyncRun
from sync.models.changes import prune
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

LIST = reverse("admin:sync_change_changelist")


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def edited(zoho, sync):
    """Zoho has moved on: one price and name changed, one item new, one gone."""
    ids = [zoho.add_item(name=f"Item {number}", rate="1.00") for number in range(3)]
    sync()
    Change.objects.all().delete()
    zoho.edit_item(ids[0], rate="2.50", name="Renamed")
    zoho.remove_item(ids[1])
    ids.append(zoho.add_item(name="Brand new"))
    return ids


def told(run):
    """{(action, record, field): (before, after)}"""
    rows = Change.objects.filter(run=run)
    return {(r.action, r.zoho_id, r.field): (r.before, r.after) for r in rows}


def test_a_dry_run_writes_nothing_and_tells_every_field(edited, sync):
    """Before the first run on an old database, one wants to know."""
    before = list(Product.objects.order_by("id").values())

    stats = sync(dry_run=True)

    assert list(Product.objects.order_by("id").values()) == before
    assert (stats["created"], stats["updated"], stats["retired"]) == (1, 1, 1)
    assert stats["dry_run"] is True
    differences = told(stats["run_id"])
    first, gone, _, new = edited
    assert differences["updated", first, "price"] == ("1", "2.5")
    assert differences["updated", first, "name"] == ("Item 0", "Renamed")
    assert differences["created", new, "name"] == (None, "Brand new")
    assert differences["retired", gone, "name"] == ("Item 1", None)


def test_a_real_run_leaves_the_same_rows_as_its_history(edited, sync):
    """What was foretold is what happens."""
    foretold = told(sync(dry_run=True)["run_id"])

    happened = told(sync()["run_id"])

    assert happened == foretold


def test_the_differences_are_a_table_to_filter(edited, sync, client):
    """Not one giant JSON."""
    run = sync(dry_run=True)["run_id"]

    page = client.get(f"{LIST}?run__id__exact={run}&field=price").content.decode()

    assert "Would be updated" in page
    assert "2.5" in page
    assert "Renamed" not in page
    assert "A dry run: nothing of this was written." in page


def test_apply_runs_it_for_real(edited, sync, client):
    """One click from the preview to the deed."""
    dry = SyncRun.objects.get(pk=sync(dry_run=True)["run_id"])

    client.post(reverse("sync:act", args=[dry.pk, "apply"]))
    run = carry_out(SyncRun.objects.get(origin=dry), sync_products)

    assert (run.dry_run, run.mode, run.state) == (False, "full", "succeeded")
    assert Product.objects.get(zoho_item_id=edited[0]).price == Decimal("2.5")
    assert Product.objects.get(zoho_item_id=edited[1]).retired_at is not None


def test_a_dry_run_of_selected_items_is_applied_to_those_that_differ(edited, sync, client):
    """The others were as they are."""
    dry = SyncRun.objects.get(pk=sync([edited[0], edited[2]], dry_run=True)["run_id"])

    client.post(reverse("sync:act", args=[dry.pk, "apply"]))
    run = carry_out(SyncRun.objects.get(origin=dry), sync_products)

    assert (run.mode, run.expected, run.updated) == ("selected", 1, 1)


def test_a_dry_run_is_no_base_for_the_changed_mode(zoho, sync):
    """It has read everything and kept nothing."""
    zoho.add_item(name="Desk")
    sync(dry_run=True)

    assert sync(mode=SyncRun.Mode.CHANGED)["mode"] == "full"


def test_a_shrink_in_a_dry_run_is_told_and_asks_nobody(zoho, sync):
    """There is nothing to confirm yet."""
    ids = [zoho.add_item(name=f"Item {number}") for number in range(30)]
    sync()
    for item_id in ids:
        zoho.remove_item(item_id)

    stats = sync(dry_run=True)

    run = SyncRun.objects.get(pk=stats["run_id"])
    assert (run.state, stats["to_confirm"]) == ("succeeded", 30)


def test_the_command_can_be_dry(edited, capsys):
    """And says so, before any number."""
    from django.core.management import call_command

    call_command("sync_zoho_products", dry_run=True)

    assert capsys.readouterr().out.startswith("Dry run, nothing was written.")
    assert Product.objects.get(zoho_item_id=edited[0]).price == 1


def test_the_history_of_one_record_is_found_by_its_id(edited, sync, client):
    """ "Who changed this price, and when?" """
    sync()

    page = client.get(f"{LIST}?q={edited[0]}").content.decode()

    assert "Renamed" in page
    assert "Brand new" not in page


def test_values_are_told_exactly(zoho, sync):
    """None, zero and empty are three things; no digit is lost."""
    item = zoho.add_item(name="Cable", rate="0.00", stock_on_hand="10.125")
    sync()
    zoho.edit_item(item, rate="1234567.89", status="inactive")
    zoho.move_stock(item, "-10.125")
    run = sync()["run_id"]

    changes = told(run)

    assert changes["updated", item, "price"] == ("0", "1234567.89")
    assert changes["updated", item, "stock_quantity"] == ("10.125", "0")
    assert changes["updated", item, "is_active"] == ("yes", "no")


def test_a_revival_is_told(zoho, sync):
    """It was gone, and is back."""
    item = zoho.add_item(name="Desk")
    zoho.add_item(name="Lamp")
    sync()
    zoho.remove_item(item)
    sync()
    zoho.restore_item(item)

    run = sync()["run_id"]

    assert told(run) == {("revived", item, "name"): (None, "Desk")}


def test_old_history_is_forgotten_and_the_rest_stays(edited, sync, settings):
    """90 days, as a setting."""
    settings.SYNC_HISTORY_DAYS = 30
    old, new = sync()["run_id"], sync([edited[2]], dry_run=True)["run_id"]
    Change.objects.create(run_id=new, action="updated", zoho_id="1")
    long_ago = timezone.now() - dt.timedelta(days=31)
    SyncRun.objects.filter(pk=old).update(finished_at=long_ago)

    pruned = prune(Change)

    assert pruned == 5  # price, name, and when Zoho modified it; one created, one retired
    assert list(Change.objects.values_list("run_id", flat=True)) == [new]


def test_the_history_names_records_and_leads_to_them(
    zoho, sync, client, django_assert_max_num_queries
):
    """19 digits say nothing to anybody; and a page of a hundred must not ask a hundred times."""
    for number in range(30):
        zoho.add_item(name=f"Oak desk {number}")
    sync()
    desk = Product.objects.first()

    with django_assert_max_num_queries(12):
        page = client.get(LIST).content.decode()

    assert f'<a href="/admin/products_and_services/product/{desk.pk}/change/">' in page


def test_a_dry_run_that_finds_nothing_says_so_and_offers_nothing(zoho, sync):
    """There is nothing to apply."""
    zoho.add_item(name="Desk")
    sync()

    run = SyncRun.objects.get(pk=sync(dry_run=True)["run_id"])

    assert run.in_words() == "Dry run: nothing would change."
    assert "apply" not in run.actions()


def test_the_history_outlives_the_fields_it_tells_of(zoho, sync, client):
    """A release may drop a column; what happened to it has happened."""
    zoho.add_item(name="Desk")
    run = sync()["run_id"]
    Change.objects.create(run_id=run, action="updated", zoho_id="1", field="colour", after="red")

    assert "colour" in client.get(LIST).content.decode()
