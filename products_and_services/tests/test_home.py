"""Home of the admin: is my Zoho data fresh?"""

import datetime as dt
import re

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from integrations.models import ZohoCredential, ZohoUsage
from products_and_services.models import Product
from products_and_services.services import request_run
from sync.home import charts
from sync.models import SyncRun
from sync.schedule import next_runs

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


def home(client):
    return client.get("/admin/").content.decode()


def test_a_new_installation_shows_three_steps(client):
    """Connect, sync, schedule: a button each."""
    page = home(client)

    assert "Three steps" in page
    for link in ("/oauth/start", "/crm-api/products/admin/sync-zoho/", "/sync/schedule/"):
        assert f'href="{link}"' in page
    assert "Not connected yet." in page


def test_one_glance_tells_how_old_items_and_stock_are(client, sync, zoho, settings):
    """And what else one needs to trust them."""
    settings.ZOHO_REQUESTS_PER_DAY = 1000
    zoho.add_item(name="Desk")
    zoho.put_raw_item({"name": "No id"})
    sync()
    SyncRun.objects.update(started_at=timezone.now() - dt.timedelta(hours=5))
    sync(mode=SyncRun.Mode.CHANGED)

    page = home(client)

    assert "Three steps" not in page
    assert ">5\xa0hours ago</time>" in page
    assert "1 to mend" in page
    assert "Connected" in page
    assert "of 1,000" in page
    assert "Good for about 998 more full syncs" in page


def test_a_running_sync_is_shown_with_its_bar_and_followed(client, sync, zoho):
    """The page asks again while something runs, and only then."""
    zoho.add_item(name="Desk")
    sync()
    assert "hx-get" not in home(client)
    run, _ = request_run(SyncRun.Trigger.PERSON)
    run.start()

    page = client.get("/sync/home/").content.decode()

    assert 'hx-trigger="every 2s"' in page
    assert f"Progress of {run}" in page


def test_a_paused_sync_is_not_asked_for_again_and_again(client):
    """It may stay so for days; only a person makes it go on."""
    run, _ = request_run(SyncRun.Trigger.PERSON)
    run.pause("Paused by olga.")

    page = home(client)

    assert "Paused by olga." in page
    assert "hx-get" not in page


@pytest.mark.parametrize(("seconds", "every"), [(30, 2), (3600, 15), (-3600, 15)])
def test_a_sync_that_waits_long_is_asked_for_less_often(client, seconds, every):
    """Every open page asks, be it for the hours until Zoho's midnight or until a worker is back."""
    run, _ = request_run(SyncRun.Trigger.PERSON)
    resume_at = timezone.now() + dt.timedelta(seconds=seconds)
    SyncRun.objects.filter(pk=run.pk).update(state="waiting", resume_at=resume_at)

    assert f'hx-trigger="every {every}s"' in home(client)


def test_what_changes_with_the_end_of_a_run_is_loaded_at_its_end(client, sync, zoho, credential):
    """Notices that are written anew every two seconds are read aloud as often, and a table that one
    has opened closes; so they are loaded with the page, once more when the run has ended."""
    zoho.add_item(name="Desk")
    sync()
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")
    run, _ = request_run(SyncRun.Trigger.PERSON)
    assert "Reconnect needed: " in home(client)

    asks = re.search('hx-get="([^"]+)"', home(client))[1]
    during = client.get(asks)
    run.cancel("Cancelled by olga.")
    request_run(SyncRun.Trigger.SCHEDULE)
    after = client.get(asks)

    for part in ("Reconnect needed: ", "The last 30 days", "<details>"):
        assert part not in during.content.decode()
    assert "HX-Refresh" not in during
    assert after["HX-Refresh"] == "true"


def test_what_needs_a_person_stands_first(client, credential):
    """A connection that must be renewed, a shrink to be confirmed."""
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")
    SyncRun.objects.create(
        kind="products_and_services.product",
        task_name=Product.SYNC_TASK,
        trigger="schedule",
        state="unconfirmed",
        message="30 records are no longer in Zoho's list.",
    )

    page = home(client)

    assert "Reconnect needed: Zoho no longer accepts" in page
    assert "30 records are no longer in Zoho&#x27;s list." in page


def test_the_next_scheduled_run_is_named():
    """Nobody should have to read crontab; also before anything has ever run."""
    PeriodicTask.objects.all().delete()
    crontab, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="2")
    PeriodicTask.objects.create(name="All Zoho products", task=Product.SYNC_TASK, crontab=crontab)
    PeriodicTask.objects.create(name="Off", task=Product.SYNC_TASK, crontab=crontab, enabled=False)

    ((name, when),) = next_runs()

    assert name == "All Zoho products"
    assert timezone.now() < when <= timezone.now() + dt.timedelta(hours=24)
    assert when.astimezone(dt.UTC).hour in (1, 2)


def test_the_last_thirty_days_are_counted_by_day(sync, zoho):
    """Runs, records changed, calls."""
    zoho.add_item(name="Desk")
    sync()
    sync()
    ZohoUsage.objects.update(calls=7)

    syncs, longest, changed, calls = charts()

    assert [len(chart.bars) for chart in (syncs, longest, changed, calls)] == [30] * 4
    assert (syncs.told, changed.told, calls.told) == ("2", "1", "28")
    assert longest.told == "1 s", "begun seconds count"
    assert (syncs.bars[-1].value, syncs.bars[-1].height, syncs.bars[-1].top) == (2, 100, 0)


def test_the_home_costs_few_queries(client, sync, zoho, django_assert_max_num_queries):
    """It is opened more often than any other page."""
    zoho.add_item(name="Desk")
    sync()

    with django_assert_max_num_queries(30):
        home(client)


def test_who_may_not_see_runs_gets_the_plain_home(client, django_user_model):
    """No card may tell what its list would not."""
    client.force_login(django_user_model.objects.create_user("ada", is_staff=True))

    assert "Zoho calls today" not in home(client)
    assert client.get("/sync/home/").status_code == 403
