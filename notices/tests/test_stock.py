"""Low stock is news: what newly ran low, told once, however many they are."""

import threading

import pytest
from django.db import connections
from django_celery_beat.models import PeriodicTask

from notices import stock
from notices.kinds import Kind
from notices.models import LowProduct, Notice
from notices.watch import check
from products_and_services.models import Product
from sync.models import SyncRun

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def calm(db, settings):
    PeriodicTask.objects.all().delete()
    settings.LOW_STOCK = 10


@pytest.fixture
def shop(zoho, sync, reader):
    """Twenty-five products with plenty and one that is low, known since the first sync."""
    zoho.shelf = [
        zoho.add_item(name=f"Chair {number:02}", stock_on_hand=100, unit="pcs")
        for number in range(25)
    ]
    zoho.add_item(name="Bench", stock_on_hand=2, unit="pcs")
    sync()
    check()
    return zoho


@pytest.fixture
def sell(shop, sync):
    """So many are left of these; a full sync has seen it, and a check has looked."""

    def sold(items, left):
        for item in items:
            shop.edit_item(item, stock_on_hand=left)
        sync()
        check()

    return sold


def open_notice():
    return Notice.objects.get(kind=Kind.LOW_STOCK, closed_at=None)


def test_the_first_look_tells_how_many_are_low(shop, mailoutbox):
    """A list of all of them on the first day would be read by nobody."""
    assert open_notice().words == (
        "1 product is at or below 10 in stock. From now on you are told of those that newly run "
        "low."
    )
    assert len(mailoutbox) == 1


def test_what_newly_runs_low_is_named_once(shop, sell, sync, mailoutbox):
    """What was low before is no news; nor is what stays low."""
    mailoutbox.clear()

    sell(shop.shelf[3:5], left=10)
    sync()
    check()

    (mail,) = mailoutbox
    assert mail.subject == "[Zoho Sync] Stock runs low"
    assert "2 products newly at or below 10 in stock." in mail.body
    assert "Chair 03: 10 pcs\nChair 04: 10 pcs" in mail.body
    assert "Bench" not in mail.body


def test_one_mail_holds_many_and_names_twenty(shop, sell, mailoutbox):
    """A mail of a thousand lines is not read; the list has them all."""
    mailoutbox.clear()

    sell(shop.shelf, left=0)

    (mail,) = mailoutbox
    notice = open_notice()
    lines = notice.details.splitlines()
    assert notice.words == "25 products newly at or below 10 in stock."
    assert lines[0] == "Chair 00: 0 pcs"
    assert lines[19:] == ["Chair 19: 0 pcs", "and 5 more"]
    assert notice.url.startswith("/admin/products_and_services/product/?stock=low")
    assert notice.details in mail.body


def test_more_news_takes_the_place_of_the_last(shop, sell):
    """One line on the home, not one for each day."""
    sell(shop.shelf[:1], left=1)
    sell(shop.shelf[1:2], left=1)

    assert open_notice().details == "Chair 01: 1 pcs"
    assert Notice.objects.filter(kind=Kind.LOW_STOCK).count() == 3


def test_the_news_is_over_when_none_of_it_is_low_and_no_mail_says_so(shop, sell, mailoutbox):
    """Whoever ordered knows. What runs low again is news again."""
    sell(shop.shelf[:2], left=1)
    mailoutbox.clear()

    sell(shop.shelf[:1], left=50)
    assert open_notice().words.startswith("2 products")
    sell(shop.shelf[1:2], left=50)
    assert not Notice.objects.filter(kind=Kind.LOW_STOCK, closed_at=None).exists()
    assert mailoutbox == []

    sell(shop.shelf[:1], left=1)
    assert len(mailoutbox) == 1


def test_news_that_was_overtaken_before_it_could_be_sent_is_sent(shop, sell, mailoutbox, settings):
    """A mail server that is away must not cost an order."""
    mailoutbox.clear()
    settings.EMAIL_BACKEND = "notices.tests.test_watch.AwayBackend"
    sell(shop.shelf[:1], left=1)
    sell(shop.shelf[1:2], left=1)

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    check()

    (mail,) = mailoutbox
    assert "Chair 00" in mail.body
    assert "Chair 01" in mail.body
    assert "Well again" not in mail.body


def test_what_is_not_sold_is_not_low(shop, sync):
    """Inactive, retired, and of which Zoho keeps no stock."""
    Product.objects.filter(name="Chair 00").update(stock_quantity=0, is_active=False)
    Product.objects.filter(name="Chair 01").update(stock_quantity=None)
    Product.objects.filter(name="Chair 02").update(stock_quantity=0, retired_at="2026-01-01 00:00Z")
    Product.objects.filter(name="Chair 03").update(stock_quantity=-3)

    assert sorted(stock.low().values_list("name", flat=True)) == ["Bench", "Chair 03"]


def test_another_number_for_low_begins_anew(shop, sell, settings, mailoutbox):
    """Otherwise everything in between would be news at once, product by product."""
    mailoutbox.clear()
    settings.LOW_STOCK = 100

    check()

    (mail,) = mailoutbox
    assert "26 products are at or below 100 in stock." in mail.body
    assert LowProduct.objects.count() == 26


def test_nothing_is_low_before_everything_was_read_once(zoho, sync, reader, mailoutbox):
    """A first sync that was cut off would make news of its second half."""
    zoho.add_item(name="Bench", stock_on_hand=2)
    sync()
    SyncRun.objects.update(state="failed", message="Stopped; what was read is kept.")

    check()

    assert not Notice.objects.filter(kind=Kind.LOW_STOCK).exists()


def test_nothing_is_asked_of_the_products_while_no_run_has_ended(
    shop, django_assert_max_num_queries
):
    """The check comes each minute; a million products are looked at once after each run."""
    with django_assert_max_num_queries(3):
        stock.look()


def test_a_look_costs_the_same_for_one_and_for_many(
    shop, sync, django_assert_max_num_queries, settings
):
    """Set by set, never row by row."""
    settings.LOW_STOCK = 100

    with django_assert_max_num_queries(25):
        stock.look()

    assert LowProduct.objects.count() == 26


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_looks_at_once_tell_once(shop, sync, mailoutbox):
    """Two workers after the same run."""
    mailoutbox.clear()
    for item in shop.shelf:
        shop.edit_item(item, stock_on_hand=0)
    sync()
    start = threading.Barrier(4)

    def look():
        try:
            start.wait()
            stock.look()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check()

    assert Notice.objects.filter(kind=Kind.LOW_STOCK).count() == 2  # the first day's, and this
    assert len(mailoutbox) == 1
