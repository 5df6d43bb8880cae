"""What a person decides about a run: to apply it, to confirm or dismiss it, to do it again, to
try its failed records again.

Each answer is (run, is it new): the run that carries the decision out, or the one that is active
and has to end first, in which case nothing was decided.
"""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from integrations.models import AuditEvent
from sync.models import Change, FailedRecord, SyncRun

Requested = tuple[SyncRun, bool]


def apply(dry_run: SyncRun, user: Any) -> Requested:
    """Run for real what `dry_run` only tried. What it finds then is what is written."""
    return _request(
        dry_run,
        user,
        mode=dry_run.mode,
        since=dry_run.since,
        # Of selected records, those that would have changed: the others were as they are.
        zoho_ids=dry_run.changes.exclude(action=Change.Action.UNLISTED)
        .order_by("zoho_id")
        .values_list("zoho_id", flat=True)
        .distinct()
        .iterator(),
    )


def again(run: SyncRun, user: Any) -> Requested:
    """The same once more: what is asked for anew is asked as of now."""
    return _request(run, user, mode=run.mode, dry_run=run.dry_run, origin=None)


def confirm(run: SyncRun, user: Any) -> Requested | None:
    """Retire what `run` did not dare to; each record is looked up at Zoho once more before. None
    when somebody has decided otherwise just now."""
    unlisted = run.changes.filter(action=Change.Action.UNLISTED).order_by("id")
    with transaction.atomic():
        retiring, is_new = _request(
            run,
            user,
            mode=SyncRun.Mode.SELECTED,
            zoho_ids=unlisted.values_list("zoho_id", flat=True).iterator(),
        )
        confirmed = f"Confirmed by {user.get_username()}; see run #{retiring.pk}."
        if is_new and not run.settle(confirmed):
            transaction.set_rollback(True)
            return None
        if is_new:
            _record(AuditEvent.Action.RETIREMENTS_CONFIRMED, run, user)
    return retiring, is_new


def dismiss(run: SyncRun, user: Any) -> bool:
    """Retire nothing. The next full run looks again, and asks again if need be."""
    with transaction.atomic():
        settled = run.settle(f"Dismissed by {user.get_username()}: nothing was retired.")
        if settled:
            _record(AuditEvent.Action.RETIREMENTS_DISMISSED, run, user)
    return settled


def _record(action: AuditEvent.Action, run: SyncRun, user: Any) -> None:
    AuditEvent.record(action, user=user, about=str(run), records=run.to_confirm)


def retry(failures: QuerySet[FailedRecord], user: Any) -> Requested | None:
    """Fetch these records, and only these, once more; None when none of them has an id.

    All are of one kind.
    """
    open_ones = failures.filter(closed_at=None).exclude(zoho_id="").order_by("id")
    first = open_ones.first()
    if first is None:
        return None
    last = SyncRun.objects.filter(kind=first.kind).first()
    assert last is not None  # a failure comes from a run
    ids: Iterable[str] = open_ones.filter(kind=first.kind).values_list("zoho_id", flat=True)
    return _request(last, user, mode=SyncRun.Mode.SELECTED, zoho_ids=ids, origin=None)


def _request(like: SyncRun, user: Any, **fields: Any) -> Requested:
    return SyncRun.request(
        like.kind,
        task_name=like.task_name,
        trigger=SyncRun.Trigger.PERSON,
        user=user,
        **{"origin": like, **fields},
    )
