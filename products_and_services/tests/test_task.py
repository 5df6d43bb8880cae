"""The task through a real worker: a process of its own, on the test database and a real Redis."""

import os
import signal
import time

import pytest
import redis
from celery.result import AsyncResult

from products_and_services.models import Product
from products_and_services.services import request_run
from products_and_services.tasks import task_sync_zoho_products
from sync.models import SyncRun
from sync.queue import enqueue, wake_forsaken_runs

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

ITEMS = "/inventory/v1/items"


def state_of(run):
    return SyncRun.objects.get(pk=run.pk).state


def test_the_task_runs_eagerly(zoho, credential):
    """For scripts and shells that have no worker."""
    zoho.add_item(name="Desk")

    stats = task_sync_zoho_products.apply().get()

    assert (stats["total"], stats["created"]) == (1, 1)


def test_a_worker_carries_the_run_and_the_result_is_its_stats(
    zoho, start_worker, wait_for, tmp_path
):
    """The whole road: row, message, worker, rows, result, log."""
    for number in range(250):
        zoho.add_item(name=f"Item {number}")
    start_worker()
    run, _ = request_run(SyncRun.Trigger.PERSON)

    assert enqueue(run)
    wait_for(lambda: state_of(run) == SyncRun.State.SUCCEEDED)

    stats = SyncRun.objects.get(pk=run.pk).stats()
    assert AsyncResult(str(run.task_id)).get(timeout=10) == stats
    assert stats["created"] == Product.objects.count() == 250
    celery_log = (tmp_path / "celery.log").read_text()
    django_log = (tmp_path / "django.log").read_text()
    assert f"Task started: products_and_services.tasks.task_sync_zoho_products[{run.task_id}]" in (
        celery_log
    )
    wait_for(lambda: "Duration: " in (tmp_path / "celery.log").read_text())
    assert "'created': 250" in (tmp_path / "celery.log").read_text()
    for line in (
        "Starting sync…",
        "Fetched 200 items",
        "Created 250",
        "Updated 0",
        "Sync complete",
    ):
        assert line in django_log


def test_the_schedule_asks_for_its_own_run(zoho, start_worker, wait_for):
    """Beat sends the task without a run."""
    zoho.add_item(name="Desk")
    start_worker()

    task_sync_zoho_products.delay()
    wait_for(lambda: SyncRun.objects.filter(state=SyncRun.State.SUCCEEDED).exists())

    assert SyncRun.objects.get().trigger == SyncRun.Trigger.SCHEDULE


def taken_up(run):
    return run.events.filter(words__startswith="Taken up").count()


def test_the_message_of_a_run_is_gone_once_the_run_is_taken(zoho, start_worker, wait_for, settings):
    """Kept until the end, it would come again an hour after its worker was killed, when the run has
    long been finished elsewhere."""
    for number in range(1000):
        zoho.add_item(name=f"Item {number:04}")
    zoho.latency = 0.3
    start_worker()
    run, _ = request_run(SyncRun.Trigger.PERSON)
    enqueue(run)

    wait_for(lambda: SyncRun.objects.get(pk=run.pk).pages >= 1)

    with redis.Redis.from_url(settings.REDIS_URL) as server:
        # What other tests' workers left behind when they were killed is not ours.
        kept = [*server.hvals("unacked"), *server.lrange("celery", 0, -1)]
    assert not [message for message in kept if str(run.task_id).encode() in message]
    assert state_of(run) == SyncRun.State.RUNNING


def test_a_run_whose_message_is_lost_is_done_once(zoho, start_worker, wait_for):
    """Redis was restarted between the click and the worker."""
    zoho.add_item(name="Desk")
    start_worker()
    run, _ = request_run(SyncRun.Trigger.PERSON)  # and no message

    wait_for(wake_forsaken_runs)  # beat's tick
    wake_forsaken_runs()  # and its next, while the first message is on its way
    wait_for(lambda: state_of(run) == SyncRun.State.SUCCEEDED)

    assert taken_up(run) == 1
    assert len([r for r in zoho.requests if r.path == ITEMS]) == 1


def test_a_run_whose_message_comes_twice_is_done_once(zoho, start_worker, wait_for):
    """To two processes at the same moment, and again after the run has ended."""
    zoho.add_item(name="Desk")
    run, _ = request_run(SyncRun.Trigger.PERSON)
    for _ in range(3):
        enqueue(run)
    start_worker()
    wait_for(lambda: state_of(run) == SyncRun.State.SUCCEEDED)

    enqueue(run)
    late = task_sync_zoho_products.delay(run_id=run.pk)

    assert late.get(timeout=20)["run_id"] == run.pk
    assert taken_up(run) == 1
    assert len([r for r in zoho.requests if r.path == ITEMS]) == 1


def test_a_message_of_the_schedule_that_comes_twice_makes_one_run(zoho, start_worker):
    """It names no run; by its own id the second finds what the first has made."""
    zoho.add_item(name="Desk")
    start_worker()
    first = task_sync_zoho_products.delay()
    stats = first.get(timeout=20)

    again = task_sync_zoho_products.apply(task_id=first.id).get()

    assert again == stats
    run = SyncRun.objects.get()
    assert taken_up(run) == 1


def test_503_is_tried_four_times_and_then_told(zoho, start_worker, wait_for, settings):
    """Three retries, as agreed; then it is for a person to see."""
    zoho.faults.add("status", path=ITEMS, status=503, code=1000)
    start_worker()
    run, _ = request_run(SyncRun.Trigger.PERSON)

    enqueue(run)
    wait_for(lambda: state_of(run) == SyncRun.State.FAILED)

    run.refresh_from_db()
    assert run.retries == 3
    assert "Given up after 4 tries" in run.message
    with pytest.raises(Exception, match="Given up after 4 tries"):
        AsyncResult(str(run.task_id)).get(timeout=10)


def test_a_revoked_connection_is_tried_once(zoho, start_worker, wait_for):
    """Retrying cannot help, and each try counts against the ten tokens."""
    zoho.revoke_refresh_token()
    start_worker()
    run, _ = request_run(SyncRun.Trigger.PERSON)

    enqueue(run)
    wait_for(lambda: state_of(run) == SyncRun.State.FAILED)

    run.refresh_from_db()
    assert run.retries == 0
    assert "Reconnect needed" in run.message
    assert len([r for r in zoho.requests if r.path == "/oauth/v2/token"]) == 1


def test_a_worker_killed_in_mid_run_is_replaced_and_the_run_goes_on(
    zoho, start_worker, wait_for, settings
):
    """SIGKILL, an out-of-memory kill, a machine that is gone: nothing lost, nothing twice."""
    for number in range(1000):
        zoho.add_item(name=f"Item {number:04}")
    zoho.latency = 0.3
    worker = start_worker()
    run, _ = request_run(SyncRun.Trigger.PERSON)
    enqueue(run)
    wait_for(lambda: SyncRun.objects.get(pk=run.pk).pages >= 2)

    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    cut_off = SyncRun.objects.get(pk=run.pk)
    assert cut_off.state == SyncRun.State.RUNNING
    start_worker()
    wait_for(lambda: wake_forsaken_runs())  # beat's tick
    wait_for(lambda: state_of(run) == SyncRun.State.SUCCEEDED)

    run.refresh_from_db()
    assert (run.total, run.created, Product.objects.count()) == (1000, 1000, 1000)
    answered = [int(r.page) for r in zoho.requests if r.path == ITEMS and r.status == 200]
    assert sorted(set(answered)) == [1, 2, 3, 4, 5, 6]  # a first run's pages overlap
    assert len(answered) <= 7  # the page under way when the worker died is asked for again

    second, _ = request_run(SyncRun.Trigger.PERSON)
    enqueue(second)
    wait_for(lambda: state_of(second) == SyncRun.State.SUCCEEDED)
    assert SyncRun.objects.get(pk=second.pk).unchanged == 1000


def test_a_worker_that_dropped_an_expired_message_takes_the_next_one(
    zoho, start_worker, wait_for, settings
):
    """It remembers the id of what it dropped, for hours, and drops all that have the same."""
    zoho.add_item(name="Desk")
    run, _ = request_run(SyncRun.Trigger.PERSON)
    enqueue(run, expires=0.1)
    time.sleep(0.3)
    start_worker()
    time.sleep(2)
    assert state_of(run) == SyncRun.State.QUEUED

    enqueue(run, expires=60)

    wait_for(lambda: state_of(run) == SyncRun.State.SUCCEEDED)
