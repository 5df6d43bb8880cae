import datetime as dt
import time

import pytest
from celery import current_app
from django.utils import timezone
from django_celery_beat.schedulers import ModelEntry

from sync.models import SyncRun
from sync.queue import enqueue, wake_forsaken_runs

pytestmark = pytest.mark.django_db

LONG_AGO = dt.timedelta(minutes=10)


@pytest.fixture
def run():
    run, _ = SyncRun.request(
        "products_and_services.product", trigger="person", task_name="no.worker.knows.this"
    )
    return run


def test_without_redis_the_run_stays_and_the_answer_comes_at_once(run, dead_queue):
    """A click must not hang, and must not be forgotten."""
    began = time.monotonic()

    assert not enqueue(run)

    assert time.monotonic() - began < 5
    assert SyncRun.objects.get(pk=run.pk).state == SyncRun.State.QUEUED


def test_a_run_whose_message_got_lost_is_told_again(run):
    """Redis may be restarted between the click and the worker."""
    SyncRun.objects.update(created_at=timezone.now() - LONG_AGO)

    assert wake_forsaken_runs() == [run]


def test_wake_up_calls_do_not_pile_up_while_no_worker_reads(settings):
    """Beat sends one every 15 seconds, worthless after a minute. Its scheduler must have understood
    that: it takes the option under a name of its own and drops others silently."""
    name = "Wake waiting and interrupted runs"

    entry = ModelEntry.from_entry(name, app=current_app, **settings.CELERY_BEAT_SCHEDULE[name])

    assert entry.options["expires"] == 60


def test_a_fresh_run_is_left_to_its_own_message(run):
    """Two messages for every click would be noise."""
    assert wake_forsaken_runs() == []


def test_a_run_whose_worker_went_silent_goes_on(run):
    """SIGKILL, a deploy, a machine that is gone."""
    run.start()
    SyncRun.objects.update(heartbeat_at=timezone.now() - LONG_AGO)

    assert wake_forsaken_runs() == [run]

    stored = SyncRun.objects.get(pk=run.pk)
    assert stored.state == SyncRun.State.WAITING
    assert stored.resume_at <= timezone.now()
    assert "stopped without a word" in stored.message


def test_a_run_that_loses_worker_after_worker_is_failed(run):
    """Whatever kills the workers would kill the next one too."""
    run.start()
    SyncRun.objects.update(heartbeat_at=timezone.now() - LONG_AGO, retries=3)

    assert wake_forsaken_runs() == []

    stored = SyncRun.objects.get(pk=run.pk)
    assert stored.state == SyncRun.State.FAILED
    assert "stopped without a word" in stored.message


def test_a_run_with_a_live_worker_is_left_alone(run):
    """The heartbeat says that somebody is at work."""
    run.start()

    assert wake_forsaken_runs() == []
    assert SyncRun.objects.get(pk=run.pk).state == SyncRun.State.RUNNING
