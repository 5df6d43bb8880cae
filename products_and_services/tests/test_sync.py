"""The whole sync against the simulated Zoho, and every trouble the simulator knows."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.dateparse import parse_datetime

from integrations.zoho.errors import ZohoConfigError
from integrations.zoho.tokens import get_valid_token
from products_and_services.models import Product
from products_and_services.services import (
    SyncAlreadyActiveError,
    SyncFailedError,
    request_run,
    sync_products,
    sync_zoho_products_to_db,
)
from sync.models import FailedRecord, SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

ITEMS = "/inventory/v1/items"


def add_items(zoho, count):
    return [zoho.add_item(name=f"Item {number:04}", rate="1.00") for number in range(count)]


def counts(stats):
    names = ("total", "created", "updated", "unchanged", "failed", "retired", "revived")
    return {name: stats[name] for name in names if stats[name]}


def go_on(run):
    """As the worker does when a wait is over."""
    SyncRun.objects.filter(pk=run.pk).update(resume_at=run.created_at)
    return carry_out(SyncRun.objects.get(pk=run.pk), sync_products)


@pytest.mark.parametrize("zoho", [{"items": 450}], indirect=True)
def test_every_item_arrives_field_by_field(zoho, sync):
    """The believable catalogue, with every odd row that real accounts have."""
    stats = sync()

    assert counts(stats) == {"total": 450, "created": 450}
    assert stats["calls"] == 3
    assert_mirror_equals(zoho)


def assert_mirror_equals(zoho):
    stored = {product.zoho_item_id: product for product in Product.objects.all()}
    assert stored.keys() == zoho.items.keys()
    for item_id, item in zoho.items.items():
        product = stored[item_id]
        assert product.name == item["name"]
        assert product.sku == (item["sku"] or None)
        assert product.price == item["rate"]
        assert product.stock_quantity == item.get("stock_on_hand")
        assert product.unit == item.get("unit", "")
        assert product.zoho_type == item["product_type"]
        assert product.is_active == (item["status"] == "active")
        assert product.zoho_created_at == parse_datetime(item["created_time"])
        assert product.zoho_modified_at == parse_datetime(item["last_modified_time"])


def test_a_second_sync_of_unchanged_data_writes_nothing(zoho, sync):
    """Calm is the usual case, and must be cheap and harmless."""
    add_items(zoho, 250)
    sync()
    before = list(Product.objects.order_by("id").values())

    stats = sync()

    assert counts(stats) == {"total": 250, "unchanged": 250}
    assert list(Product.objects.order_by("id").values()) == before


def test_an_edit_in_zoho_arrives_and_nothing_else_moves(zoho, sync):
    """Only what changed is written."""
    first, second = add_items(zoho, 2)
    sync()
    untouched = Product.objects.filter(zoho_item_id=second).values().get()
    zoho.edit_item(first, rate="13.37")

    stats = sync()

    assert counts(stats) == {"total": 2, "updated": 1, "unchanged": 1}
    assert Product.objects.get(zoho_item_id=first).price == Decimal("13.37")
    assert Product.objects.filter(zoho_item_id=second).values().get() == untouched


def test_a_stock_movement_arrives_although_zoho_calls_the_item_unmodified(zoho, sync):
    """Stock moves without touching last_modified_time."""
    item_id = zoho.add_item(name="Cable", stock_on_hand="10.5")
    sync()
    zoho.move_stock(item_id, "-12")

    sync()

    assert Product.objects.get().stock_quantity == Decimal("-1.5")


def test_what_staff_own_is_not_overwritten(zoho, sync):
    """The type is filled once, from Zoho, and then belongs to staff."""
    item_id = zoho.add_item(name="Installation", product_type="service")
    sync()
    assert Product.objects.get().product_type == "service"
    Product.objects.update(product_type="other")
    zoho.edit_item(item_id, rate="5.00")

    sync()

    assert Product.objects.get().product_type == "other"


def test_two_items_with_one_sku_are_both_mirrored(zoho, sync):
    """A unique SKU rejected 80 of 106 items in an earlier system."""
    zoho.add_item(name="A", sku="SAME")
    zoho.add_item(name="B", sku="SAME")
    zoho.add_item(name="C", sku="")
    zoho.add_item(name="D", sku="")

    stats = sync()

    assert counts(stats) == {"total": 4, "created": 4}
    assert list(Product.objects.order_by("name").values_list("sku", flat=True)) == [
        "SAME",
        "SAME",
        None,
        None,
    ]


def test_one_unreadable_item_is_set_aside_and_the_others_are_saved(zoho, sync):
    """A 3-item feed with one bad yields 2 and 1."""
    zoho.add_item(name="Good")
    zoho.put_raw_item({"name": "No id", "rate": 1})
    zoho.add_item(name="Also good")

    stats = sync()

    assert counts(stats) == {"total": 3, "created": 2, "failed": 1}
    assert stats["errors"] == [
        {
            "zoho_id": "",
            "message": "Zoho sent an item without a usable item_id. It is row 2 of page 1.",
        }
    ]
    assert FailedRecord.objects.get().run_id == stats["run_id"]


def test_an_item_that_becomes_unreadable_is_not_taken_for_gone(zoho, sync):
    """Unreadable is not deleted: it keeps what was stored."""
    item_id = zoho.add_item(name="Desk")
    sync()
    zoho.edit_item(item_id, name="Desk\0")

    stats = sync()

    assert counts(stats) == {"total": 1, "failed": 1}
    assert Product.objects.get().name == "Desk"
    assert Product.objects.get().retired_at is None


def test_a_record_the_database_refuses_is_set_aside_alone(zoho, sync):
    """One refused row must not take its page with it, also inside an outer transaction."""
    for name in ("First", "Refused", "Third"):
        zoho.add_item(name=name)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE UNIQUE INDEX only_one_refused ON products_and_services_product (name) "
            "WHERE name = 'Refused'"
        )
    Product.objects.create(name="Refused")
    get_valid_token()  # a refresh refuses to run inside a transaction

    with transaction.atomic():
        stats = sync()

    assert counts(stats) == {"total": 3, "created": 2, "failed": 1}
    assert "refused" in stats["errors"][0]["message"]
    assert set(Product.objects.exclude(zoho_item_id=None).values_list("name", flat=True)) == {
        "First",
        "Third",
    }


def test_a_listed_item_that_vanishes_is_retired_and_never_deleted(zoho, sync):
    """Orders, notes and reports may still point to it."""
    kept, gone = add_items(zoho, 2)
    sync()
    zoho.remove_item(gone)

    stats = sync()

    assert counts(stats) == {"total": 1, "unchanged": 1, "retired": 1}
    assert Product.objects.get(zoho_item_id=gone).retired_at is not None
    assert Product.objects.get(zoho_item_id=kept).retired_at is None


def test_an_item_that_returns_is_revived(zoho, sync):
    """Zoho restores items with their old id."""
    (item_id,) = add_items(zoho, 1)
    sync()
    zoho.remove_item(item_id)
    sync()
    zoho.restore_item(item_id)

    stats = sync()

    assert counts(stats) == {"total": 1, "updated": 1, "revived": 1}
    assert Product.objects.get().retired_at is None


def test_an_item_that_slipped_between_two_pages_is_not_retired(zoho, sync):
    """A deletion while we page moves later rows up; the one at the boundary is listed nowhere."""
    ids = add_items(zoho, 401)
    sync()
    zoho.on_page(2, lambda: zoho.remove_item(ids[0]))

    stats = sync()

    assert (stats["retired"], stats["total"]) == (0, 401)
    assert sync()["retired"] == 1
    assert Product.objects.exclude(retired_at=None).get().zoho_item_id == ids[0]


def test_an_item_that_comes_twice_is_counted_once(zoho, sync):
    """Rows that moved down while we paged come again on the next page."""
    ids = add_items(zoho, 300)
    zoho.remove_item(ids[0])
    zoho.on_page(2, lambda: zoho.restore_item(ids[0]))

    stats = sync()

    assert stats["total"] == Product.objects.count() == 299


def test_an_empty_catalogue_is_not_an_error(zoho, sync):
    """A new Zoho account has no items yet."""
    stats = sync()

    assert counts(stats) == {}
    assert stats["calls"] == 1


def test_a_page_lands_in_six_statements_at_most(zoho, sync):
    """The database is the slowest part; one statement an item would be 200."""

    def statements(pages):
        add_items(zoho, pages * 200 - len(zoho.items))
        Product.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            sync()
        return len(queries)

    two = statements(pages=2)
    assert statements(pages=3) - two <= 6


def test_only_the_items_asked_for_are_fetched_and_saved(zoho, sync):
    """Somebody at a screen wants these three now, not the catalogue."""
    ids = add_items(zoho, 5)
    sync()
    for item_id in ids:
        zoho.edit_item(item_id, rate="2.00")
    zoho.remove_item(ids[1])
    zoho.clear_requests()

    stats = sync([ids[0], ids[1]])

    assert counts(stats) == {"total": 1, "updated": 1, "retired": 1}
    assert stats["mode"] == "selected"
    # The missing one is asked for alone: an answer without it proves nothing.
    paths = ["/inventory/v1/itemdetails", f"/inventory/v1/items/{ids[1]}"]
    assert [r.path for r in zoho.requests] == paths
    assert Product.objects.get(zoho_item_id=ids[0]).price == 2
    assert Product.objects.get(zoho_item_id=ids[2]).price == 1


def test_details_do_not_erase_what_only_the_list_holds(zoho, sync):
    """Item details come without timestamps."""
    (item_id,) = add_items(zoho, 1)
    sync()
    before = Product.objects.get().zoho_modified_at

    stats = sync([item_id])

    assert counts(stats) == {"total": 1, "unchanged": 1}
    assert Product.objects.get().zoho_modified_at == before


def test_a_token_that_expires_in_mid_run_costs_one_refresh(zoho, sync):
    """A long run outlives its token."""
    add_items(zoho, 450)
    zoho.on_page(2, zoho.expire_access_tokens)

    stats = sync()

    assert stats["created"] == 450
    assert zoho.mints == 2


def test_a_revoked_connection_fails_the_run_once_with_the_reason(zoho, sync):
    """Staff must read what to do, not a stack trace."""
    zoho.revoke_refresh_token()

    with pytest.raises(SyncFailedError, match="Reconnect needed"):
        sync()

    run = SyncRun.objects.get()
    assert run.state == SyncRun.State.FAILED
    assert "Reconnect needed" in run.message


def test_without_a_connection_the_run_says_so(db):
    """The first click of a new user."""
    with pytest.raises(SyncFailedError, match="not connected yet"):
        sync_zoho_products_to_db()


@pytest.mark.parametrize("code", [43, 44, 45, 1070])
def test_a_limit_of_zohos_is_waited_out_and_the_run_completes(zoho, credential, code):
    """Waiting keeps the place: the pages already read are not asked for again."""
    add_items(zoho, 450)
    zoho.faults.add("rate_limit", path=ITEMS, code=code, page=2, times=5, retry_after=11)
    run, _ = request_run(SyncRun.Trigger.PERSON)

    run = carry_out(run, sync_products)
    waits = 0
    while run.state == SyncRun.State.WAITING:
        assert run.resume_at is not None
        assert run.created == 200
        waits += 1
        run = go_on(run)

    assert waits == 5
    assert (run.state, run.created) == (SyncRun.State.SUCCEEDED, 450)
    pages = [r.page for r in zoho.requests if r.path == ITEMS and r.status == 200]
    assert [int(page) for page in pages] == [1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("html_502", {}),
        ("truncated", {}),
        ("status", {"status": 200, "code": 9999}),
        ("status", {"status": 503, "code": 1000}),
        ("drop", {}),
        ("hang", {"seconds": 3}),
        ("no_page_context", {}),
        ("no_items", {}),
    ],
)
def test_an_outage_in_mid_run_keeps_what_was_read_and_retires_nothing(
    zoho, sync, settings, kind, fault
):
    """Read as "the rest is gone", it would empty the shop."""
    settings.ZOHO_TIMEOUT = (1, 0.2)
    settings.SYNC_RETRY_DELAY = 0
    ids = add_items(zoho, 401)
    sync()
    zoho.edit_item(ids[0], rate="7.00")
    zoho.faults.add(kind, path=ITEMS, page=2, **fault)

    with pytest.raises(SyncFailedError, match="what was read is kept"):
        sync()

    assert Product.objects.get(zoho_item_id=ids[0]).price == 7
    assert not Product.objects.exclude(retired_at=None).exists()
    zoho.faults.clear()
    assert counts(sync()) == {"total": 401, "unchanged": 401}


@pytest.mark.parametrize("kind", ["redirect", "login_page"])
def test_a_sign_in_page_instead_of_data_ends_the_run_plainly(zoho, sync, kind):
    """A person must look; machines trying on would only burn calls."""
    add_items(zoho, 3)
    sync()
    zoho.faults.add(kind, path=ITEMS)

    with pytest.raises(SyncFailedError, match="Check the connection"):
        sync()

    assert not Product.objects.exclude(retired_at=None).exists()


def test_trouble_that_passes_between_two_pages_is_not_seen_in_the_result(zoho, sync):
    """Retries of one page neither drop nor reorder another."""
    add_items(zoho, 450)
    zoho.faults.add("html_502", path=ITEMS, page=2, times=2)

    stats = sync()

    assert counts(stats) == {"total": 450, "created": 450}
    assert stats["calls"] == 5


def test_pages_that_never_end_fail_the_run_and_retire_nothing(zoho, sync):
    """A parameter that Zoho ignores would otherwise mean an endless run."""
    add_items(zoho, 450)
    sync()
    zoho.faults.add("repeat_page", path=ITEMS)

    with pytest.raises(SyncFailedError, match="does not end"):
        sync()

    assert not Product.objects.exclude(retired_at=None).exists()


def test_a_second_sync_while_one_is_active_is_told_of_it(zoho, sync):
    """One run per kind, whoever asks."""
    active, _ = request_run(SyncRun.Trigger.SCHEDULE)

    with pytest.raises(SyncAlreadyActiveError) as caught:
        sync()

    assert caught.value.run == active


def test_a_run_that_nobody_took_up_is_carried_to_its_end(zoho, sync, settings):
    """Where only the command runs, from cron, a crash must not block it for ever."""
    add_items(zoho, 3)
    run, _ = request_run(SyncRun.Trigger.COMMAND)
    run.start()
    SyncRun.objects.update(heartbeat_at=run.created_at - dt.timedelta(minutes=5))

    stats = sync()

    assert (stats["run_id"], stats["created"]) == (run.pk, 3)


def test_a_run_that_was_cut_off_goes_on_after_its_last_saved_page(zoho, credential):
    """Pages cost calls, and calls are counted."""
    add_items(zoho, 650)
    run, _ = request_run(SyncRun.Trigger.PERSON)

    class Killed(BaseException):
        """Nothing in the product catches this: as good as SIGKILL."""

    def die():
        raise Killed

    from sync import engine

    original = engine.save

    def save_twice_then_die(*args, **kwargs):
        if kwargs["page"] == 3:
            die()
        original(*args, **kwargs)

    engine.save = save_twice_then_die
    try:
        with pytest.raises(Killed):
            carry_out(run, sync_products)
    finally:
        engine.save = original
    zoho.clear_requests()
    SyncRun.objects.update(heartbeat_at=run.created_at - dt.timedelta(minutes=2))

    run = carry_out(SyncRun.objects.get(pk=run.pk), sync_products)

    assert (run.state, run.created, Product.objects.count()) == ("succeeded", 650, 650)
    assert [int(r.page) for r in zoho.requests if r.path == ITEMS] == [3, 4]


def test_the_log_tells_the_story(zoho, sync, caplog):
    """Operators read the log before they read code."""
    caplog.set_level("INFO")
    add_items(zoho, 3)

    sync()

    for line in ("Starting sync…", "Fetched 3 items", "Created 3", "Updated 0", "Sync complete"):
        assert line in caplog.text


def test_a_missing_connection_is_a_configuration_error(db):
    """Named, so that callers can tell it from trouble with Zoho."""
    run, _ = request_run(SyncRun.Trigger.PERSON)

    with pytest.raises(ZohoConfigError):
        sync_products(run)
