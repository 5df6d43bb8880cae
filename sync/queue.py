"""Waking workers. The message says which run; the run's row says everything else."""

import structlog
from celery import current_app
from celery.result import denied_join_result
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from sync.models import SyncRun

log = structlog.get_logger(__name__)


def enqueue(run: SyncRun, *, expires: float | None = None) -> bool:
    """Tell a worker of the run, once the row is committed.

    False when the queue cannot be reached: the run stays as it is, and `wake_forsaken_runs` tells
    again. `expires`: seconds after which the message is worthless. Such a message has an id of its
    own: a worker that drops an expired one takes its id for revoked, and would drop every later
    message with that id, too.
    """
    try:
        # We never wait for a result here. Said so, Celery does not subscribe to it, which with
        # Redis away would block for seconds and leave the process in need of a restart.
        with denied_join_result():
            current_app.send_task(
                run.task_name,
                kwargs={"run_id": run.pk},
                task_id=None if expires else str(run.task_id),
                expires=expires,
                retry=False,
            )
    except (OperationalError, RedisError, OSError) as error:
        log.error("The queue cannot be reached", run=run.pk, error=type(error).__name__)
        return False
    return True


def wake_forsaken_runs() -> list[SyncRun]:
    """Send a message for every run that should be worked on and is not."""
    woken = [
        run
        for run in SyncRun.forsaken()
        if run.state != SyncRun.State.RUNNING or _take_from_the_dead(run)
    ]
    for run in woken:
        # This comes round every few seconds; without an end, messages would pile up while there
        # is no worker to read them.
        enqueue(run, expires=settings.SYNC_SILENCE)
    return woken


def _take_from_the_dead(run: SyncRun) -> bool:
    """Let a run whose worker went silent go on from its checkpoint, or end it: may it go on?

    The silence is checked again under the row lock: the worker may have come back just now.
    """
    with transaction.atomic():
        held = SyncRun.objects.select_for_update().get(pk=run.pk)
        if held.lease != run.lease or held.heartbeat_at != run.heartbeat_at:
            return False
        goes_on = held.retries < settings.SYNC_RETRIES
        if goes_on:
            held.wait(
                "The background service stopped without a word. The run goes on from its last "
                "saved page.",
                seconds=0,
                counts=True,
            )
        else:
            held.fail(
                "The background service stopped without a word once too often. What was read is "
                "kept. Before you start another run, have whoever runs this installation look at "
                "its log and memory (Celery worker)."
            )
    log.warning("A run lost its worker", run=held.pk, page=held.pages, state=held.state)
    return goes_on
