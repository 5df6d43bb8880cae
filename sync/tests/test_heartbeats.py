"""Whether a worker lives, by the heartbeat it has written."""

import datetime as dt

import pytest
from django.utils import timezone

from sync.models import SyncRun

pytestmark = pytest.mark.django_db


def running(**since):
    return SyncRun.objects.create(
        kind="products_and_services.product",
        state=SyncRun.State.RUNNING,
        task_name="task",
        trigger=SyncRun.Trigger.PERSON,
        heartbeat_at=timezone.now() + dt.timedelta(**since),
    )


@pytest.mark.parametrize("since", [{"hours": 2}, {"days": 400}, {"minutes": -10}])
def test_a_heartbeat_that_cannot_be_true_is_none(since):
    """The clock was set back two hours, and the mirror stood still for as long."""
    run = running(**since)

    assert list(SyncRun.forsaken()) == [run]
    assert run.start()


def test_a_heartbeat_of_just_now_is_one():
    """Its worker keeps the run."""
    run = running()

    assert not SyncRun.forsaken().exists()
    assert not run.start()
