"""What people start, decide and take away is in the audit log under their names."""

import pytest
from django.core.management import call_command
from django.urls import reverse
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from products_and_services.models import Product
from sync.models import SyncRun
from sync.schedule import mirror_schedules
from tests.on_record import events

pytestmark = pytest.mark.django_db

KIND = "products_and_services.product"


@pytest.fixture
def client(client, staff, monkeypatch):
    monkeypatch.setattr("sync.views.enqueue", lambda run: True)
    monkeypatch.setattr("sync.mirrored_admin.enqueue", lambda run: True, raising=False)
    client.force_login(staff)
    return client


def row(action):
    event = events().get(action=action)
    return event.who, event.about


@pytest.mark.parametrize(
    ("data", "mode"), [({}, "full"), ({"mode": "changed"}, "full"), ({"mode": "x"}, "full")]
)
def test_a_sync_that_somebody_starts(client, data, mode):
    """From the home page."""
    client.post(reverse("sync:start", args=[KIND]), data)

    run = SyncRun.objects.get()
    event = events().get()
    assert (event.action, event.who, event.about) == ("sync.started", "olga", str(run))
    assert event.details["mode"] == mode


def test_one_product_synced_by_hand(client):
    """Each button that starts something is meant, not one page's."""
    product = Product.objects.create(zoho_item_id="7", name="Chair")

    client.post(reverse("admin:products_and_services_product_sync_now", args=[product.pk]))

    assert row("sync.started") == ("olga", str(SyncRun.objects.get()))


def test_a_sync_that_is_active_already_is_not_started_again(client):
    """A second click does nothing, so nothing is on record."""
    for _ in range(2):
        client.post(reverse("sync:start", args=[KIND]))

    assert events().count() == 1


def test_a_sync_from_the_command_line(zoho, credential, capsys):
    """It has no name, and says where it came from."""
    zoho.add_item(name="Chair")

    call_command("sync_zoho_products")

    event = events().get(action="sync.started")
    assert (event.who, event.details["via"]) == ("background service", "command line")


def test_what_the_schedule_starts_is_in_the_history_only(zoho, credential):
    """A row for each hour of each mirror would bury the people's."""
    SyncRun.request(KIND, trigger=SyncRun.Trigger.SCHEDULE)

    assert not events().filter(action="sync.started").exists()


@pytest.mark.parametrize(
    ("action", "recorded"),
    [("confirm", "retirements.confirmed"), ("dismiss", "retirements.dismissed")],
)
def test_what_somebody_decided_about_retirements(client, action, recorded):
    """How many records, of which run."""
    run, _ = SyncRun.request(KIND, trigger=SyncRun.Trigger.SCHEDULE)
    SyncRun.objects.update(state="unconfirmed", to_confirm=30)

    for _ in range(2):  # the second comes too late
        client.post(reverse("sync:act", args=[run.pk, action]))

    assert row(recorded) == ("olga", str(run))
    assert events().get(action=recorded).details["records"] == 30


def test_a_schedule_that_somebody_changed(client):
    """On the page Schedule, and in the raw tables that superusers see."""
    entry = mirror_schedules()[0].entries[0]
    address = reverse("sync:schedule-pause", args=[entry.task.pk])

    client.post(address, {"seen": entry.seen})

    event = events().get(action="schedule.changed")
    assert (event.who, event.about, event.details) == ("olga", str(entry), {"now": "paused"})


def test_a_schedule_that_was_changed_behind_the_page(client):
    """The raw tables change the same thing."""
    crontab = CrontabSchedule.objects.filter(periodictask__isnull=False).first()
    task = PeriodicTask.objects.filter(crontab__isnull=False).first()
    raw = "/admin/django_celery_beat"

    client.post(
        f"{raw}/crontabschedule/{crontab.pk}/change/",
        {
            "minute": "7",
            "hour": "*",
            "day_of_month": "*",
            "month_of_year": "*",
            "day_of_week": "*",
            "timezone": "UTC",
            "periodictask_set-TOTAL_FORMS": "0",
            "periodictask_set-INITIAL_FORMS": "0",
        },
    )
    client.post(f"{raw}/periodictask/{task.pk}/delete/", {"post": "yes"})

    changed, deleted = events().filter(action="schedule.changed").order_by("id")
    assert (changed.who, deleted.who) == ("olga", "olga")
    assert deleted.details == {"deleted": True}


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_list_that_somebody_took_away(client, kind):
    """The file, how many rows, and which filters; not what was searched for."""
    Product.objects.create(zoho_item_id="7", name="Chair for Ms Muller", searchable="chair")

    answer = client.get(f"/admin/products_and_services/product/export/{kind}/?q=chair")
    b"".join(answer)

    event = events().get(action="file.downloaded")
    assert event.who == "olga"
    assert event.about.startswith("products_")
    assert event.about.endswith(kind)
    assert event.details == {"rows": 1, "filters": ["q"]}


def test_the_file_to_change_accounts_with(client, credential):
    """It holds the accounts' values, as an export does."""
    b"".join(client.get(reverse("crm_accounts:download")))

    assert row("file.downloaded")[0] == "olga"
