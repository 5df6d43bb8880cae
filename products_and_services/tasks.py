"""Celery's way in."""

from typing import Any

from celery import Task, shared_task
from django.utils import timezone

from products_and_services.services import SyncFailed, request_run, sync_products
from sync.models import SyncRun
from sync.runner import carry_out

# A message that Redis holds for longer than its visibility timeout is delivered again, so a long
# wait is made of short ones.
LONGEST_COUNTDOWN = 300


@shared_task(bind=True, max_retries=3, default_retry_delay=60)
def task_sync_zoho_products(
    self: Task, run_id: int | None = None, mode: str = SyncRun.Mode.FULL
) -> dict[str, Any]:
    """Carry the run `run_id`; without one (the schedule), ask for a new run of `mode` first.

    Returns the stats object. A run that waits is taken up again by a retry of this task: up to
    three for trouble that may pass (60 s apart), as many as it takes for Zoho's limits. The run's
    row counts them, so a retry that is lost or comes twice does no harm.
    """
    if run_id is None:
        run, is_new = request_run(
            SyncRun.Trigger.SCHEDULE, mode=SyncRun.Mode(mode), task_id=self.request.id
        )
        if not is_new:
            return run.stats()
    else:
        run = SyncRun.objects.get(pk=run_id)
    run = carry_out(run, sync_products)
    if run.state == SyncRun.State.WAITING and not self.request.is_eager:
        seconds = ((run.resume_at or timezone.now()) - timezone.now()).total_seconds()
        raise self.retry(
            kwargs={"run_id": run.pk},
            countdown=min(max(seconds, 0.1), LONGEST_COUNTDOWN),
            max_retries=None,
            expires=None,  # a message that woke a forsaken run has an end; this one must not
        )
    if run.state == SyncRun.State.FAILED:
        raise SyncFailed(run)
    return run.stats()
