import datetime as dt
import threading

import pytest
from django.conf import settings
from django.db import IntegrityError, connections
from django.utils import timezone

from sync.models import Change, LeaseLostError, SyncPage, SyncRun
from sync.models.changes import Note
from sync.plan import Plan

pytestmark = pytest.mark.django_db

KIND = "products_and_services.product"


@pytest.fixture
def run():
    run, _ = SyncRun.request(KIND, trigger="person", task_name="a.task")
    return run


def test_one_active_run_per_kind_is_a_database_constraint(run):
    """A check before the insert could be raced by a second click."""
    with pytest.raises(IntegrityError):
        SyncRun.objects.bulk_create([SyncRun(kind=KIND, trigger="schedule", task_name="a.task")])


def test_asking_for_a_second_run_gives_the_first(run):
    """Two clicks, or a click and the schedule, are one run."""
    again, is_new = SyncRun.request(KIND, trigger="schedule", task_name="a.task")

    assert again == run
    assert not is_new


def test_a_run_that_ended_makes_room_for_the_next(run):
    """The constraint is about active runs only."""
    run.start()
    run.finish()

    _, is_new = SyncRun.request(KIND, trigger="person", task_name="a.task")

    assert is_new


def test_only_one_worker_can_take_a_run(run):
    """A message delivered twice does its work once."""
    twin = SyncRun.objects.get(pk=run.pk)

    assert run.start()
    assert not twin.start()


def test_a_run_whose_worker_went_silent_can_be_taken(run):
    """Nothing may stay "running" for ever."""
    run.start()
    silent = timezone.now() - dt.timedelta(seconds=settings.SYNC_SILENCE + 1)
    SyncRun.objects.update(heartbeat_at=silent)

    assert SyncRun.objects.get(pk=run.pk).start()


def test_a_waiting_run_can_be_taken_when_its_time_has_come(run):
    """Not before: Zoho asked for the pause."""
    run.start()
    run.wait("Zoho asked for a pause.", seconds=60, counts=False)
    assert not SyncRun.objects.get(pk=run.pk).start()

    SyncRun.objects.update(resume_at=timezone.now())
    assert SyncRun.objects.get(pk=run.pk).start()


def test_a_worker_that_lost_its_run_cannot_write_to_it(run):
    """It may wake up after minutes and would undo what the next worker did."""
    run.start()
    SyncRun.objects.update(heartbeat_at=timezone.now() - dt.timedelta(minutes=5))
    SyncRun.objects.get(pk=run.pk).start()

    with pytest.raises(LeaseLostError):
        run.advance(Plan(create=["1"]), calls=1, page=1, listed=["1"])
    with pytest.raises(LeaseLostError):
        run.finish()

    assert SyncRun.objects.get(pk=run.pk).created == 0


def test_counts_add_up(run):
    """total == created + updated + unchanged + failed."""
    run.start()
    plan = Plan(create=["1", "2"], update=["3"], unchanged=["4", "5"], revive=["3"])

    run.advance(plan, failed=2, calls=1, page=1, listed=["1", "2", "3", "4", "5", "9"])

    stats = SyncRun.objects.get(pk=run.pk).stats()
    assert stats["total"] == 7
    counted = ("created", "updated", "unchanged", "failed")
    assert stats["total"] == sum(stats[name] for name in counted)


def test_the_stats_name_at_most_a_hundred_errors(run):
    """A result travels through Redis; the rest is on the run's page."""
    notes = [Note(Change.Action.FAILED, str(number), after="bad") for number in range(150)]
    Change.record(run, notes)

    errors = run.stats()["errors"]

    assert len(errors) == 100
    assert errors[0] == {"zoho_id": "0", "message": "bad"}


def test_the_checkpoint_goes_when_the_run_ends(run):
    """It holds every id of the catalogue and is of no use any more."""
    run.start()
    run.advance(Plan(), calls=1, page=1, listed=["1"])
    run.finish()

    assert not SyncPage.objects.exists()


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"total": 5, "unchanged": 5}, "Finished: everything was up to date."),
        (
            {"total": 1500, "created": 1200, "failed": 3},
            "Finished: 1,200 created, 3 failed.",
        ),
        ({}, "Finished: Zoho has no such items."),
    ],
)
def test_the_ending_is_told_in_words(counts, words):
    """Counts alone leave the reader to do the thinking."""
    assert SyncRun(state="succeeded", **counts).in_words() == words


def test_the_end_of_a_first_run_is_not_guessed(run):
    """Zoho gives no total; a made-up percentage would jump."""
    run.total = 200
    assert run.percent() is None

    run.expected = 400
    assert run.percent() == 50


def test_pace_and_time_left_are_told_from_what_was_read(run):
    """ "Can I wait for it, or shall I go for lunch?" """
    run.start()
    assert (run.rate(), run.seconds_left()) == (None, None)
    run.started_at = timezone.now() - dt.timedelta(seconds=10)
    run.total, run.expected = 400, 1000

    assert run.rate() == pytest.approx(40, rel=0.05)
    assert run.seconds_left() in (14, 15, 16)

    run.expected = 0
    assert run.seconds_left() is None


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twenty_clicks_at_once_make_one_run():
    """People click again when nothing seems to happen."""
    made = []
    barrier = threading.Barrier(20)

    def click():
        barrier.wait()
        try:
            made.append(SyncRun.request(KIND, trigger="person", task_name="a.task"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 20
    assert sum(is_new for _, is_new in made) == 1
    assert len({run.pk for run, _ in made}) == 1
