"""What an answer lacks is not deleted: absence is proved, never assumed."""

import datetime as dt

import pytest

from products_and_services.models import Product
from products_and_services.services import SyncFailedError, sync_products
from sync import follow_up
from sync.models import Change, SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

DETAILS = "/inventory/v1/itemdetails"
ITEMS = "/inventory/v1/items"


def add_items(zoho, count):
    return [zoho.add_item(name=f"Item {number:04}", rate="1.00") for number in range(count)]


def retired():
    return Product.objects.exclude(retired_at=None).count()


def paths(zoho):
    return [request.path for request in zoho.requests]


@pytest.mark.parametrize("rows", [0, 1, 2, 25, 49])
def test_an_answer_that_was_cut_off_retires_nothing(zoho, sync, rows):
    """25 of 50 came back, and 25 living items were retired."""
    ids = add_items(zoho, 120)
    sync()
    zoho.faults.add("cut", path=DETAILS, rows=rows)

    stats = sync(ids[:100])

    assert (retired(), stats["retired"], stats["unchanged"]) == (0, 0, 100)


def test_an_empty_answer_for_every_batch_retires_nothing(zoho, sync):
    """Three hundred selected items, and three hundred retired."""
    ids = add_items(zoho, 300)
    sync()
    zoho.faults.add("answer", path=DETAILS, body={"code": 0, "message": "success", "items": []})

    sync(ids)

    assert retired() == 0


def test_a_full_run_believes_no_batch_without_its_living_records(zoho, sync):
    """The list misses some, and the batch that should tell is empty: each is asked for alone."""
    ids = add_items(zoho, 210)
    sync()
    for gone in ids[:10]:
        zoho.remove_item(gone)
    zoho.faults.add("cut", path=DETAILS, rows=0)

    stats = sync()

    assert (stats["retired"], retired()) == (10, 10)
    assert sum(path.startswith(f"{ITEMS}/") for path in paths(zoho)) == 10


def test_many_that_are_gone_are_proved_by_two_that_are_not(zoho, sync, settings):
    """One call for nearly fifty, not one for each."""
    settings.SYNC_SHRINK_ITEMS = 1_000
    ids = add_items(zoho, 210)
    sync()
    for gone in ids[:96]:
        zoho.remove_item(gone)
    zoho.clear_requests()

    stats = sync()

    assert stats["retired"] == 96
    assert paths(zoho).count(DETAILS) == 2
    assert not any(path.startswith(f"{ITEMS}/") for path in paths(zoho))


@pytest.mark.parametrize("status", [400, 404, 414])
def test_a_batch_that_is_refused_is_halved(zoho, sync, status):
    """It may be too long for a proxy, or hold one id that Zoho chokes on."""
    ids = add_items(zoho, 60)
    sync()
    zoho.edit_item(ids[7], rate="2.00")
    zoho.remove_item(ids[8])
    zoho.faults.add("status", path=DETAILS, status=status, code=2, times=3)

    stats = sync(ids[:40])

    assert (stats["updated"], stats["unchanged"], stats["retired"]) == (1, 38, 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "body": {"code": 5, "message": "Invalid URL Passed"}},
        {"status": 404, "body": {"message": "not found"}},
        {"status": 400, "body": {"code": 2}},
    ],
)
def test_only_zohos_own_word_is_proof(zoho, sync, answer):
    """A wrong address or a proxy's 404 is none."""
    ids = add_items(zoho, 3)
    sync()
    zoho.faults.add("cut", path=DETAILS, rows=0)
    zoho.faults.add("answer", path=f"{ITEMS}/", **answer)

    with pytest.raises(SyncFailedError):
        sync(ids)

    assert retired() == 0


def test_too_many_of_the_selected_wait_for_a_person(zoho, sync):
    """A run of selected records used to retire any number without asking."""
    ids = add_items(zoho, 120)
    sync()
    for zoho_id in ids[:60]:
        zoho.remove_item(zoho_id)

    stats = sync(ids)

    run = SyncRun.objects.first()
    assert (run.state, run.mode, stats["to_confirm"], retired()) == (
        "unconfirmed",
        "selected",
        60,
        0,
    )
    assert run.changes.filter(action=Change.Action.UNLISTED).count() == 60


def test_a_person_confirms_what_a_run_of_selected_records_found(zoho, sync, staff):
    """And each is looked up again."""
    ids = add_items(zoho, 120)
    sync()
    for zoho_id in ids[:60]:
        zoho.remove_item(zoho_id)
    sync(ids)
    zoho.restore_item(ids[0])

    run, _ = follow_up.confirm(SyncRun.objects.first(), staff)
    run = carry_out(run, sync_products)

    assert (run.state, run.retired, retired()) == ("succeeded", 59, 59)


def test_confirming_retires_nothing_that_an_empty_answer_left_out(zoho, sync, staff):
    """The person has confirmed what Zoho said, not what a broken answer lacks."""
    ids = add_items(zoho, 120)
    sync()
    for zoho_id in ids[:60]:
        zoho.remove_item(zoho_id)
    sync(ids)
    for zoho_id in ids[:60]:
        zoho.restore_item(zoho_id)
    zoho.faults.add("cut", path=DETAILS, rows=0)

    run, _ = follow_up.confirm(SyncRun.objects.first(), staff)
    run = carry_out(run, sync_products)

    assert (run.state, run.retired, retired()) == ("succeeded", 0, 0)


def test_a_run_of_selected_records_that_was_cut_off_counts_what_it_found_before(zoho, sync):
    """The guard looks at the whole run, not at one attempt or one batch."""
    ids = add_items(zoho, 120)
    sync()
    for zoho_id in ids[:60]:
        zoho.remove_item(zoho_id)
    zoho.faults.add("status", path=DETAILS, status=503, after=1, times=4)

    sync(ids)

    assert SyncRun.objects.first().to_confirm == 60
    assert retired() == 0


@pytest.mark.parametrize("has_more", ["absent", None, "false", 0])
def test_a_page_that_does_not_say_whether_there_is_more_is_no_last_page(zoho, sync, has_more):
    """Taken for the end, it would make the rest of the shop look deleted."""
    ids = add_items(zoho, 30)
    sync()
    if has_more == "absent":
        zoho.faults.add("no_has_more", path=ITEMS)
    else:
        body = {"code": 0, "items": [], "page_context": {"has_more_page": has_more}}
        zoho.faults.add("answer", path=ITEMS, body=body)

    with pytest.raises(SyncFailedError):
        sync()

    assert retired() == 0
    assert Product.objects.count() == len(ids)


@pytest.mark.parametrize("page", [2, 3])
@pytest.mark.parametrize("deleted", [1, 3, 150])
def test_a_first_full_run_misses_no_item_when_others_are_deleted_meanwhile(
    zoho, sync, page, deleted
):
    """Each deletion moves every later row up, across the border of a page that was read."""
    ids = add_items(zoho, 650)

    def delete():
        for zoho_id in ids[:deleted]:
            zoho.remove_item(zoho_id)

    zoho.on_page(page, delete)

    sync()

    mirrored = set(Product.objects.values_list("zoho_item_id", flat=True))
    assert mirrored >= set(ids[deleted:])


def test_a_first_full_run_that_goes_on_misses_no_item_either(zoho, sync):
    """The deletion may fall into its pause."""
    ids = add_items(zoho, 650)
    zoho.faults.add("status", path=ITEMS, page=3, status=503, times=4)
    zoho.on_page(3, lambda: [zoho.remove_item(zoho_id) for zoho_id in ids[:5]])

    sync()

    mirrored = set(Product.objects.values_list("zoho_item_id", flat=True))
    assert mirrored >= set(ids[5:])


def test_no_page_is_fetched_ahead_before_the_first_has_come(zoho, sync, settings):
    """Four calls at once at a door that is shut, and four tokens asked for."""
    settings.ZOHO_CONCURRENCY = 5
    add_items(zoho, 900)
    sync()
    zoho.clear_requests()
    zoho.faults.add("login_page", path=ITEMS)

    with pytest.raises(SyncFailedError):
        sync()

    assert {request.query.get("page") for request in zoho.requests if request.query} == {"1"}


def test_a_list_that_never_ends_is_stopped_by_what_the_run_has_read(zoho, sync, monkeypatch):
    """171,000 rows of junk went unnoticed; the bound counts over all attempts of a run."""
    monkeypatch.setattr("sync.engine.ALWAYS_PLAUSIBLE", 10)
    add_items(zoho, 3)
    sync()
    zoho.faults.add("endless", path=ITEMS)

    with pytest.raises(SyncFailedError, match="does not end"):
        sync()

    assert SyncRun.objects.first().total == 5 * 3 + 10 + 1
    assert retired() == 0


def test_a_catalogue_that_has_grown_is_no_endless_list(zoho, sync, monkeypatch):
    """What an earlier attempt has saved counts as known."""
    monkeypatch.setattr("sync.engine.ALWAYS_PLAUSIBLE", 10)
    add_items(zoho, 30)
    sync()
    add_items(zoho, 600)
    with pytest.raises(SyncFailedError, match="does not end"):
        sync()

    assert sync()["unchanged"] == 200
    assert Product.objects.count() == 630


@pytest.mark.parametrize("minutes", [-20, 20])
def test_edits_are_found_though_our_clock_is_wrong(zoho, sync, minutes):
    """Ahead by 20 minutes, it lost them for good."""
    item, _ = add_items(zoho, 2)
    sync()
    run = SyncRun.objects.get()
    # As the run would stand there, had our clock been ahead or behind while it went.
    off = dt.timedelta(minutes=minutes)
    SyncRun.objects.update(
        started_at=run.started_at + off, zoho_clock=run.zoho_clock - off.total_seconds()
    )
    Product.objects.update(zoho_modified_at=run.started_at + dt.timedelta(hours=1))
    zoho.edit_item(item, rate="2.00")

    sync(mode=SyncRun.Mode.CHANGED)

    since = SyncRun.objects.first().since
    assert abs(since + dt.timedelta(minutes=5) - run.started_at) < dt.timedelta(seconds=30)


def test_zohos_clock_is_read_from_its_answers(zoho, sync):
    """The simulator's is ours."""
    add_items(zoho, 1)
    sync()

    assert abs(SyncRun.objects.get().zoho_clock) < 5
