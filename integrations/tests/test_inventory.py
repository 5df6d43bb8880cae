import time

import pytest
import redis

from integrations.zoho.errors import ZohoAPIError, ZohoUnavailableError
from integrations.zoho.inventory import IDS_PER_CALL

ITEMS = "/inventory/v1/items"


def paths(zoho):
    return [r.path for r in zoho.requests if r.path.startswith("/inventory/")]


def add_items(zoho, count):
    return [zoho.add_item(name=f"Item {number:04}") for number in range(count)]


def test_450_items_are_three_calls(zoho, inventory):
    """The day's calls are counted; a page holds 200."""
    ids = add_items(zoho, 450)

    pages = list(inventory.fetch_all_products())

    assert [len(page.records) for page in pages] == [200, 200, 50]
    assert [record.zoho_id for page in pages for record in page.records] == ids
    assert paths(zoho) == [ITEMS] * 3


def test_all_items_are_asked_for_oldest_first(zoho, inventory):
    """Inactive items would be missing otherwise, and rows would move while we page."""
    inventory.fetch_products()

    query = next(request.query for request in zoho.requests if request.path == ITEMS)
    assert query["filter_by"] == "Status.All"
    assert (query["sort_column"], query["sort_order"]) == ("created_time", "A")
    assert query["organization_id"] == zoho.organization_id


@pytest.mark.parametrize(("asked", "sent"), [(500, "200"), (0, "1"), (50, "50")])
def test_the_page_size_is_held_to_what_zoho_allows(zoho, inventory, asked, sent):
    """What Zoho does above 200 is not documented."""
    inventory.fetch_products(per_page=asked)

    assert zoho.requests[-1].query["per_page"] == sent


def test_an_exact_multiple_of_the_page_size_needs_no_extra_call(zoho, inventory):
    """The end is what Zoho says, not a short page."""
    add_items(zoho, 400)

    assert len(list(inventory.fetch_all_products())) == 2


def test_a_page_that_comes_again_and_again_is_an_error(zoho, inventory):
    """Going on would never end; stopping quietly would look like a small catalogue."""
    add_items(zoho, 450)
    zoho.faults.add("repeat_page", path=ITEMS)

    with pytest.raises(ZohoAPIError, match="does not end"):
        list(inventory.fetch_all_products())


@pytest.mark.parametrize("kind", ["no_page_context", "no_items"])
def test_a_page_without_its_list_or_its_paging_is_not_the_end(zoho, inventory, kind):
    """Taken for the end, it would make the rest of the catalogue look deleted."""
    add_items(zoho, 3)
    zoho.faults.add(kind, path=ITEMS)

    with pytest.raises(ZohoUnavailableError):
        list(inventory.fetch_all_products())


def test_chosen_items_come_in_as_few_calls_as_zoho_allows(zoho, inventory):
    """One call an item would burn the day."""
    ids = add_items(zoho, IDS_PER_CALL + 1)

    found = inventory.fetch_products_by_id(ids)

    assert {record.zoho_id for record in found.records} == set(ids)
    assert paths(zoho) == ["/inventory/v1/itemdetails"] * 2


def test_pages_are_fetched_ahead_and_yielded_in_order(zoho, inventory, settings):
    """Zoho answers in half a second; saving one page takes a hundredth of that."""
    settings.ZOHO_CONCURRENCY = 5
    add_items(zoho, 1800)
    # The first pages take longest, so that they would come last.
    for page in range(1, 5):
        zoho.faults.add("slow", path=ITEMS, page=page, seconds=0.5 - page / 10, times=1)
    began = time.monotonic()

    pages = list(inventory.fetch_all_products(expected_pages=9))

    assert time.monotonic() - began < 0.9  # 1.0 s one after the other
    assert [page.number for page in pages] == list(range(1, 10))
    assert [r.zoho_id for page in pages for r in page.records] == list(zoho.items)
    assert len(paths(zoho)) == 9


def test_a_repeated_page_neither_drops_nor_reorders_another(zoho, inventory, settings):
    """Trouble on one page is that page's alone."""
    settings.ZOHO_CONCURRENCY = 5
    add_items(zoho, 1000)
    zoho.faults.add("html_502", path=ITEMS, page=2, times=2)
    zoho.faults.add("unauthorized", path=ITEMS, page=4, times=1)

    pages = list(inventory.fetch_all_products(expected_pages=5))

    assert [r.zoho_id for page in pages for r in page.records] == list(zoho.items)


def test_where_the_end_is_not_known_no_call_is_wasted(zoho, inventory, settings):
    """Guessing ahead would cost calls at the end of every first run."""
    settings.ZOHO_CONCURRENCY = 5
    add_items(zoho, 450)

    list(inventory.fetch_all_products())

    assert len(paths(zoho)) == 3


def test_one_slot_is_left_for_a_single_question(zoho, inventory, settings):
    """Somebody at a screen must not wait behind a sweep of the whole catalogue."""
    settings.ZOHO_CONCURRENCY = 3
    zoho.limits.at_once = 2
    zoho.latency = 0.05
    add_items(zoho, 2000)

    list(inventory.fetch_all_products(expected_pages=10))

    assert zoho.limits.refused == 0


def test_a_sweep_that_is_given_up_leaves_nothing_behind(zoho, inventory, settings):
    """Slots that stay taken would slow down everybody else for a minute."""
    settings.ZOHO_CONCURRENCY = 5
    add_items(zoho, 2000)
    sweep = inventory.fetch_all_products(expected_pages=10)
    next(sweep)

    sweep.close()
    inventory.close()

    slots = redis.Redis.from_url(settings.REDIS_URL)
    deadline = time.monotonic() + 5
    while slots.zcard("zoho-sync:budget:at-once") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not slots.zcard("zoho-sync:budget:at-once")


def test_a_page_of_records_without_ids_is_not_the_end(zoho, inventory):
    """They fail, each with its reason; what comes after them is fine."""
    for _ in range(250):
        zoho.put_raw_item({"name": "No id"})
    last = zoho.add_item(name="Desk")

    pages = list(inventory.fetch_all_products())

    assert [len(page.records) for page in pages] == [200, 51]
    assert pages[-1].records[-1].zoho_id == last
