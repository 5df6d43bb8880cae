"""Pause, resume and cancel: a person's word counts within one page."""

import pytest
from django.urls import reverse

from products_and_services.models import Product
from products_and_services.services import SyncFailedError, request_run, sync_products
from sync.models import SyncPage, SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

ITEMS = "/inventory/v1/items"


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def run(zoho, credential):
    """A run of three pages that nobody has taken up yet."""
    for number in range(450):
        zoho.add_item(name=f"Item {number:04}")
    run, _ = request_run(SyncRun.Trigger.PERSON)
    return run


@pytest.fixture
def before_page(monkeypatch):
    """Let something happen right before that page is saved."""
    from sync import engine

    happenings = {}
    original = engine.save

    def save(*args, **kwargs):
        happenings.pop(kwargs["page"], lambda: None)()
        return original(*args, **kwargs)

    monkeypatch.setattr(engine, "save", save)
    return happenings.__setitem__


def act(client, run, action):
    return client.post(reverse("sync:act", args=[run.pk, action]), follow=True).content.decode()


def test_a_pause_takes_effect_within_one_page(zoho, client, run, before_page):
    """The pages read so far are not asked for again."""
    before_page(2, lambda: act(client, run, "pause"))

    paused = carry_out(run, sync_products)

    assert (paused.state, paused.pages, Product.objects.count()) == ("paused", 1, 200)
    assert "Paused by olga" in paused.message

    zoho.clear_requests()
    act(client, run, "resume")
    resumed = carry_out(SyncRun.objects.get(pk=run.pk), sync_products)

    assert (resumed.state, resumed.created, Product.objects.count()) == ("succeeded", 450, 450)
    assert [r.page for r in zoho.requests if r.path == ITEMS] == [2, 3]


def test_a_paused_run_is_left_alone_by_workers_and_keeps_others_out(run, client):
    """Somebody has a reason: the schedule must not go round it."""
    act(client, run, "pause")

    assert carry_out(SyncRun.objects.get(pk=run.pk), sync_products).state == "paused"
    again, is_new = request_run(SyncRun.Trigger.SCHEDULE)
    assert (again, is_new) == (run, False)


def test_a_cancel_takes_effect_within_one_page_and_keeps_what_was_read(client, run, before_page):
    """Stopped is stopped, and not thrown away."""
    before_page(3, lambda: act(client, run, "cancel"))

    cancelled = carry_out(run, sync_products)

    assert cancelled.state == "cancelled"
    assert cancelled.finished_at is not None
    assert Product.objects.count() == 398
    assert not SyncPage.objects.exists()
    assert request_run(SyncRun.Trigger.PERSON)[1]


def test_a_cancelled_run_retires_nothing(client, run, before_page):
    """What was not read is not gone."""
    carry_out(run, sync_products)
    again, _ = request_run(SyncRun.Trigger.PERSON)
    before_page(2, lambda: act(client, again, "cancel"))

    carry_out(again, sync_products)

    assert not Product.objects.exclude(retired_at=None).exists()


def test_a_command_that_was_stopped_by_somebody_says_so(client, run, sync, before_page):
    """The terminal must not claim success."""
    SyncRun.objects.all().delete()
    before_page(2, lambda: act(client, SyncRun.objects.get(), "cancel"))

    with pytest.raises(SyncFailedError, match="Cancelled by olga"):
        sync()


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("queued", {"Pause", "Cancel"}),
        ("running", {"Pause", "Cancel"}),
        ("waiting", {"Pause", "Cancel"}),
        ("paused", {"Resume", "Cancel"}),
        ("unconfirmed", {"Retire", "Dismiss"}),
        ("failed", {"Run"}),
        ("cancelled", {"Run"}),
        ("succeeded", {"Run"}),
    ],
)
def test_the_page_offers_what_fits_the_state(client, run, state, buttons):
    """A button that cannot work is a lie."""
    import re

    SyncRun.objects.update(state=state)

    page = client.get(reverse("admin:sync_syncrun_change", args=[run.pk])).content.decode()

    found = re.findall(r'<button type="submit" class="btn btn-[^>]*>\s*(\w+)', page)
    assert set(found) == buttons


def test_an_action_needs_the_right_to_start_syncs_and_a_post(client, run, django_user_model):
    """Seeing is one thing, stopping another."""
    url = reverse("sync:act", args=[run.pk, "cancel"])
    assert client.get(url).status_code == 405
    assert client.post(reverse("sync:act", args=[run.pk, "explode"])).status_code == 404
    client.force_login(django_user_model.objects.create_user("ada", is_staff=True))

    assert client.post(url).status_code == 403
    run.refresh_from_db()
    assert run.state == "queued"


def test_an_action_that_comes_too_late_says_so(client, run):
    """The run ended while somebody read its page."""
    SyncRun.objects.update(state="succeeded")

    assert "nothing was done" in act(client, run, "pause")
