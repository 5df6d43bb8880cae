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
from django.db.models import F

from integrations.zoho.errors import ZohoAPIError
from integrations.zoho.records import Page
from sync.mirror import Mirror, Source
from sync.models import Change, FailedRecord, SyncRun
from sync.models.runs import BY_ID_PORTION
from sync.saving import save
from sync.unlisted import note_unlisted

log = structlog.get_logger(__name__)

# The changed mode asks again for the last minutes it knows: Zoho's times have whole seconds, its
# clock and ours differ, and what comes twice does no harm.
OVERLAP = dt.timedelta(minutes=5)
# A list may have grown by an import since it was last read in full, but not without end.
MAX_GROWTH, ALWAYS_PLAUSIBLE = 5, 50_000


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
        for page in source.pages(run.pages + 1, run.expected, previous):
            # Rows moved while we paged and this one came again: it is saved and counted already.
            records = [record for record in page.records if record.zoho_id not in previous]
            listed = frozenset(record.zoho_id for record in page.records if record.zoho_id)
            save(run, mirror, records, source.take_calls(), page=page.number, listed=listed)
            log.info("Fetched %s items", len(page.records), run=run.pk, page=page.number)
            previous = listed
            note_clock(run, source)
            check_bound(run, mirror, page, run.expected)
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
    last = SyncRun.last_complete(run.kind, SyncRun.Mode.FULL)
    for page in source.changed(run.since, run.pages + 1):
        plan = save(run, mirror, page.records, source.take_calls(), page=page.number)
        log.info("Fetched %s changed items", len(page.records), run=run.pk, page=page.number)
        note_clock(run, source)
        check_bound(run, mirror, page, last.total if last else 0)
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
    retire_noted(run, mirror)


def note_clock(run: SyncRun, source: Source) -> None:
    """Remember how Zoho's clock differs from ours, as the run found it first."""
    if run.zoho_clock is None and (clock := source.clock()) is not None:
        run.note(zoho_clock=clock)


def check_bound(run: SyncRun, mirror: Mirror, page: Page, expected: int) -> None:
    """Stop a list that does not end, by what the run has read in all its attempts.

    Raises ZohoAPIError when that is far more than a full run has ever found.
    """
    if not expected or not page.has_more or run.total <= MAX_GROWTH * expected + ALWAYS_PLAUSIBLE:
        return
    rows = mirror.model._default_manager.filter(retired_at=None, created_at__lt=run.created_at)
    expected = max(expected, rows.count())  # also those of a run that was stopped here before
    if run.total > MAX_GROWTH * expected + ALWAYS_PLAUSIBLE:
        raise ZohoAPIError(
            f"Zoho's list does not end: {run.total:,} records were read, and earlier syncs "
            f"found {expected:,} at most. What was read is kept; nothing was retired."
        )


def known_until(run: SyncRun, mirror: Mirror) -> dt.datetime:
    """The moment up to which every modification in Zoho is known to be in the mirror.

    The newest one seen; but while a run reads for an hour, the page it read first may be modified
    before the page it reads last, so nothing after the last complete run's start counts.
    """
    last = SyncRun.last_complete(run.kind, SyncRun.Mode.FULL, SyncRun.Mode.CHANGED)
    started = (last.started_at if last else None) or run.created_at
    # By Zoho's clock: after ours was ahead, what was modified meanwhile would never be asked for.
    started += dt.timedelta(seconds=(last.zoho_clock if last else None) or 0)
    rows = mirror.model._default_manager.filter(
        **{"retired_at": None, f"{mirror.modified}__isnull": False}
    )
    seen = rows.order_by(f"-{mirror.modified}").values_list(mirror.modified, flat=True).first()
    return min(seen, started) if seen else started


def sync_selected(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Read the records the run was asked for, and no others; retire those that are gone."""
    while portion := run.page_rows.filter(number__gt=run.pages).order_by("number").first():
        check_by_id(run, mirror, source, portion.zoho_ids, page=portion.number)
    retire_noted(run, mirror)


def retire_unlisted(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Retire the records that no page of this run listed, after asking for each by its id.

    Absence from the list is not proof: a deletion while we paged moves every later row up, and
    the one that crossed a page boundary is listed nowhere. When too many are absent at once, not
    even that is done: a wrong organisation or a lost permission looks the same. A person decides.
    """
    unlisted = run.changes.filter(action=Change.Action.UNLISTED).order_by("id")
    if too_many(run, mirror, run.to_confirm):
        log.warning("Too many records are gone at once", run=run.pk, unlisted=run.to_confirm)
        return
    run.note(to_confirm=0)
    while rows := list(unlisted[:BY_ID_PORTION]):
        looked = source.by_id([row.zoho_id for row in rows], living(run, mirror))
        calls = source.take_calls()
        save(run, mirror, looked.records, calls, partial=True, gone=looked.gone, done=rows)


def retire_noted(run: SyncRun, mirror: Mirror) -> None:
    """Retire what `check_by_id` has found to be gone, unless that is too much at once."""
    noted = run.changes.filter(action=Change.Action.UNLISTED).order_by("id")
    gone = noted.count()
    if too_many(run, mirror, gone) and not confirmed(run):
        log.warning("Too many records are gone at once", run=run.pk, gone=gone)
        run.note(to_confirm=gone)
        return
    while rows := list(noted[:BY_ID_PORTION]):
        save(run, mirror, [], 0, gone=[row.zoho_id for row in rows], done=rows)


def confirmed(run: SyncRun) -> bool:
    """Whether a person has confirmed that the records of this run are to be retired if they are
    gone."""
    asked = run.origin
    return asked is not None and not asked.dry_run and asked.to_confirm > 0


def too_many(run: SyncRun, mirror: Mirror, gone: int) -> bool:
    """Whether retiring this many would be a shrink that no machine should decide on."""
    if gone <= settings.SYNC_SHRINK_ITEMS:
        return False
    if run.mode == SyncRun.Mode.FULL:
        known = run.unchanged + run.updated - run.revived + gone
    else:
        known = mirror.model._default_manager.filter(retired_at=None).count()
    return gone > settings.SYNC_SHRINK_PERCENT * known / 100


def living(run: SyncRun, mirror: Mirror, but: Collection[str] = ()) -> list[str]:
    """Ids of two records that exist in Zoho, as far as is known: those that this run has listed,
    else those that Zoho has modified last."""
    if last := run.page_rows.filter(number=run.pages).first():
        listed = [zoho_id for zoho_id in last.zoho_ids if zoho_id and zoho_id not in but]
        if run.mode == SyncRun.Mode.FULL and len(listed) > 1:
            return [listed[0], listed[-1]]
    rows = mirror.model._default_manager.filter(retired_at=None).exclude(**{mirror.key: None})
    newest = rows.order_by(F(mirror.modified).desc(nulls_last=True))
    ids = newest.values_list(mirror.key, flat=True)[: len(but) + 2]
    return [zoho_id for zoho_id in ids if zoho_id not in but][:2]


def check_by_id(
    run: SyncRun,
    mirror: Mirror,
    source: Source,
    zoho_ids: list[str],
    *,
    page: int | None = None,
) -> None:
    """Save those of the records that Zoho still has, and note the others, which `retire_noted`
    retires when all have been looked up."""
    looked = source.by_id(zoho_ids, living(run, mirror, zoho_ids))
    calls = source.take_calls()
    save(run, mirror, looked.records, calls, page=page, partial=True, absent=looked.gone)


def settle_older(run: SyncRun) -> None:
    """What an earlier run wanted confirmed has been looked at anew."""
    older = SyncRun.objects.filter(kind=run.kind, state=SyncRun.State.UNCONFIRMED, pk__lt=run.pk)
    for unconfirmed in older:
        unconfirmed.settle(f"Nobody decided; run #{run.pk} has looked at it anew.")
