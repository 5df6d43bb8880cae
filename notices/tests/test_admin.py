"""What is open on the admin's home, and the list of what was told."""

import datetime as dt
import re

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from integrations.models import ZohoCredential
from notices.kinds import Condition, Kind
from notices.models import Notice, Pulse, Telling
from notices.watch import check

pytestmark = pytest.mark.django_db

LIST = "/admin/notices/notice/"


@pytest.fixture(autouse=True)
def calm(db):
    Pulse.objects.update_or_create(pk=Pulse.WORKER, defaults={"at": timezone.now()})
    PeriodicTask.objects.all().delete()


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


def as_somebody(client, django_user_model, *rights):
    user = django_user_model.objects.create_user("eve", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client


def test_dead_processes_are_shown_though_nobody_could_write_a_notice(client):
    """The page looks for itself."""
    long_ago = timezone.now() - dt.timedelta(hours=1)
    every, _ = IntervalSchedule.objects.get_or_create(every=15, period="seconds")
    PeriodicTask.objects.create(name="Wake", task="sync.tasks.wake_runs", interval=every)
    PeriodicTask.objects.update(last_run_at=long_ago)
    Pulse.objects.update(at=long_ago)

    page = client.get("/admin/").content.decode()

    assert "Syncs are not carried out: nothing was heard" in page
    assert "The schedule stands still" in page
    assert not Notice.objects.exists()


def test_links_are_for_those_who_may_follow_them(client, django_user_model, credential):
    """The trouble is told to all who may see notices, the way out to who may take it."""
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")
    assert 'href="/oauth/start">Reconnect now</a>' in client.get("/admin/").content.decode()

    as_somebody(client, django_user_model, "view_syncrun", "view_notice")
    page = client.get("/admin/").content.decode()

    assert "Reconnect needed: Zoho no longer accepts" in page
    assert "Reconnect now" not in page


def test_who_may_not_see_notices_sees_none(client, django_user_model, credential):
    """Neither on the home nor in a list of them."""
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")
    as_somebody(client, django_user_model, "view_syncrun")

    assert "Reconnect needed:" not in client.get("/admin/").content.decode()
    assert "Reconnect needed:" not in client.get("/sync/home/").content.decode()
    assert client.get(LIST).status_code == 403


def test_who_may_see_notices_but_no_runs_sees_notices(client, django_user_model, credential):
    """On a home that holds nothing else of ours."""
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")
    as_somebody(client, django_user_model, "view_notice")

    page = client.get("/admin/").content.decode()

    assert page.count("Reconnect needed: Zoho no longer accepts") == 1
    assert "Zoho calls today" not in page


def test_news_of_low_stock_stands_on_the_home_until_it_is_over(client):
    """With the way to the products."""
    notice = Notice.open(Condition(Kind.LOW_STOCK, "a", "2 products newly low.", "/admin/?p"))
    page = client.get("/admin/").content.decode()
    assert "2 products newly low." in page
    assert '<a class="alert-link" href="/admin/?p">See what is low</a>' in page

    notice.close()

    assert "2 products newly low." not in client.get("/admin/").content.decode()


def test_low_stock_is_shown_to_who_may_see_products(client, django_user_model):
    """The notice names products and how many are left: what their own list would not tell to
    somebody, no other page may."""
    notice = Notice.open(Condition(Kind.LOW_STOCK, "a", "1 product newly low.", "/p", "Desk: 3"))
    Notice.open(Condition(Kind.STALE, "a", "It is old."))
    pages = ["/admin/", LIST, f"{LIST}{notice.pk}/change/"]
    as_somebody(client, django_user_model, "view_notice")

    for page in pages:
        shown = client.get(page, follow=True).content.decode()
        assert "newly low" not in shown
        assert "Desk" not in shown
    assert "It is old." in client.get(LIST).content.decode()

    client.force_login(django_user_model.objects.create_superuser("ina"))
    for page in pages:
        assert "newly low" in client.get(page).content.decode()


def test_an_empty_list_says_that_all_is_well(client):
    """An empty table alone could also mean that nobody looks."""
    page = client.get(LIST).content.decode()

    assert "Nothing to tell: syncs end well" in page
    assert 'href="/notices/tell-me/"' in page


def test_the_list_tells_what_since_until_and_to_how_many(
    client, credential, make_reader, mail_server
):
    """Who asks "did nobody notice?" finds the answer here."""
    make_reader("ada")
    make_reader("bob")
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")
    check()
    ZohoCredential.objects.update(reconnect_reason="")
    Telling.objects.update(told_at=dt.datetime(2025, 5, 3, 14, 0, tzinfo=dt.UTC))
    check()
    notice = Notice.open(Condition(Kind.STALE, "a", "It is old.", "", "One line <b>\nAnother"))

    page = client.get(LIST).content.decode()

    assert "Over: Zoho must be connected again" in page
    told = re.search(r"2 people, <time [^>]*title=\"([^\"]*)\">([^<]*)</time>", page)
    assert told[1] == "3 May 2025, 14:00:00 UTC"
    assert "ago" in told[2]
    assert page.count("<time ") == 4, "since when, and until when"
    assert "still so" in page
    assert "nobody" in page
    assert "It is old." not in client.get(f"{LIST}?open=no").content.decode()
    assert "Over:" not in client.get(f"{LIST}?open=yes").content.decode()
    detail = client.get(f"{LIST}{notice.pk}/change/").content.decode()
    assert "One line &lt;b&gt;<br>Another<br>" in detail


def test_nobody_edits_what_was_told(client):
    """It is a record."""
    notice = Notice.open(Condition(Kind.STALE, "a", "It is old."))

    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(f"{LIST}{notice.pk}/delete/", {"post": "yes"}).status_code == 403
