"""The page Schedule: when each mirror is synced, in words; changing that; what it costs."""

import datetime as dt

import pytest
from celery import current_app
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from products_and_services.models import Product
from sync import schedule
from sync.models import SyncRun
from sync.schedule import Entry, EntryChangedError
from sync.times import Choice, InvalidTimesError, Times, longest_gap

pytestmark = pytest.mark.django_db

URL = "/sync/schedule/"
KIND = "products_and_services.product"


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def auditor(django_user_model):
    """Staff who may see everything and change nothing."""
    auditor = django_user_model.objects.create_user("ada", is_staff=True)
    auditor.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    return auditor


@pytest.fixture
def hourly():
    """The entry that reads changes, as a migration made it."""
    return PeriodicTask.objects.get(name="Changed Zoho products")


@pytest.fixture
def nightly():
    """The entry that reads everything."""
    return PeriodicTask.objects.get(name="All Zoho products")


@pytest.fixture
def history():
    """Complete runs that cost 50 calls to read everything and 2 to read changes."""
    for mode, calls in (("full", 50), ("changed", 2)):
        SyncRun.objects.create(
            kind=KIND,
            mode=mode,
            state="succeeded",
            trigger="schedule",
            task_name=Product.SYNC_TASK,
            calls=calls,
            total=10_000,
        )


def look(client):
    return client.get(URL).content.decode()


def seen(task):
    return Entry(PeriodicTask.objects.get(pk=task.pk), Product).seen


def act(client, task, action, **data):
    return client.post(f"{URL}{task.pk}/{action}/", {"seen": seen(task), **data}, follow=True)


def save(client, task, **said):
    """Send the form of this entry as a browser would."""
    said = {"day": "1", "at": "", "own": "", "seen": seen(task), **said}
    data = {f"entry-{task.pk}-{name}": value for name, value in said.items()}
    return client.post(f"{URL}{task.pk}/change/", data, follow=True).content.decode()


def when(task):
    return Entry(PeriodicTask.objects.get(pk=task.pk), Product).when()


# --- seeing it --------------------------------------------------------------------------------


def test_a_new_installation_shows_the_usual_times_in_words(client):
    """Nobody should have to read crontab, or to wait for the first run."""
    page = look(client)

    assert "Changes only" in page
    assert ">Every hour<" in page
    assert "Everything, with stock and deletions" in page
    assert ">Every day at 02:00<" in page
    assert "All times are in the time zone UTC" in page
    assert "from now</time>" in page


def test_our_own_chores_are_not_on_the_page(client):
    """Who pauses them breaks the product."""
    crontab = CrontabSchedule.objects.create(minute="30", hour="4")
    PeriodicTask.objects.create(name="Forget the oldest", task="sync.tasks.prune", crontab=crontab)

    assert "Forget the oldest" not in look(client)


@pytest.mark.parametrize(
    ("crontab", "words"),
    [
        ("*/15 * * * *", "Every 15 minutes"),
        ("0,30 * * * *", "Every 30 minutes"),
        ("0 * * * *", "Every hour"),
        ("0 */2 * * *", "Every 2 hours"),
        ("0 */3 * * *", "Every 3 hours"),
        ("0 */4 * * *", "Every 4 hours"),
        ("0 0,6,12,18 * * *", "Every 6 hours"),
        ("0 */12 * * *", "Every 12 hours"),
        ("5 2 * * *", "Every day at 02:05"),
        ("30 18 * * mon-fri", "Monday to Friday at 18:30"),
        ("0 7 * * 0", "Every Sunday at 07:00"),
        ("20 * * * *", "At 20 minutes past the hour"),
        ("0 2 1 * *", "At 02:00 AM, on day 1 of the month"),
    ],
)
def test_times_are_told_in_words(crontab, words):
    """Also those that were entered as a crontab."""
    assert Times.parse(crontab).in_words() == words


@pytest.mark.parametrize("choice", Choice)
def test_what_was_chosen_is_shown_as_it_was_chosen(choice):
    """The form opens with what is set, not with another way to say it."""
    if choice == Choice.OWN:
        times = Times.parse("20 4,16 * * 2")
    else:
        times = Times.chosen(choice, dt.time(2, 30), 3)

    said = times.as_choice()

    assert said["often"] == choice
    if choice == Choice.OWN:
        assert said["own"] == "20 4,16 * * 2"
    else:
        assert Times.chosen(choice, said.get("at"), said.get("day", 1)) == times


def test_times_in_another_time_zone_say_so(client, nightly, settings):
    """The site's zone may have been changed after the schedule was made."""
    settings.TIME_ZONE = "Europe/Berlin"

    page = look(client)
    save(client, nightly, often="daily", at="02:00")

    assert "Every day at 02:00, in the time of UTC" in page
    assert "What you save is in Europe/Berlin." in page
    nightly.refresh_from_db()
    assert str(nightly.crontab.timezone) == "Europe/Berlin"
    assert when(nightly) == "Every day at 02:00"


def test_the_last_run_that_the_schedule_started_is_linked(client, history):
    """A schedule that fails every night looks fine until one looks."""
    run = SyncRun.objects.get(mode="full")
    SyncRun.objects.create(kind=KIND, trigger="person", state="failed", task_name="x")

    page = look(client)

    assert f"/admin/sync/syncrun/{run.pk}/change/" in page
    assert "Succeeded" in page
    assert "run-failed" not in page


def test_an_entry_on_an_interval_is_told_in_words(client, hourly):
    """Engineers may have entered other kinds of times by the raw pages."""
    interval = IntervalSchedule.objects.create(every=10, period="minutes")
    hourly.crontab, hourly.interval = None, interval
    hourly.save()

    assert "Every 10 minutes" in look(client)
    assert Entry(hourly, Product).runs_a_day() == 144


def test_entries_that_cannot_run_say_so_and_break_nothing(client, hourly, nightly):
    """The raw pages accept what beat then passes over in silence."""
    CrontabSchedule.objects.filter(pk=nightly.crontab_id).update(day_of_week="7")

    for kwargs in ("{mode: changed}", "[]", '{"mode": "selected"}', '{"mode": []}'):
        PeriodicTask.objects.filter(pk=hourly.pk).update(kwargs=kwargs)
        page = look(client)
        assert "what it should read cannot be understood" in page

    assert "which cannot be read" in page
    assert "never: these times cannot be read." in page


def test_a_silent_beat_is_told(client):
    """Without it, "next in 5 minutes" is not true."""
    crontab = CrontabSchedule.objects.first()
    chore = PeriodicTask.objects.create(name="Wake", task="sync.tasks.wake_runs", crontab=crontab)

    for minutes, silent in ((3, False), (30, True)):
        at = timezone.now() - dt.timedelta(minutes=minutes)
        PeriodicTask.objects.filter(pk=chore.pk).update(last_run_at=at)
        assert ("Nothing starts by itself at the moment" in look(client)) is silent


def test_the_schedule_costs_few_queries(client, history, django_assert_max_num_queries):
    """However many runs there are."""
    with django_assert_max_num_queries(25):
        look(client)


# --- changing it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words", "crontab"),
    [
        ({"often": "15m"}, "Every 15 minutes", "*/15 * * * *"),
        ({"often": "6h"}, "Every 6 hours", "0 */6 * * *"),
        ({"often": "daily", "at": "23:05"}, "Every day at 23:05", "5 23 * * *"),
        ({"often": "working-days", "at": "06:30"}, "Monday to Friday at 06:30", "30 6 * * 1-5"),
        ({"often": "weekly", "at": "06:30", "day": "0"}, "Every Sunday at 06:30", "30 6 * * 0"),
        ({"often": "own", "own": "7 */2 * * *"}, None, "7 */2 * * *"),
    ],
)
def test_new_times_are_saved_and_told(client, hourly, said, words, crontab):
    """Each choice comes back as it was made, with the former times beside it."""
    page = save(client, hourly, **said)

    hourly.refresh_from_db()
    assert Times.of(hourly.crontab).expression() == crontab
    assert str(hourly.crontab.timezone) == "UTC"
    assert words is None or when(hourly) == words
    assert "Before: every hour." in page


def test_beat_takes_up_new_times_and_makes_up_for_none(client, hourly, monkeypatch):
    """Who says "every day at the hour that has just passed" does not mean now."""
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    past = timezone.now() - dt.timedelta(hours=1)
    PeriodicTask.objects.filter(pk=hourly.pk).update(last_run_at=past - dt.timedelta(hours=3))
    PeriodicTasks.update_changed()
    beat = DatabaseScheduler(app=current_app, lazy=True)
    for _ in range(2):  # beat learns the time of the last change in its second round
        assert beat.schedule
    before = PeriodicTasks.last_change()

    save(client, hourly, often="daily", at=f"{past:%H:%M}")

    assert PeriodicTasks.last_change() > before
    entry = beat.schedule["Changed Zoho products"]
    assert entry.schedule.hour == {past.hour}
    assert not entry.is_due().is_due


def test_a_crontab_that_others_share_is_not_edited(client, hourly):
    """Rows of django-celery-beat may serve any number of tasks."""
    other = PeriodicTask.objects.create(name="Other", task="other", crontab=hourly.crontab)

    save(client, hourly, often="30m")

    other.refresh_from_db()
    assert Times.of(other.crontab).expression() == "0 * * * *"


def test_times_that_exist_are_used_again(client, hourly, nightly):
    """Changing back and forth leaves no heap of rows."""
    save(client, hourly, often="30m")
    save(client, hourly, often="1h")
    rows = CrontabSchedule.objects.count()
    save(client, hourly, often="30m")

    assert CrontabSchedule.objects.count() == rows


def test_a_change_can_be_undone(client, hourly):
    """One click puts the former times back, of whatever kind they were."""
    former = hourly.crontab_id
    page = save(client, hourly, often="15m")
    assert "Undo: back to every hour" in page

    page = act(client, hourly, "undo").content.decode()

    hourly.refresh_from_db()
    assert hourly.crontab_id == former
    assert "back to what it was: every hour." in page
    assert "Undo" not in page


def test_an_undo_does_not_undo_what_others_did_since(client, hourly):
    """It would put back what two people have agreed to leave."""
    save(client, hourly, often="15m")
    hourly.refresh_from_db()
    schedule.set_times(hourly.pk, seen(hourly), Times("0", "*/2"))

    assert "Undo" not in look(client)
    page = act(client, hourly, "undo").content.decode()

    assert "changed by somebody else" in page
    assert when(hourly) == "Every 2 hours"


def test_pause_and_resume(client, hourly):
    """One button, and the page says what a pause means."""
    page = act(client, hourly, "pause").content.decode()

    hourly.refresh_from_db()
    assert not hourly.enabled
    assert "Nothing comes by itself; 🔄 Sync Zoho still works." in page
    assert [name for name, _ in schedule.next_runs()] == ["All Zoho products"]

    page = act(client, hourly, "resume").content.decode()

    hourly.refresh_from_db()
    assert hourly.enabled
    assert "resumed: every hour." in page


@pytest.mark.parametrize("action", ["change", "pause"])
def test_of_two_people_at_once_the_second_is_told_and_nothing_is_lost(client, hourly, action):
    """Each believed to change what was on the page."""
    stale = seen(hourly)
    save(client, hourly, often="6h")

    if action == "change":
        page = save(client, hourly, often="15m", seen=stale)
    else:
        page = act(client, hourly, "pause", seen=stale).content.decode()

    assert "changed by somebody else in the meantime, so nothing of yours was saved" in page
    assert "It now says: every 6 hours." in page
    assert when(hourly) == "Every 6 hours"
    with pytest.raises(EntryChangedError):
        schedule.switch(hourly.pk, stale, on=False)


def test_the_same_times_again_change_nothing(client, hourly):
    """No history line, no undo for what was not done."""
    page = save(client, hourly, often="1h")

    assert "has these times already" in page
    assert not LogEntry.objects.exists()


def test_who_changed_it_last_is_told(client, hourly):
    """The first question when it runs at a time nobody expected."""
    page = save(client, hourly, often="15m")

    assert "by olga, " in page
    log = LogEntry.objects.get()
    assert log.object_repr == "📦 Products, changes"
    assert log.change_message == "Every 15 minutes. Before: every hour."


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"often": "own", "own": "0 2 * *"}, "A crontab has five parts"),
        ({"often": "own", "own": ""}, "this has 0"),
        ({"often": "own", "own": "61 2 * * *"}, "“61” is no minute. It may be 0 to 59"),
        ({"often": "own", "own": "0 25 * * *"}, "“25” is no hour"),
        ({"often": "own", "own": "0 */30 * * *"}, "“*/30” is no hour"),
        ({"often": "own", "own": "0 2 * * 7"}, "“7” is no weekday"),
        ({"often": "own", "own": "0 2 x * *"}, "“x” is no day of the month"),
        ({"often": "own", "own": "0 2 31 2 *"}, "These times never come"),
        ({"often": "daily"}, "Say at which time"),
        ({"often": "daily", "at": "25:00"}, "Say the time as hours and minutes"),
        ({"often": "sometimes"}, "Select a valid choice"),
    ],
)
def test_times_that_cannot_be_are_refused_with_the_reason(client, hourly, said, complaint):
    """And the former times stay."""
    page = save(client, hourly, **said)

    assert complaint in page
    assert "They stay as they were: every hour." in page
    assert "<details open>" in page
    assert when(hourly) == "Every hour"


def test_each_part_of_a_crontab_is_checked_by_what_beat_understands():
    """django-celery-beat accepts a Sunday of 7, and then leaves the entry out without a word."""
    with pytest.raises(InvalidTimesError, match="where Sunday is 0"):
        Times.parse("0 2 * * 7")


def test_an_entry_that_was_deleted_meanwhile_is_told(client, hourly):
    """The page in the browser may be old."""
    PeriodicTask.objects.filter(pk=hourly.pk).delete()

    page = client.post(f"{URL}{hourly.pk}/pause/", follow=True).content.decode()

    assert "somebody has deleted it. Nothing was changed." in page


def test_times_that_were_deleted_cannot_be_put_back(client, hourly):
    """The undo says so; what is set now stays."""
    former = hourly.crontab
    save(client, hourly, often="15m")
    former.delete()

    page = act(client, hourly, "undo").content.decode()

    assert "Nothing was changed." in page
    assert when(hourly) == "Every 15 minutes"


def test_deleted_entries_are_put_back(client, hourly, nightly):
    """An empty page would be a dead end."""
    PeriodicTask.objects.all().delete()
    page = look(client)
    assert "stock and deletions</strong> is read only when somebody asks" in page

    page = client.post(f"{URL}usual/{KIND}/", follow=True).content.decode()

    assert "stock and deletions</strong> is read only" not in page
    mirror = schedule.mirror_schedules()[0]
    assert [(entry.mode, entry.when()) for entry in mirror.entries] == [
        ("changed", "Every hour"),
        ("full", "Every day at 02:00"),
    ]
    assert {entry.task.name for entry in mirror.entries} == {hourly.name, nightly.name}


def test_only_what_is_missing_is_put_back(client, hourly, nightly):
    """The other entry is as staff left it."""
    save(client, nightly, often="12h")
    hourly.delete()

    client.post(f"{URL}usual/{KIND}/")
    client.post(f"{URL}usual/{KIND}/")

    assert when(nightly) == "Every 12 hours"
    assert PeriodicTask.objects.filter(task=Product.SYNC_TASK).count() == 2
    assert client.post(f"{URL}usual/no.such/").status_code == 404


def test_run_now_lands_on_the_run(client, hourly, history, credential):
    """What the entry does, at once, and as the work of a person."""
    response = act(client, hourly, "run")

    run = SyncRun.objects.first()
    assert response.redirect_chain[-1][0] == f"/admin/sync/syncrun/{run.pk}/change/"
    assert (run.mode, run.trigger, run.user.get_username()) == ("changed", "person", "olga")
    assert run.task_name == Product.SYNC_TASK


def test_run_now_while_one_runs_leads_to_that_one(client, nightly, history, credential):
    """Nothing is started twice."""
    act(client, nightly, "run")

    page = act(client, nightly, "run").content.decode()

    assert "only one can be. Nothing was started" in page
    assert SyncRun.objects.filter(state="queued").count() == 1


# --- what it costs ----------------------------------------------------------------------------


def forecast():
    return schedule.forecast(schedule.mirror_schedules())


def test_the_calls_of_a_day_are_foretold(client, history, settings):
    """24 runs of 2 calls, one of 50; a tenth of the day is kept for people."""
    settings.ZOHO_REQUESTS_PER_DAY = 1000

    page = look(client)

    assert "The schedule needs about 98 Zoho calls a day, of 900 that it may use." in page
    assert "Of 1,000 calls a day, 100 are kept for what people start." in page
    assert "about 48 a day: 24 runs of 2 calls" in page
    assert not forecast().exceeds


@pytest.mark.parametrize(("limit", "exceeds"), [(108, True), (109, False), (0, False)])
def test_the_warning_comes_with_the_first_call_too_many(history, settings, limit, exceeds):
    """98 calls: nine tenths of 109 are enough, nine tenths of 108 are not; 0 is no limit."""
    settings.ZOHO_REQUESTS_PER_DAY = limit

    assert forecast().exceeds is exceeds


def test_a_change_that_needs_too_many_calls_is_saved_with_a_warning(
    client, nightly, history, settings
):
    """It says what will happen and what to do, and can be undone."""
    settings.ZOHO_REQUESTS_PER_DAY = 1000

    page = save(client, nightly, often="1h")

    assert when(nightly) == "Every hour"
    assert page.count("needs about 1,248 Zoho calls a day, more than the 900 that it may use.") == 2
    assert "wait until midnight UTC" in page
    assert "ZOHO_REQUESTS_PER_DAY" in page
    assert "alert-warning" in page
    assert "Undo: back to every day at 02:00" in page


def test_without_a_limit_nothing_is_too_much(client, history):
    """And no bar pretends to know a share."""
    page = look(client)

    assert "No limit is set for a day." in page
    assert "Share of the schedule" not in page


def test_before_the_first_full_sync_the_cost_is_unknown(client, settings):
    """A guess would be taken for a promise."""
    settings.ZOHO_REQUESTS_PER_DAY = 1000

    page = look(client)

    assert "is unknown until the first full sync of 📦 Products." in page
    assert not forecast().exceeds


def test_reading_changes_is_taken_for_one_call_until_it_is_known(history):
    """Which it is whenever nothing has changed."""
    SyncRun.objects.filter(mode="changed").delete()

    assert forecast().needs == 24 * 1 + 50


def test_paused_entries_cost_nothing(client, hourly, nightly, history, settings):
    """The forecast is of what will happen."""
    settings.ZOHO_REQUESTS_PER_DAY = 1000
    act(client, nightly, "pause")
    assert forecast().needs == 48

    act(client, hourly, "pause")

    assert "nothing on it is switched on" in look(client)


def test_the_busiest_day_of_the_week_counts(nightly, history):
    """What comes on Mondays only does not add to Tuesdays."""
    schedule.set_times(nightly.pk, seen(nightly), Times.parse("0 2,3 * * 1"))
    tuesdays, _ = CrontabSchedule.objects.get_or_create(minute="0", hour="2", day_of_week="2")
    PeriodicTask.objects.create(name="Tuesdays", task=Product.SYNC_TASK, crontab=tuesdays)

    assert forecast().needs == 48 + 2 * 50


# --- what is promised --------------------------------------------------------------------------


def broken():
    return next(it for it in schedule.mirror_schedules() if it.kind == KIND).broken_promises()


def test_the_usual_times_keep_what_is_promised(client, history):
    """A new installation must not warn of itself."""
    assert broken() == []
    assert "promises data no older than" not in look(client)


def test_a_rhythm_slower_than_the_promise_draws_a_warning(client, hourly, history, settings):
    """It is on offer, and would bring two mails each time. The page says which setting it is, or
    what to schedule otherwise."""
    settings.SYNC_FRESH_HOURS = 3

    page = save(client, hourly, often="3h")

    words = (
        "the time between two syncs is up to 3 hours, but SYNC_FRESH_HOURS promises data no older "
        "than 3 hours. Each time it will be told that data is older than promised. Schedule "
        "syncs more often, or set SYNC_FRESH_HOURS to 4 or more."
    )
    assert page.count(words) == 2, "as the answer, and on the page from now on"
    assert "alert-warning" in page
    settings.SYNC_FRESH_HOURS = 4
    assert broken() == []


@pytest.mark.parametrize(("minutes", "warns"), [(119, False), (120, True)])
def test_what_a_run_takes_counts_too(history, settings, minutes, warns):
    """While it runs, what is here is as old as the beginning of the one before."""
    settings.SYNC_FRESH_HOURS, settings.SYNC_FULL_FRESH_HOURS = 0, 26
    now = timezone.now()
    began = now - dt.timedelta(minutes=minutes)
    SyncRun.objects.filter(mode="full").update(started_at=began, finished_at=now)

    told = broken()

    assert bool(told) is warns
    if warns:
        assert "between two full syncs is up to 24 hours and one takes 2 hours" in told[0]
        assert "set SYNC_FULL_FRESH_HOURS to 27 or more" in told[0]


@pytest.mark.parametrize(
    ("crontabs", "hours"),
    [
        (["0 * * * *", "0 2 * * *"], 1),
        (["0 2 * * *", "0 5 * * *"], 21),
        (["*/30 8-18 * * *"], 13.5),
        (["30 6 * * 1-5"], 72),
        (["0 7 * * 0"], 7 * 24),
        (["0 2 1 * *"], 31 * 24),
        (["0 2 1 1 *", "0 */12 * * *"], 12),
    ],
)
def test_the_longest_gap_of_all_times_together_counts(crontabs, hours):
    """A night or a weekend without a sync; one entry fills the gaps of the other."""
    all_times = [Times.parse(crontab) for crontab in crontabs]

    gap = longest_gap(all_times, dt.date(2026, 5, 6))

    assert gap == dt.timedelta(hours=hours)


def test_an_interval_and_a_pause_count_too(hourly, nightly, settings):
    """Times may be of other kinds; what is paused says so itself, and only the other counts."""
    settings.SYNC_FRESH_HOURS, settings.SYNC_FULL_FRESH_HOURS = 3, 0
    interval = IntervalSchedule.objects.create(every=4, period="hours")
    PeriodicTask.objects.filter(pk=hourly.pk).update(crontab=None, interval=interval)
    assert "between two syncs is up to 4 hours" in broken()[0]

    schedule.switch(hourly.pk, seen(hourly), on=False)
    assert "between two syncs is up to 24 hours" in broken()[0]
    schedule.switch(nightly.pk, seen(nightly), on=False)

    assert broken() == []


# --- who may ----------------------------------------------------------------------------------


def test_an_auditor_sees_all_and_changes_nothing(client, auditor, hourly, history):
    """A button that answers "forbidden" is a trap."""
    client.force_login(auditor)

    page = look(client)

    assert ">Every hour<" in page
    for button in ("Run now", "Pause", "Change the times", "Undo", "Use the usual times"):
        assert button not in page
    for action in ("change", "undo", "pause", "resume", "run"):
        assert act(client, hourly, action).status_code == 403
    assert client.post(f"{URL}usual/{KIND}/").status_code == 403
    assert when(hourly) == "Every hour"
    assert SyncRun.objects.count() == 2


def test_each_right_is_a_right_of_its_own(client, auditor, hourly, history, credential):
    """To change the times, and to start a sync."""
    client.force_login(auditor)
    auditor.user_permissions.add(Permission.objects.get(codename="change_periodictask"))

    page = look(client)
    assert "Change the times" in page
    assert "Run now" not in page
    assert act(client, hourly, "run").status_code == 403

    auditor.user_permissions.set(
        Permission.objects.filter(codename__in=["view_periodictask", "trigger_zoho_sync"])
    )
    page = look(client)
    assert "Run now" in page
    assert "Change the times" not in page
    assert act(client, hourly, "pause").status_code == 403


def test_who_may_not_see_the_schedule_is_refused(client, django_user_model):
    """And does not find it in the side bar."""
    client.force_login(django_user_model.objects.create_user("karl", is_staff=True))

    assert client.get(URL).status_code == 403
    assert URL not in client.get("/admin/").content.decode()


def test_anonymous_visitors_and_customers_are_sent_to_the_login(client, django_user_model):
    """And come back here after it."""
    client.logout()
    assert client.get(URL)["Location"] == f"/admin/login/?next={URL}"

    client.force_login(django_user_model.objects.create_user("customer"))
    assert client.get(URL).status_code == 302


@pytest.mark.parametrize("action", ["change", "undo", "pause", "resume", "run"])
def test_looking_changes_nothing(client, hourly, action):
    """Browsers prefetch links, and other pages can make a browser follow one."""
    assert client.get(f"{URL}{hourly.pk}/{action}/").status_code == 405


def test_another_site_cannot_press_the_buttons(staff, hourly):
    """Each form carries the token."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(staff)

    assert strict.post(f"{URL}{hourly.pk}/pause/").status_code == 403


def test_the_side_bar_has_the_schedule_and_no_raw_tables(client):
    """One way of doing one thing."""
    page = client.get("/admin/").content.decode()

    assert f'href="{URL}"' in page
    assert 'href="/admin/django_celery_beat/' not in page
