"""The page of a run: its log, its phases, and what each person may do with it."""

import datetime as dt

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from integrations.models import ZohoCredential
from products_and_services.services import request_run, sync_products
from sync.models import FailedRecord, RunEvent, SyncRun
from sync.runner import carry_out

pytestmark = pytest.mark.django_db

ITEMS = "/inventory/v1/items"
KIND = "products_and_services.product"


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def person(client, django_user_model):
    """Sign in somebody with just these rights, besides seeing everything; returns their client."""

    def sign_in(*codenames):
        user = django_user_model.objects.create_user("ada", is_staff=True)
        rights = Permission.objects.filter(codename__startswith="view_")
        user.user_permissions.set(rights | Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def run(zoho, credential):
    """Two pages, asked for by the schedule."""
    for number in range(201):
        zoho.add_item(name=f"Item {number:04}")
    run, _ = request_run(SyncRun.Trigger.SCHEDULE)
    return run


def page(client, run):
    return client.get(reverse("admin:sync_syncrun_change", args=[run.pk])).content.decode()


def act(client, run, action):
    return client.post(reverse("sync:act", args=[run.pk, action]), follow=True)


def words(run):
    return [event.words for event in run.events.all()]


def test_the_log_tells_a_run_from_start_to_end(run):
    """Without a terminal, and without the log files."""
    carry_out(run, sync_products)

    assert words(run) == [
        "Taken up by the background service, at page 1.",
        "Read all pages, 2; nothing known here was missing from them.",
        "Finished: 201 created.",
    ]


def test_a_call_that_was_repeated_is_in_the_log_with_zohos_own_code(run, zoho, client):
    """Words for everybody, the code in small print for Zoho's support."""
    zoho.faults.add("status", path=ITEMS, status=503, code=1000, times=2)

    carry_out(run, sync_products)

    event = run.events.get(words="Zoho reports an error of its own. Asked once more.")
    assert (event.times, event.codes) == (2, "HTTP 503, code 1000")
    shown = page(client, run)
    assert "<strong>2 times</strong>" in shown
    assert "Zoho: HTTP 503, code 1000</small>" in shown


def test_a_wait_for_zohos_limit_is_in_the_log(run, zoho):
    """Why nothing moves, and until when."""
    zoho.faults.add("rate_limit", path=ITEMS, code=43, page=2, retry_after=120)

    carry_out(run, sync_products)

    assert words(run)[-1] == "Zoho asks us to slow down. Waits 2 minutes."
    assert run.events.last().codes == "HTTP 429, code 43"


def test_a_failure_stands_out_in_the_log(run, client):
    """The one line that a person looks for."""
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")

    carry_out(run, sync_products)

    assert run.events.last().is_trouble
    assert 'class="trouble"' in page(client, run)


def test_who_paused_and_resumed_is_in_the_log(run, client):
    """Two people work with it."""
    act(client, run, "pause")
    act(client, run, "resume")

    assert words(run)[0].startswith("Paused by olga.")
    assert words(run)[1].startswith("Resumed by olga;")


def test_the_log_of_old_runs_is_forgotten_with_their_history(run, settings):
    """It would grow for ever."""
    from sync.tasks import prune_history

    carry_out(run, sync_products)
    settings.SYNC_HISTORY_DAYS = 0

    prune_history()

    assert not RunEvent.objects.exists()
    assert SyncRun.objects.filter(pk=run.pk).exists()


@pytest.mark.parametrize(
    ("facts", "now"),
    [
        ({"state": "queued"}, "Queued"),
        ({"state": "running"}, "Reading from Zoho"),
        ({"state": "waiting"}, "Reading from Zoho"),
        ({"state": "running", "swept": True}, "Looking up what the list left out"),
        ({"state": "succeeded"}, None),
    ],
)
def test_the_phases_say_where_a_run_is(run, facts, now):
    """A bar alone does not tell what is being done."""
    if facts["state"] != "queued":
        run.start()
    SyncRun.objects.update(**facts)
    run.refresh_from_db()

    assert [name for name, state in run.phases() if state == "now"] == ([now] if now else [])


@pytest.mark.parametrize(
    ("state", "seconds", "every"),
    [
        ("running", None, "every 1s"),
        ("waiting", 30, "every 1s"),
        ("waiting", 3600, "every 15s"),
        ("paused", None, None),
        ("succeeded", None, None),
    ],
)
def test_the_page_asks_as_often_as_something_can_change(run, client, state, seconds, every):
    """The answer says itself when to ask next: in a wait of hours a page left open asked each
    second."""
    resume_at = seconds and timezone.now() + dt.timedelta(seconds=seconds)
    SyncRun.objects.update(state=state, resume_at=resume_at)

    for path in (f"/admin/sync/syncrun/{run.pk}/change/", f"/sync/runs/{run.pk}/progress/"):
        shown = client.get(path).content.decode()
        assert shown.count('id="run-live"') == 1
        assert shown.count("hx-trigger") == bool(every)
        assert every is None or f'hx-trigger="{every}"' in shown


def test_a_run_can_be_made_again(run, client):
    """After whatever stopped it was mended."""
    ZohoCredential.objects.update(reconnect_reason="Revoked.")
    carry_out(run, sync_products)

    act(client, run, "again")

    again = SyncRun.objects.first()
    assert (again.pk != run.pk, again.mode, again.trigger) == (True, "full", "person")


def test_a_runs_failed_records_can_be_tried_again_from_its_page(run, zoho, client):
    """From the number to the deed in one click."""
    item = zoho.add_item(name="Odd", rate="1.123456789012345678901")
    carry_out(run, sync_products)
    zoho.edit_item(item, rate="1.00")

    act(client, run, "retry")
    retried = carry_out(SyncRun.objects.first(), sync_products)

    assert (retried.mode, retried.created) == ("selected", 1)
    assert not FailedRecord.objects.filter(closed_at=None).exists()
    assert "None of these can be fetched alone" in act(client, run, "retry").content.decode()


def test_starting_and_mending_are_two_rights(run, zoho, person):
    """Who may press Sync need not be who decides what is retired."""
    SyncRun.objects.update(state="unconfirmed", to_confirm=30)
    client = person("trigger_zoho_sync")

    assert "Dismiss: retire nothing" not in page(client, run)
    assert act(client, run, "confirm").status_code == 403
    run.refresh_from_db()
    assert run.state == "unconfirmed"


def test_who_may_mend_may_decide(run, person):
    """And needs no right to start syncs for it."""
    SyncRun.objects.update(state="unconfirmed", to_confirm=30)

    act(person("mend_zoho_data"), run, "dismiss")

    run.refresh_from_db()
    assert run.state == "succeeded"


def test_an_auditor_sees_everything_and_changes_nothing(run, zoho, person):
    """Every page opens, no button is there, and no POST gets through."""
    zoho.put_raw_item({"name": "No id"})
    carry_out(run, sync_products)
    client = person()

    pages = [
        page(client, run),
        *(
            client.get(reverse(f"admin:{name}")).content.decode()
            for name in (
                "index",
                "products_and_services_product_changelist",
                "sync_syncrun_changelist",
                "sync_change_changelist",
                "sync_failedrecord_changelist",
                "integrations_zohousage_changelist",
            )
        ),
        client.get("/admin/integrations/zohocredential/", follow=True).content.decode(),
    ]

    for shown in pages:
        assert "Try again" not in shown
        assert "Run again" not in shown
        assert "Sync now" not in shown
        assert "Sync Zoho" not in shown
        assert "/oauth/start" not in shown
    for action in ("pause", "again", "apply", "confirm", "retry"):
        assert act(client, run, action).status_code == 403
    assert client.post("/crm-api/products/admin/sync-zoho/").status_code == 403
    assert SyncRun.objects.count() == 1


def test_the_thousandth_run_leads_to_its_own_changes(client):
    """Numbers are written with separators for people; an address is not for people."""
    SyncRun.objects.create(pk=1234, kind=KIND, task_name="a.task", trigger="person", created=3)

    shown = page(client, SyncRun.objects.get())

    assert "run__id__exact=1234&amp;action__exact=created" in shown
    assert "1,234" not in shown


def test_a_confirmation_that_comes_second_starts_nothing(run, client, monkeypatch):
    """Somebody has dismissed it while this one's finger was on the button."""
    carry_out(run, sync_products)
    SyncRun.objects.update(state="unconfirmed", to_confirm=30)
    monkeypatch.setattr(SyncRun, "actions", lambda run: ["confirm"])
    SyncRun.objects.get().settle("Dismissed by ben: nothing was retired.")

    shown = act(client, run, "confirm").content.decode()

    assert "nothing was done" in shown
    assert SyncRun.objects.count() == 1


def test_a_long_word_of_zohos_does_not_break_the_log(run):
    """Trouble is when the log is needed."""
    run.tell("Zoho refused.", codes=f"HTTP 400, code {'x' * 60}")

    assert run.events.get().codes.endswith("x" * 60)
