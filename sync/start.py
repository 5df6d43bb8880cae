"""Starting a mirror's syncs: what its commands, task, pages and the schedule go through."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from celery import Task
from django.utils import timezone

from integrations.zoho.errors import ZohoError
from sync.models import SyncRun
from sync.runner import Work, carry_out

# A message that Redis holds for longer than its visibility timeout is delivered again, so a long
# wait is made of short ones.
LONGEST_COUNTDOWN = 300


class SyncFailedError(ZohoError):
    """The run failed, or a person stopped it; the message is its own. `run` tells the rest."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(run.in_words())
        self.run = run


class SyncAlreadyActiveError(ZohoError):
    """A sync of these records is active already; `run` is that one."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(f"The sync {run} is active already.")
        self.run = run


def request_run(
    model: Any,
    trigger: SyncRun.Trigger,
    *,
    mode: SyncRun.Mode = SyncRun.Mode.FULL,
    zoho_ids: Iterable[str] = (),
    **fields: Any,
) -> tuple[SyncRun, bool]:
    """A queued run of the mirror in `model`, or the one that is active: (run, is it new).

    The records of `zoho_ids` are asked for in the selected mode. `fields` are the run's own: user,
    dry_run, origin.
    """
    return SyncRun.request(
        model._meta.label_lower,
        mode=mode,
        trigger=trigger,
        zoho_ids=zoho_ids,
        task_name=model.SYNC_TASK,
        **fields,
    )


def run_here(
    model: Any,
    work: Work,
    zoho_ids: Sequence[str] = (),
    *,
    mode: SyncRun.Mode = SyncRun.Mode.FULL,
    dry_run: bool = False,
    on_start: Callable[[SyncRun], None] = lambda run: None,
    on_wait: Callable[[SyncRun], None] = lambda run: None,
) -> dict[str, Any]:
    """Do a whole run in this process, waits included; returns the stats object.

    `on_wait` is told before each wait. Raises SyncAlreadyActiveError, or SyncFailedError with the
    reason.
    """
    if zoho_ids:
        mode = SyncRun.Mode.SELECTED
    command = SyncRun.Trigger.COMMAND
    run, is_new = request_run(model, command, mode=mode, dry_run=dry_run, zoho_ids=zoho_ids)
    if not is_new:
        alike = SyncRun.objects.filter(pk=run.pk, mode=mode, dry_run=dry_run)
        # It was cut off and nobody took it up: where only this function runs, nobody will.
        if zoho_ids or not (alike & SyncRun.forsaken()).exists():
            raise SyncAlreadyActiveError(run)
    on_start(run)
    while True:
        run = carry_out(run, work)
        if run.state != SyncRun.State.WAITING:
            break
        on_wait(run)
        pause = (run.resume_at or timezone.now()) - timezone.now()
        time.sleep(max(0.0, pause.total_seconds()))
    if run.state not in SyncRun.COMPLETE:
        raise SyncFailedError(run)
    return run.stats()


def run_task(task: Task, model: Any, work: Work, run_id: int | None, mode: str) -> dict[str, Any]:
    """Carry the run `run_id` in a Celery task; without one (the schedule), ask for a new one first.

    Returns the stats object. A run that waits is taken up again by a retry of the task: up to three
    for trouble that may pass, as many as it takes for Zoho's limits. The run's row counts them, so
    a retry that is lost or comes twice does no harm.
    """
    if run_id is not None:
        run = SyncRun.objects.get(pk=run_id)
    elif (known := SyncRun.objects.filter(task_id=task.request.id).first()) is not None:
        run = known  # the schedule's message has come twice
    else:
        run, is_new = request_run(
            model, SyncRun.Trigger.SCHEDULE, mode=SyncRun.Mode(mode), task_id=task.request.id
        )
        if not is_new:
            return run.stats()
    run = carry_out(run, work)
    if run.state == SyncRun.State.WAITING and not task.request.is_eager:
        seconds = ((run.resume_at or timezone.now()) - timezone.now()).total_seconds()
        raise task.retry(
            kwargs={"run_id": run.pk},
            countdown=min(max(seconds, 0.1), LONGEST_COUNTDOWN),
            max_retries=None,
            expires=None,  # a message that woke a forsaken run has an end; this one must not
        )
    if run.state == SyncRun.State.FAILED:
        raise SyncFailedError(run)
    return run.stats()
