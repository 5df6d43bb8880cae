"""Workers that die at any moment: nothing lost, nothing doubled, no run stuck."""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from django.utils.dateparse import parse_datetime

from products_and_services.models import Product
from products_and_services.services import request_run
from sync.models import SyncPage, SyncRun
from sync.queue import enqueue, wake_forsaken_runs

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

KILLS = 50
SILENCE = 0.5


def children(pid):
    """The pool processes of a worker: those that carry the runs."""
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except FileNotFoundError:  # the worker itself is gone
        return []


def kill(pid):
    with suppress(ProcessLookupError):  # dying already, from an earlier shot
        os.kill(pid, signal.SIGKILL)


def test_workers_killed_at_fifty_random_moments_lose_and_double_nothing(
    zoho, start_worker, wait_for, settings, caplog
):
    """Out of memory, a deploy, a machine that is gone: they do not wait for a good moment."""
    settings.SYNC_SILENCE = SILENCE
    chance = random.Random(4711)
    ids = [zoho.add_item(name=f"Item {number:05}", rate="1.00") for number in range(4000)]
    zoho.latency = 0.02
    worker = start_worker(SYNC_SILENCE=str(SILENCE))
    wait_for(lambda: children(worker.pid))

    def supervise():
        """As systemd or Kubernetes: Celery gives up when its processes are killed as they start."""
        nonlocal worker
        if worker.poll() is not None:
            worker = start_worker(SYNC_SILENCE=str(SILENCE))

    def keep_going():
        """A click or the schedule, beat's tick, and the supervisor's."""
        supervise()
        if not SyncRun.objects.filter(state__in=SyncRun.ACTIVE).exists():
            mode = chance.choice([SyncRun.Mode.FULL, SyncRun.Mode.FULL, SyncRun.Mode.CHANGED])
            enqueue(request_run(SyncRun.Trigger.SCHEDULE, mode=mode)[0])
        wake_forsaken_runs()

    for _ in range(KILLS):
        for item_id in chance.sample(ids, 20):
            zoho.edit_item(item_id, rate=f"{chance.randint(100, 9999) / 100:.2f}")
        ends = time.monotonic() + chance.uniform(0.05, 0.9)
        while time.monotonic() < ends:
            keep_going()
            time.sleep(0.05)
        for pid in children(worker.pid):
            kill(pid)
        if chance.random() < 0.1 and worker.poll() is None:  # and now and then all of it
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def calm():
        supervise()
        wake_forsaken_runs()
        return not SyncRun.objects.filter(state__in=SyncRun.ACTIVE).exists()

    wait_for(calm, seconds=60)
    run, _ = request_run(SyncRun.Trigger.PERSON)
    enqueue(run)
    wait_for(calm, seconds=60)

    run.refresh_from_db()
    assert run.state == SyncRun.State.SUCCEEDED
    stored = {product.zoho_item_id: product for product in Product.objects.all()}
    assert len(stored) == Product.objects.count() == 4000
    for item_id, item in zoho.items.items():
        product = stored[item_id]
        assert product.price == item["rate"]
        assert product.zoho_modified_at == parse_datetime(item["last_modified_time"])
        assert product.retired_at is None
    assert not SyncPage.objects.exists()
    for ended in SyncRun.objects.all():
        assert ended.finished_at is not None
        total = ended.created + ended.updated + ended.unchanged + ended.failed
        assert ended.total == total
        assert ended.total <= 4000
    assert caplog.text.count("A run lost its worker") >= 5


def test_a_click_and_the_schedule_at_once_are_one_run(zoho, start_worker, wait_for):
    """Two full runs would cost twice the calls, and fight over the rows."""
    from products_and_services.tasks import task_sync_zoho_products

    for number in range(600):
        zoho.add_item(name=f"Item {number:04}")
    zoho.latency = 0.1
    start_worker()

    run, is_new = request_run(SyncRun.Trigger.PERSON)
    enqueue(run)
    task_sync_zoho_products.delay()
    task_sync_zoho_products.delay()
    wait_for(lambda: SyncRun.objects.get(pk=run.pk).state == SyncRun.State.SUCCEEDED)

    assert is_new
    assert [r.page for r in zoho.requests if r.path == "/inventory/v1/items"].count(1) == 1
    assert Product.objects.count() == 600
