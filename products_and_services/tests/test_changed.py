"""The changed mode: one call when nothing changed, and never blind to what it claims to see."""

import datetime as dt

import pytest
from django.utils import timezone

from products_and_services.models import Product
from products_and_services.services import SyncFailedError, request_run, sync_products
from sync.engine import OVERLAP
from sync.models import SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

ITEMS = "/inventory/v1/items"
CHANGED = SyncRun.Mode.CHANGED


def add_items(zoho, count):
    return [zoho.add_item(name=f"Item {number:04}", rate="1.00") for number in range(count)]


@pytest.fixture
def filled(zoho, sync):
    """Zoho and mirror hold the same 450 items; the calls that took are forgotten."""
    ids = add_items(zoho, 450)
    sync()
    zoho.clear_requests()
    return ids


def counts(stats):
    names = ("created", "updated", "retired", "revived", "failed")
    return {name: stats[name] for name in names if stats[name]}


def test_nothing_changed_is_one_call(zoho, filled, sync):
    """The usual hour of the usual day."""
    stats = sync(mode=CHANGED)

    assert (stats["calls"], stats["mode"], counts(stats)) == (1, "changed", {})


def test_nothing_changed_is_one_call_also_where_zoho_ignores_the_filter(zoho, filled, sync):
    """The filter is documented and not to be trusted."""
    zoho.modified_filter = "ignored"

    stats = sync(mode=CHANGED)

    assert (stats["calls"], counts(stats)) == (1, {})


@pytest.mark.parametrize("honoured", ["after", "at_or_after", "ignored"])
@pytest.mark.parametrize("edits", [1, 199, 200, 401])
def test_changes_cost_a_call_for_every_200_and_at_most_one_more(
    zoho, filled, sync, honoured, edits
):
    """Calls are what a day has too few of."""
    zoho.modified_filter = honoured
    for item_id in filled[:edits]:
        zoho.edit_item(item_id, rate="2.50")

    stats = sync(mode=CHANGED)

    assert counts(stats) == {"updated": edits}
    assert stats["calls"] <= -(-edits // 200) + 1
    assert Product.objects.filter(price="2.5").count() == edits


def test_a_new_item_arrives_and_a_second_run_finds_nothing(zoho, filled, sync):
    """Each change is brought once."""
    zoho.edit_item(zoho.add_item(name="New"), rate="3.00")

    assert counts(sync(mode=CHANGED)) == {"created": 1}
    assert counts(sync(mode=CHANGED)) == {}


def test_a_change_in_the_last_minutes_known_is_not_missed(zoho, filled, sync):
    """Zoho's times have whole seconds: two edits may share the newest one."""
    first, second = filled[:2]
    zoho.edit_item(first, rate="2.00")
    sync(mode=CHANGED)
    zoho.edit_item(second, rate="2.00")
    zoho._items[second].modified = zoho._items[first].modified
    zoho._sorted.clear()

    assert counts(sync(mode=CHANGED)) == {"updated": 1}


def test_a_change_during_a_long_run_is_not_missed(zoho, credential, filled, sync):
    """The page read first may be edited before the page read last: the newest time seen then lies
    after a change that nobody read."""
    early, late = filled[0], filled[-1]
    long_ago = timezone.now() - dt.timedelta(hours=2)
    run, _ = request_run(SyncRun.Trigger.PERSON)

    def edit_both():
        zoho.edit_item(early, rate="9.00")
        zoho._items[early].modified = int((long_ago + dt.timedelta(minutes=10)).timestamp())
        zoho.edit_item(late, rate="9.00")

    zoho.on_page(3, edit_both)
    carry_out(run, sync_products)
    SyncRun.objects.update(started_at=long_ago)
    assert Product.objects.get(zoho_item_id=early).price == 1

    sync(mode=CHANGED)

    assert Product.objects.get(zoho_item_id=early).price == 9


def test_the_run_says_since_when_it_asked(zoho, filled, sync):
    """People must be able to tell what a run could not see."""
    newest = Product.objects.latest("zoho_modified_at").zoho_modified_at

    stats = sync(mode=CHANGED)

    assert SyncRun.objects.get(pk=stats["run_id"]).since == newest - OVERLAP


def test_deletions_and_stock_are_left_to_the_full_run(zoho, filled, sync):
    """Zoho announces neither; nothing may be retired on such thin evidence."""
    zoho.remove_item(filled[0])

    assert counts(sync(mode=CHANGED)) == {}
    assert counts(sync()) == {"retired": 1}


def test_an_item_that_returns_changed_is_revived(zoho, filled, sync):
    """A restored item counts from its first sighting, in whatever mode."""
    zoho.remove_item(filled[0])
    sync()
    zoho.restore_item(filled[0])
    zoho.edit_item(filled[0], rate="4.00")

    assert counts(sync(mode=CHANGED)) == {"updated": 1, "revived": 1}


def test_an_answer_that_lists_nothing_at_all_is_not_believed(zoho, filled, sync):
    """The newest item known must be among the changed: its absence says that the filter lies."""
    zoho.edit_item(filled[0], rate="2.00")
    body = {"code": 0, "message": "success", "items": [], "page_context": {"has_more_page": False}}
    zoho.faults.add("answer", path=ITEMS, body=body, times=1)

    stats = sync(mode=CHANGED)

    # One in vain, one with the change, one that shows that nothing older has changed.
    assert (counts(stats), stats["calls"]) == ({"updated": 1}, 3)


def test_a_list_in_the_wrong_order_is_an_error_that_says_what_to_do(zoho, filled, sync):
    """Nobody could tell where the changes end."""
    zoho.modified_filter = "ignored"
    rows = [zoho.items[item_id] for item_id in filled[:3]]
    body = {"code": 0, "message": "success", "items": rows, "page_context": {"has_more_page": True}}
    zoho.faults.add("answer", path=ITEMS, body=body)

    with pytest.raises(SyncFailedError, match="Start a full sync"):
        sync(mode=CHANGED)


def test_without_a_complete_full_run_the_changed_mode_reads_everything(zoho, sync):
    """There is nothing yet for changes to be added to."""
    add_items(zoho, 3)

    stats = sync(mode=CHANGED)

    assert (stats["mode"], counts(stats)) == ("full", {"created": 3})


def test_a_run_of_changes_that_was_cut_off_asks_for_the_same_changes(zoho, credential, filled):
    """Its first page is the newest; asking from there on would miss the rest."""
    for item_id in filled[:300]:
        zoho.edit_item(item_id, rate="2.00")
    zoho.faults.add("rate_limit", path=ITEMS, code=44, page=2, times=1)
    run, _ = request_run(SyncRun.Trigger.PERSON, mode=CHANGED)
    run = carry_out(run, sync_products)
    assert (run.state, run.updated) == ("waiting", 200)
    since = run.since
    SyncRun.objects.update(resume_at=timezone.now())

    run = carry_out(SyncRun.objects.get(pk=run.pk), sync_products)

    assert (run.state, run.updated, run.since) == ("succeeded", 300, since)
