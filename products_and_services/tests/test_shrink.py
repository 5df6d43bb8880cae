"""The shrink guard: a machine retires few; many at once are for a person to decide."""

import pytest
from django.urls import reverse

from products_and_services.models import Product
from products_and_services.services import sync_products
from sync.models import Change, SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def shrunk(zoho, sync):
    """Of 200 items, 30 are gone: more than 20, and more than 10 %."""
    ids = [zoho.add_item(name=f"Item {number:04}") for number in range(200)]
    sync()
    for item_id in ids[:30]:
        zoho.remove_item(item_id)
    zoho.clear_requests()
    return SyncRun.objects.get(pk=sync()["run_id"])


def post(client, run, action):
    return client.post(reverse("sync:act", args=[run.pk, action]), follow=True)


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


def retired():
    return Product.objects.exclude(retired_at=None).count()


def test_many_retirements_at_once_wait_for_a_persons_word(shrunk, zoho):
    """A wrong organisation looks exactly like an empty shop."""
    assert (shrunk.state, shrunk.to_confirm, shrunk.retired) == ("unconfirmed", 30, 0)
    assert retired() == 0
    assert "30 records are no longer in Zoho's list" in shrunk.message
    assert [r.path for r in zoho.requests] == ["/inventory/v1/items"]


def test_the_list_of_what_would_go_can_be_seen(shrunk, client):
    """Nobody can confirm a number."""
    url = reverse("admin:sync_change_changelist")

    page = client.get(f"{url}?run__id__exact={shrunk.pk}&action__exact=unlisted").content.decode()

    assert shrunk.changes.filter(action=Change.Action.UNLISTED).count() == 30
    assert "Item 0000" in page
    assert "Item 0031" not in page


def test_one_click_confirms_and_each_is_looked_up_once_more(shrunk, zoho, client):
    """One of them has come back meanwhile."""
    back = shrunk.changes.filter(action=Change.Action.UNLISTED).first().zoho_id
    zoho.restore_item(back)

    post(client, shrunk, "confirm")
    run = carry_out(SyncRun.objects.get(origin=shrunk), sync_products)

    assert (run.state, run.retired, run.calls) == ("succeeded", 29, 2)
    assert retired() == 29
    assert Product.objects.get(zoho_item_id=back).retired_at is None
    shrunk.refresh_from_db()
    assert shrunk.state == "succeeded"
    assert "Confirmed by olga" in shrunk.message


def test_one_click_dismisses_and_nothing_is_retired(shrunk, client):
    """The connection was wrong, not the shop."""
    page = post(client, shrunk, "dismiss").content.decode()

    assert "Dismissed by olga: nothing was retired." in page
    assert retired() == 0
    assert not SyncRun.objects.filter(origin=shrunk).exists()


def test_a_decision_can_be_made_once(shrunk, client):
    """Two people may have the page open."""
    post(client, shrunk, "dismiss")

    page = post(client, shrunk, "confirm").content.decode()

    assert "nothing was done" in page
    assert not SyncRun.objects.filter(origin=shrunk).exists()


def test_while_another_run_is_active_nothing_is_decided(shrunk, client):
    """Only one run can be: the decision stays open instead of getting lost."""
    SyncRun.request(shrunk.kind, trigger="person", task_name=shrunk.task_name)

    page = post(client, shrunk, "confirm").content.decode()

    assert "only one can be" in page
    shrunk.refresh_from_db()
    assert shrunk.state == "unconfirmed"


def test_the_next_full_run_looks_anew(shrunk, zoho, sync):
    """Whoever comes to decide must decide on what is true now."""
    for row in shrunk.changes.filter(action=Change.Action.UNLISTED):
        zoho.restore_item(row.zoho_id)

    stats = sync()

    assert stats["unchanged"] == 200
    shrunk.refresh_from_db()
    assert shrunk.state == "succeeded"
    assert "has looked at it anew" in shrunk.message


@pytest.mark.parametrize(
    ("items", "gone", "asks"), [(200, 20, False), (400, 30, False), (25, 21, True)]
)
def test_only_what_passes_both_thresholds_asks(zoho, sync, items, gone, asks):
    """20 of 200 are few; 30 of 400 are no tenth."""
    ids = [zoho.add_item(name=f"Item {number:04}") for number in range(items)]
    sync()
    for item_id in ids[:gone]:
        zoho.remove_item(item_id)

    stats = sync()

    assert stats["retired"] == (0 if asks else gone)
    assert stats.get("to_confirm", 0) == (gone if asks else 0)


def test_the_thresholds_are_settings(zoho, sync, settings):
    """A shop that drops half its range every season knows that."""
    settings.SYNC_SHRINK_PERCENT = 60
    ids = [zoho.add_item(name=f"Item {number:04}") for number in range(60)]
    sync()
    for item_id in ids[:30]:
        zoho.remove_item(item_id)

    assert sync()["retired"] == 30


def test_the_command_says_where_to_decide(shrunk, zoho, sync, capsys):
    """A terminal has no button."""
    from django.core.management import call_command

    call_command("sync_zoho_products")

    assert "Confirm or dismiss it on the page of run" in capsys.readouterr().err
