"""What is wrong, and when it no longer is."""

import datetime as dt
import re

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from crm_accounts.models import ChangeRequest
from integrations.models import ZohoCredential
from notices.conditions import conditions, when
from notices.kinds import ABOUT, Kind
from notices.models import Notice, Pulse
from products_and_services.models import Product
from sync import schedule
from sync.models import SyncRun
from sync.times import Times

pytestmark = pytest.mark.django_db

PRODUCTS = "products_and_services.product"
TASK = Product.SYNC_TASK


@pytest.fixture(autouse=True)
def calm(db):
    """A worker has just reported, and there is no schedule to be late."""
    Pulse.objects.update_or_create(pk=Pulse.WORKER, defaults={"at": timezone.now()})
    PeriodicTask.objects.all().delete()


def ago(**span):
    return timezone.now() - dt.timedelta(**span)


def found():
    return [condition.kind for condition in conditions()]


def run(state, *, mode="full", began=None, **fields):
    began = began or timezone.now()
    if state in ("succeeded", "unconfirmed", "failed", "cancelled"):
        fields.setdefault("finished_at", began)
    return SyncRun.objects.create(
        kind=PRODUCTS,
        task_name=TASK,
        trigger="schedule",
        mode=mode,
        state=state,
        started_at=began,
        **fields,
    )


def wake(**fields):
    """The schedule's quickest chore, as beat keeps it."""
    every, _ = IntervalSchedule.objects.get_or_create(every=15, period="seconds")
    task = PeriodicTask.objects.create(
        name="Wake",
        task="sync.tasks.wake_runs",
        interval=every,
        enabled=fields.get("enabled", True),
    )
    PeriodicTask.objects.filter(pk=task.pk).update(**fields)
    return task


def test_every_kind_says_what_it_is_and_what_to_do():
    """A kind without words would be a mail without words."""
    assert ABOUT.keys() == set(Kind)
    for about in ABOUT.values():
        assert about.help
        assert about.to_do
        assert about.page


def test_nobody_needs_to_know_what_a_worker_or_beat_is():
    """They are read by people who have never seen a terminal. For whoever runs the installation the
    names stand in brackets."""
    wake(last_run_at=ago(hours=1))
    Pulse.objects.update(at=ago(hours=1))
    dead = conditions()
    assert {one.kind for one in dead} == {Kind.WORKER_DEAD, Kind.SCHEDULE_DEAD}

    said = [text for about in ABOUT.values() for text in (about.help, about.to_do)]
    said += [kind.label for kind in Kind] + [one.words for one in dead]

    assert any("(Celery beat)" in words for words in said)
    for words in said:
        plain = re.sub(r"\(.*?\)", "", words)
        assert not re.search(r"worker|beat|redis|celery", plain, re.I), words


def test_nothing_is_wrong_with_a_new_installation():
    """Whoever has not begun has broken nothing."""
    assert found() == []


def test_a_refused_connection_needs_a_person(credential):
    """Until somebody connects again; not when nobody ever did."""
    assert found() == []
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")

    (condition,) = conditions()

    assert condition.kind == Kind.RECONNECT
    assert condition.words == (
        "Reconnect needed: Zoho no longer accepts the refresh token. "
        "Everything already synced is kept."
    )
    assert condition.url == "/oauth/start"
    credential.forget_access()
    credential.save()
    assert found() == []


def test_a_failed_sync_stands_until_one_completes():
    """Also one of changes; also one that needs a person's word afterwards."""
    run("succeeded")
    failed = run("failed", mode="changed", message="Zoho does not answer.")

    (condition,) = conditions()

    assert (condition.kind, condition.subject) == (Kind.SYNC_FAILED, PRODUCTS)
    assert (
        condition.words == f"{failed} failed: Zoho does not answer. Nothing that was here is lost."
    )
    assert condition.url == f"/admin/sync/syncrun/{failed.pk}/change/"
    run("succeeded", mode="changed")
    assert found() == []


def test_a_failed_full_sync_stands_until_a_full_one_completes():
    """The hourly run of changes sees no stock and no deletions, so it makes nothing well; nor does
    its own failure hide the other."""
    run("succeeded")
    failed = run("failed", message="Zoho does not answer.")
    run("succeeded", mode="changed")
    (condition,) = conditions()
    assert (condition.kind, condition.subject) == (Kind.SYNC_FAILED, PRODUCTS)
    assert condition.url == f"/admin/sync/syncrun/{failed.pk}/change/"

    later = run("failed", mode="changed", message="Zoho does not answer.")
    (condition,) = conditions()
    assert condition.url == f"/admin/sync/syncrun/{later.pk}/change/"
    run("succeeded")

    assert found() == []


def test_a_disconnected_zoho_is_no_well_zoho(credential):
    """Who disconnects what must be connected again has not made it well; only connecting does.
    Before anything was synced the home's three steps tell of it."""
    run("succeeded")
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")
    assert found() == [Kind.RECONNECT]

    ZohoCredential.objects.update(reconnect_reason="", refresh_token="")

    (condition,) = conditions()
    assert (condition.kind, condition.subject) == (Kind.RECONNECT, "")
    assert condition.words.startswith("Zoho is disconnected. Nothing is synced until")
    SyncRun.objects.all().delete()
    assert found() == []


@pytest.mark.parametrize("message", ["Stopped.", "Given up; what was read is kept."])
def test_a_failure_says_the_same_of_the_data_whatever_its_own_words(message):
    """What was meant as a comfort must not hang on how another sentence is put."""
    run("failed", message=message)

    (condition,) = conditions()

    assert condition.words.endswith(f"failed: {message} Nothing that was here is lost.")


@pytest.mark.parametrize(
    "later",
    [
        {"state": "cancelled"},
        {"state": "running"},
        {"state": "succeeded", "dry_run": True},
        {"state": "succeeded", "mode": "selected"},
    ],
)
def test_what_says_nothing_of_the_last_sync_changes_nothing(later):
    """Cancelled, still running, a dry run, a few records: the failure before them still stands."""
    run("failed", message="Zoho does not answer.")
    run(**later)

    assert found() == [Kind.SYNC_FAILED]


@pytest.mark.parametrize("other", [{"state": "cancelled"}, {"dry_run": True}, {"mode": "selected"}])
def test_a_cancelled_a_dry_and_a_selected_run_are_no_failed_sync(other):
    """The first was somebody's wish; the others say so on their own pages."""
    run(**{"state": "failed", "message": "Stopped.", **other})

    assert found() == []


def test_a_run_that_needs_confirmation_stands_until_it_is_settled():
    """A later run of changes does not settle it, a person or a full run does."""
    waiting = run("unconfirmed", message="30 records are no longer in Zoho's list.")
    run("succeeded", mode="changed")

    (condition,) = conditions()

    assert (condition.kind, condition.words) == (Kind.UNCONFIRMED, waiting.message)
    waiting.settle("Dismissed by olga: nothing was retired.")
    assert found() == []


def test_data_is_as_old_as_the_beginning_of_the_run_that_read_it(settings):
    """Items by either mode, stock by full runs; each against its own promise."""
    settings.SYNC_FRESH_HOURS, settings.SYNC_FULL_FRESH_HOURS = 3, 26
    run("succeeded", began=ago(hours=27), finished_at=ago(hours=1))
    run("succeeded", mode="changed", began=ago(hours=4))

    items, stock = conditions()

    assert {items.kind, stock.kind} == {Kind.STALE}
    assert items.subject != stock.subject
    assert "older than the 3 hours that are promised" in items.words
    assert "stock and deletions are as of" in stock.words
    run("succeeded", mode="changed", began=ago(hours=2))
    assert [condition.subject for condition in conditions()] == [stock.subject]
    run("succeeded", began=ago(hours=1))
    assert found() == []


def test_a_failed_run_makes_no_data_fresh(settings):
    """It has not read everything."""
    settings.SYNC_FRESH_HOURS, settings.SYNC_FULL_FRESH_HOURS = 3, 0
    run("succeeded", began=ago(hours=5))
    run("failed", message="Zoho does not answer.")

    assert found() == [Kind.SYNC_FAILED, Kind.STALE]


def test_nothing_is_promised_before_the_first_complete_sync_nor_with_zero_hours(settings):
    """The home's three steps tell of the first; the second is a choice."""
    run("failed", message="Stopped.", began=ago(days=9))
    assert found() == [Kind.SYNC_FAILED]
    run("succeeded", began=ago(days=9))
    assert found() == [Kind.STALE, Kind.STALE]

    settings.SYNC_FRESH_HOURS = settings.SYNC_FULL_FRESH_HOURS = 0

    assert found() == []


def test_a_schedule_that_sends_nothing_stands_still():
    """The quickest chore shows whether beat lives; ten minutes are three times what beat needs to
    write down that it was sent."""
    task = wake(last_run_at=ago(minutes=11))
    assert found() == [Kind.SCHEDULE_DEAD]

    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=ago(minutes=4))

    assert found() == []


def test_a_beat_that_never_started_is_waited_for_as_long_as_one_that_stopped():
    """Its time begins when the schedule is made. A task that is added later proves nothing."""
    task = wake(date_changed=ago(minutes=9))
    assert found() == []

    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=ago(minutes=11))
    PeriodicTask.objects.create(name="New", task=TASK, interval=task.interval)

    assert found() == [Kind.SCHEDULE_DEAD]


def test_editing_the_schedule_does_not_hide_a_dead_beat():
    """New times are counted from their saving, as if they had just been sent: "well again" would be
    mailed, and ten minutes later the next alarm."""
    task = wake(last_run_at=ago(minutes=30))
    entry = PeriodicTask.objects.create(name="Changed", task=TASK, interval=task.interval)

    schedule.set_times(entry.pk, schedule.find(entry.pk).seen, Times("0", "*/2"))

    assert found() == [Kind.SCHEDULE_DEAD]


def test_the_wake_up_switched_off_is_told_as_what_it_is():
    """Hourly tasks alone would look like a dead beat for most of the hour."""
    task = wake(enabled=False)
    hourly = PeriodicTask.objects.create(name="Changed", task=TASK, interval=task.interval)
    PeriodicTask.objects.filter(pk=hourly.pk).update(last_run_at=ago(minutes=50))

    (condition,) = conditions()

    assert condition.kind == Kind.SCHEDULE_DEAD
    assert "is switched off" in condition.words
    assert condition.url == f"/admin/django_celery_beat/periodictask/{task.pk}/change/"
    assert (condition.about.to_do, condition.about.link) == (
        "Tick Enabled at that task, and save.",
        "Switch it on",
    )
    notice = Notice.open(condition)
    assert notice.about == condition.about, "also in the mail and in the list"
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=True, last_run_at=ago(hours=1))
    (dead,) = conditions()
    assert "that something restarts it" in dead.about.to_do


def test_a_worker_is_missed_after_five_minutes():
    """Its report each minute is the check itself."""
    Pulse.objects.update(at=ago(minutes=6))
    assert found() == [Kind.WORKER_DEAD]

    Pulse.objects.update(at=ago(minutes=4))

    assert found() == []


@pytest.mark.parametrize("state", ["running", "succeeded"])
def test_a_worker_whose_hands_are_full_is_not_missed(state):
    """With one process and a long run no check is made; the run's heartbeat tells, also just after
    its end. A run on the command line tells nothing of workers."""
    Pulse.objects.update(at=ago(minutes=30))
    carried = run(state, heartbeat_at=ago(seconds=20), mode="selected")
    assert found() == []

    SyncRun.objects.filter(pk=carried.pk).update(trigger="command")

    assert found() == [Kind.WORKER_DEAD]


@pytest.mark.parametrize(
    ("state", "times"),
    [
        ("queued", {"created_at": 6}),
        ("waiting", {"created_at": 90, "resume_at": 6}),
        ("running", {"created_at": 90, "heartbeat_at": 6}),
    ],
)
def test_a_due_run_that_nobody_takes_is_told(state, times):
    """A worker that lives, answers and even reports may still not take it."""
    due = run(state)
    SyncRun.objects.update(**{name: ago(minutes=minutes) for name, minutes in times.items()})

    (condition,) = conditions()

    assert (condition.kind, condition.url) == (
        Kind.NOT_STARTED,
        f"/admin/sync/syncrun/{due.pk}/change/",
    )
    assert condition.words.startswith(f"{due} has been due since {when(ago(minutes=6))}, and")
    SyncRun.objects.update(**{name: ago(minutes=4) for name in times})
    assert found() == []


def test_what_is_not_due_yet_or_is_paused_is_not_missed():
    """Waiting for Zoho's limit takes hours; a paused run waits for a person."""
    run("waiting", resume_at=timezone.now() + dt.timedelta(hours=5))
    paused = run("paused", mode="sent")
    SyncRun.objects.update(created_at=ago(hours=9))

    assert found() == []
    SyncRun.objects.filter(pk=paused.pk).update(state="queued")
    assert found() == [Kind.NOT_STARTED]


def test_a_due_run_waits_its_turn_behind_a_long_one():
    """A long run makes way after half an hour. One on the command line occupies no worker."""
    due = run("queued", mode="sent")
    SyncRun.objects.update(created_at=ago(minutes=20))
    busy = run("running", heartbeat_at=timezone.now())
    assert found() == []

    SyncRun.objects.filter(pk=due.pk).update(created_at=ago(minutes=36))
    assert found() == [Kind.NOT_STARTED]

    SyncRun.objects.filter(pk=due.pk).update(created_at=ago(minutes=20))
    SyncRun.objects.filter(pk=busy.pk).update(trigger="command")
    assert found() == [Kind.NOT_STARTED]


def change_request(state, run_state=None, **fields):
    """Somebody's; with the run that sent it."""
    sent = SyncRun.objects.create(
        kind="crm_accounts.account", mode="sent", trigger="person", state=run_state,
        message="Zoho refuses this.",
    ) if run_state else None  # fmt: skip
    return ChangeRequest.objects.create(state=state, origin="page", run=sent, **fields)


def test_changes_that_wait_for_approval_are_told(django_user_model):
    """Until somebody decides, or three days are over."""
    ada = django_user_model.objects.create_user("ada")
    soon = {"expires_at": timezone.now() + dt.timedelta(hours=1), "asked_by": ada}
    waiting = change_request("pending", **soon)
    change_request("pending", expires_at=ago(hours=1))
    change_request("rejected")

    (condition,) = conditions()

    assert (condition.kind, condition.subject) == (Kind.APPROVAL, str(waiting.pk))
    assert condition.words == f"ada asks to change 0 accounts in Zoho: {waiting}."


def test_changes_that_did_not_arrive_are_told(db):
    """A run that failed, and a conflict; not what is being sent just now."""
    failed = change_request("approved", "failed")
    decided = change_request("conflict", "succeeded")
    change_request("approved", "running")
    change_request("done", "succeeded")

    told = {condition.subject: condition for condition in conditions()}

    assert told.keys() == {str(failed.pk), str(decided.pk)}
    assert {condition.kind for condition in told.values()} == {Kind.UNSENT}
    assert "Zoho refuses this. Nothing is lost." in told[str(failed.pk)].words
    assert "needs a decision" in told[str(decided.pk)].words
