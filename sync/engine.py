"""Make a mirror hold what Zoho holds.

Each page is read, compared, and saved in one short transaction together with the run's counts, its
history and its checkpoint: a run that is cut off anywhere keeps what it saved and goes on with the
next page. A dry run takes the same path and leaves out the writing.
"""

import datetime as dt
from collections.abc import Collection

import structlog
from django.conf import settings
from django.db import transaction

from sync.mirror import Mirror, Source
from sync.models import Change, FailedRecord, SyncRun
from sync.models.runs import BY_ID_PORTION
from sync.saving import save
from sync.unlisted import note_unlisted

log = structlog.get_logger(__name__)

# The changed mode asks again for the last minutes it knows: Zoho's times have whole seconds, its
# clock and ours differ, and what comes twice does no harm.
OVERLAP = dt.timedelta(minutes=5)


def sync(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Do what the run's mode says; count the calls however it ends."""
    modes = {
        SyncRun.Mode.FULL: sync_all,
        SyncRun.Mode.CHANGED: sync_changed,
        SyncRun.Mode.SELECTED: sync_selected,
    }
    run.has_open_failures = FailedRecord.any_open(run.kind)
    try:
        modes[SyncRun.Mode(run.mode)](run, mirror, source)
    finally:
        run.calls += source.take_calls()
        source.close()


def sync_all(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Read every page, then retire what Zoho no longer has.

    Records Zoho stopped listing are retired, never deleted, and only after the last page.
    """
    if not run.swept:
        last = run.page_rows.filter(number=run.pages).first()
        previous = frozenset(last.zoho_ids if last else ())
        for page in source.pages(run.pages + 1, run.expected):
            # Rows moved while we paged and this one came again: it is saved and counted already.
            records = [record for record in page.records if record.zoho_id not in previous]
            listed = frozenset(record.zoho_id for record in page.records if record.zoho_id)
            save(run, mirror, records, source.take_calls(), page=page.number, listed=listed)
            log.info("Fetched %s items", len(page.records), run=run.pk, page=page.number)
            previous = listed
        with transaction.atomic():
            run.note(swept=True, to_confirm=note_unlisted(run, mirror))
            many = f"{run.to_confirm:,} of those known here were"
            missing = many if run.to_confirm else "nothing known here was"
            run.tell(f"Read all pages, {run.pages:,}; {missing} missing from them.")
    retire_unlisted(run, mirror, source)
    if not run.dry_run:
        FailedRecord.close_unseen(run)
        settle_older(run)


def sync_changed(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Read what was modified since the newest modification the mirror is known to hold.

    Cheap, and blind for what Zoho does not call a modification: deletions and stock movements.
    """
    if run.since is None:
        run.note(since=known_until(run, mirror) - OVERLAP)
    assert run.since is not None
    for page in source.changed(run.since, run.pages + 1):
        plan = save(run, mirror, page.records, source.take_calls(), page=page.number)
        log.info("Fetched %s changed items", len(page.records), run=run.pk, page=page.number)
        if not plan.changed and page.newest and page.newest <= run.since + OVERLAP:
            # Only what is asked for again to be safe, and all of it known. After an import of
            # thousands in one minute, every hour would otherwise read them all once more.
            break
    for zoho_ids in source.gone(run.since):
        # Looked up once more each: what was deleted may have been restored since.
        known = mirror.model._default_manager.filter(
            **{f"{mirror.key}__in": zoho_ids}, retired_at=None
        )
        if gone := list(known.values_list(mirror.key, flat=True)):
            check_by_id(run, mirror, source, gone)


def known_until(run: SyncRun, mirror: Mirror) -> dt.datetime:
    """The moment up to which every modification in Zoho is known to be in the mirror.

    The newest one seen; but while a run reads for an hour, the page it read first may be modified
    before the page it reads last, so nothing after the last complete run's start counts.
    """
    last = SyncRun.last_complete(run.kind, SyncRun.Mode.FULL, SyncRun.Mode.CHANGED)
    started = (last.started_at if last else None) or run.created_at
    rows = mirror.model._default_manager.filter(
        **{"retired_at": None, f"{mirror.modified}__isnull": False}
    )
    seen = rows.order_by(f"-{mirror.modified}").values_list(mirror.modified, flat=True).first()
    return min(seen, started) if seen else started


def sync_selected(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Read the records the run was asked for, and no others; retire those that are gone."""
    for portion in run.page_rows.filter(number__gt=run.pages).order_by("number").iterator():
        check_by_id(run, mirror, source, portion.zoho_ids, page=portion.number)


def retire_unlisted(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Retire the records that no page of this run listed, after asking for each by its id.

    Absence from the list is not proof: a deletion while we paged moves every later row up, and
    the one that crossed a page boundary is listed nowhere. When too many are absent at once, not
    even that is done: a wrong organisation or a lost permission looks the same. A person decides.
    """
    unlisted = run.changes.filter(action=Change.Action.UNLISTED).order_by("id")
    if too_many(run, run.to_confirm):
        log.warning("Too many records are gone at once", run=run.pk, unlisted=run.to_confirm)
        return
    run.note(to_confirm=0)
    while rows := list(unlisted[:BY_ID_PORTION]):
        check_by_id(run, mirror, source, [row.zoho_id for row in rows], done=rows)


def too_many(run: SyncRun, unlisted: int) -> bool:
    """Whether retiring this many would be a shrink that no machine should decide on."""
    known = run.unchanged + run.updated - run.revived + unlisted
    share = settings.SYNC_SHRINK_PERCENT * known / 100
    return unlisted > settings.SYNC_SHRINK_ITEMS and unlisted > share


def check_by_id(
    run: SyncRun,
    mirror: Mirror,
    source: Source,
    zoho_ids: list[str],
    *,
    page: int | None = None,
    done: Collection[Change] = (),
) -> None:
    """Save those of the records that Zoho still has and retire the others; `done` with it."""
    records = source.by_id(zoho_ids)
    answered = {record.zoho_id for record in records}
    gone = [zoho_id for zoho_id in zoho_ids if zoho_id not in answered]
    calls = source.take_calls()
    save(run, mirror, records, calls, page=page, partial=True, gone=gone, done=done)


def settle_older(run: SyncRun) -> None:
    """What an earlier run wanted confirmed has been looked at anew."""
    older = SyncRun.objects.filter(kind=run.kind, state=SyncRun.State.UNCONFIRMED, pk__lt=run.pk)
    for unconfirmed in older:
        unconfirmed.settle(f"Nobody decided; run #{run.pk} has looked at it anew.")
