"""Who looks at the clock: each worker for itself, so that beat may be dead."""

import datetime as dt

import pytest
from celery import current_app as app
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from notices.kinds import Kind
from notices.models import Notice, Pulse
from notices.tasks import check
from notices.timer import CheckTimer, send_check


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_dead_beat_is_noticed_by_a_worker_and_shown(start_worker, wait_for, client, staff):
    """Beat is not started at all; the worker's own timer sends the look, again and again."""
    PeriodicTask.objects.create(
        name="Wake",
        task="sync.tasks.wake_runs",
        interval=_every_15_seconds(),
        last_run_at=timezone.now() - dt.timedelta(hours=1),
    )
    start_worker(NOTICE_CHECK_EVERY="0.2")

    wait_for(lambda: Notice.objects.filter(kind=Kind.SCHEDULE_DEAD).exists())

    seen = Pulse.objects.get(pk=Pulse.WORKER).at
    wait_for(lambda: Pulse.objects.get(pk=Pulse.WORKER).at > seen)
    client.force_login(staff)
    assert "The schedule stands still" in client.get("/admin/").content.decode()
    PeriodicTask.objects.update(last_run_at=timezone.now())
    wait_for(lambda: not Notice.objects.filter(closed_at=None).exists())


def test_the_worker_starts_the_timer_before_it_begins_to_consume():
    """The consumer's start only returns when the worker ends."""
    assert CheckTimer in app.steps["worker"]
    assert "celery.worker.components:Timer" in CheckTimer.requires


def test_a_check_that_cannot_be_sent_harms_nothing(dead_queue):
    """The timer runs in the worker's main process: it must never end it, nor hold it up."""
    send_check(app)


def test_beat_has_no_part_in_the_check():
    """What beat sends stops with beat."""
    tasks = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert check.name not in tasks


def _every_15_seconds():
    return IntervalSchedule.objects.get_or_create(every=15, period="seconds")[0]
