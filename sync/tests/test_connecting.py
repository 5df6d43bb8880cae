"""What follows from connecting: the schedule, and the steps on the home page."""

import pytest
import requests
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integrations.models import ZohoCredential
from integrations.zoho.scopes import scopes_of
from sync.models import SyncRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def console(zoho):
    """A client registered at Zoho, whose owner says yes."""
    zoho.redirect_uris = {"http://testserver/oauth/callback"}
    zoho.auto_consent = True
    return zoho


@pytest.fixture
def connect(client, console):
    """Connect in the browser, allowing these features; the home page as it is then."""

    def act(*features):
        form = {
            "data_center": "us",
            "client_id": console.client_id,
            "client_secret": console.client_secret,
            "features": features,
        }
        to_zoho = client.post("/oauth/start", form)["Location"]
        back = requests.get(to_zoho, allow_redirects=False, timeout=5).headers["Location"]
        page = client.get(back.removeprefix("http://testserver"), follow=True)
        if "organisation" in (path := page.request["PATH_INFO"]):
            client.post(path, {"organization_id": console.organization_id})
        return client.get("/admin/").content.decode()

    return act


def scheduled(word):
    """The entries of the schedule of products or accounts: {name: (when, is it on)}."""
    tasks = PeriodicTask.objects.filter(task__endswith=f"task_sync_zoho_{word}")
    return {task.name: (str(task.crontab.hour), task.enabled) for task in tasks}


USUAL = {"Changed Zoho accounts": ("*", True), "All Zoho accounts": ("2", True)}


def test_choosing_crm_puts_accounts_on_the_schedule_and_among_the_steps(connect):
    """They were read once and then grew old."""
    home = connect("crm-read")

    assert scheduled("accounts") == USUAL
    assert len(scheduled("products")) == 2
    assert "<strong>Sync 📦 Products</strong>" in home
    assert "<strong>Sync 🏢 Accounts</strong>" in home
    assert 'action="/sync/start/crm_accounts.account/"' in home


def test_without_crm_no_account_is_scheduled(connect):
    """A sync that Zoho would refuse each hour helps nobody."""
    home = connect()

    assert scheduled("accounts") == {}
    assert "<strong>Sync 📦 Products</strong>" in home
    assert "Sync 🏢 Accounts" not in home


def test_crm_that_is_allowed_later_is_scheduled_then(client, connect):
    """By a reconnect; where items are synced already, the home asks for what is left."""
    connect()
    SyncRun.objects.create(
        kind="products_and_services.product", trigger="person", state="succeeded",
        started_at=timezone.now(), finished_at=timezone.now(),
    )  # fmt: skip
    assert "home-steps" not in client.get("/admin/").content.decode()

    home = connect("crm-write")

    assert scheduled("accounts") == USUAL
    assert "Finish setting up Zoho" in home
    assert "Sync 📦 Products" not in home
    assert "<strong>Sync 🏢 Accounts</strong>" in home


def test_a_reconnect_leaves_the_schedule_as_people_left_it(connect):
    """Times that were changed, what was switched off, and what was taken off."""
    connect("crm-read")
    PeriodicTask.objects.filter(name="Changed Zoho accounts").delete()
    PeriodicTask.objects.filter(name="All Zoho accounts").update(enabled=False)
    PeriodicTask.objects.filter(name="Changed Zoho products").update(enabled=False)
    left = scheduled("accounts"), scheduled("products")

    connect("crm-read")
    assert (scheduled("accounts"), scheduled("products")) == left

    SyncRun.objects.create(kind="crm_accounts.account", trigger="schedule", state="failed")
    PeriodicTask.objects.filter(name="All Zoho accounts").delete()
    connect("crm-read")
    assert scheduled("accounts") == {}


def test_accounts_that_were_synced_by_hand_are_scheduled_by_a_reconnect(connect):
    """Installations from before this was so."""
    SyncRun.objects.create(kind="crm_accounts.account", trigger="person", state="succeeded")

    connect("crm-read")

    assert scheduled("accounts") == USUAL


def test_connecting_by_a_self_clients_code_schedules_the_same(zoho, settings):
    """On the command line, as often as it may be repeated."""
    settings.ZOHO_SDK_CLIENT_ID = zoho.client_id
    settings.ZOHO_SDK_CLIENT_SECRET = zoho.client_secret

    for _ in range(2):
        settings.ZOHO_GRANT_CODE = zoho.make_self_client_code()
        call_command("zoho_connect", data_center="us", organization_id=zoho.organization_id)

    assert scheduled("accounts") == USUAL
    assert len(scheduled("products")) == 2


@pytest.mark.parametrize(
    ("granted", "allowed"),
    [
        ("ZohoInventory.items.READ", ["inventory"]),
        ("ZohoInventory.fullaccess.all", ["inventory"]),
        (" ".join(scopes_of(["crm-read"])).upper(), ["inventory", "crm"]),
        (
            "ZohoCRM.modules.ALL ZohoCRM.settings.ALL ZohoCRM.org.ALL ZohoCRM.users.ALL "
            "ZohoCRM.coql.READ ZohoCRM.bulk.ALL ZohoSearch.securesearch.READ",
            ["crm"],
        ),
        ("ZohoCRM.modules.accounts.ALL", []),
        ("ZohoCRM.modules.allowances.READ ZohoInventory.items.UPDATE", []),
        ("", []),
    ],
)
def test_what_may_be_mirrored_is_told_by_the_scopes(granted, allowed):
    """Also by those that stand for all around them, as a self client's often do."""
    credential = ZohoCredential(scope=granted)

    assert [one for one in ("inventory", "crm") if credential.allows(one)] == allowed
