"""One transaction for one page: the rows that differ, their history, the counts, the checkpoint."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import structlog
from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from integrations.zoho.records import Record
from sync.mirror import Fields, Mirror
from sync.models import Change, FailedRecord, SyncRun
from sync.models.changes import Note, as_text
from sync.models.failures import Failure, placed
from sync.plan import Plan, make_plan
from sync.reading import IN_THE_LOG, Reading
from sync.rows import commit_without_waiting, insert, on_conflict_update, select

log = structlog.get_logger(__name__)

Action = Change.Action
NOW = object()
OF_THE_SYNC = ("retired_at", "synced_at", "fingerprint")


def save(
    run: SyncRun,
    mirror: Mirror,
    records: Sequence[Record],
    calls: int,
    *,
    page: int | None = None,
    listed: Iterable[str] = (),
    partial: bool = False,
    absent: Collection[str] = (),
    gone: Collection[str] = (),
    done: Collection[Change] = (),
) -> Plan:
    """Save what was read, retire what is `gone`, and count it: all or nothing. What was done.
    Records that are `absent` are noted, to be retired later.

    `calls` were made for it. `page` with the ids it `listed` is the checkpoint. `partial` records
    have another form than those of lists, and so no fingerprint. `done` are rows of Change that
    are dealt with by this. When the database refuses the records together, they are saved one by
    one, and those it refuses are failures. Raises LeaseLostError.
    """
    write = write_together
    while True:
        try:
            with transaction.atomic():
                commit_without_waiting()
                found = compare(mirror, records, partial, run.started_at)
                refused = [] if run.dry_run else write(mirror, found)
                plan = found.plan.without({failure.zoho_id for failure in refused})
                failures = placed([*found.failures, *refused], records, page)
                retired = retire(run, mirror, gone) if gone else []
                notes = [
                    *differences(mirror, plan, found),
                    *(Note(Action.RETIRED, key, mirror.label, name) for key, name in retired),
                    *note_absent(run, mirror, absent),
                    *(Note(Action.FAILED, f.zoho_id, after=f.message()) for f in failures),
                ]
                Change.record(run, notes)
                if not run.dry_run:
                    keep_ledger(run, failures, records, [*gone, *absent])
                if done:
                    Change.objects.filter(pk__in=[row.pk for row in done]).delete()
                run.advance(
                    plan,
                    failed=len(failures),
                    retired=len(retired),
                    calls=calls,
                    page=page,
                    listed=listed,
                )
            return plan
        except (IntegrityError, DataError):
            if write is write_one_by_one:
                raise
            log.warning("A page was refused by the database; saving it record by record")
            run.refresh_from_db()
            write = write_one_by_one


@dataclass
class Found:
    """What some records say and what is stored of them, by Zoho id.

    `fingerprints` are those of the records that have one to be stored. `stale` are unchanged in
    all that is mirrored, but not in what else the record says: {id: when last synced}.
    """

    plan: Plan
    remote: Mapping[str, Fields]
    local: Mapping[str, Fields]
    failures: list[Failure]
    fingerprints: Mapping[str, int | None]
    stale: Mapping[str, Any]
    records: Mapping[str, Record]


def compare(
    mirror: Mirror, records: Sequence[Record], partial: bool, began: dt.datetime | None = None
) -> Found:
    """Read and compare these records; those whose fingerprint is the stored one are not even
    parsed. `began` is when the run did that has read them."""
    by_id = {record.zoho_id: record for record in records}
    fingerprints: dict[str, int | None] = {}
    if not partial:
        fingerprints = {key: record.fingerprint(mirror.version) for key, record in by_id.items()}
    marks = (mirror.key, "retired_at", "fingerprint")
    known = {key: row for key, *row in select(mirror.model, marks, mirror.key, by_id)}
    same = {
        key
        for key, (retired_at, fingerprint) in known.items()
        if retired_at is None and fingerprint is not None and fingerprint == fingerprints.get(key)
    }
    reading = Reading.of(mirror, [record for record in records if record.zoho_id not in same])
    remote: Mapping[str, Fields] = reading.remote
    to_read = [key for key in remote if key in known]
    local: dict[str, Fields] = {}
    synced: dict[str, Any] = {}
    if to_read:
        columns = (mirror.key, "synced_at", *mirror.fields)
        for key, synced_at, *fields in select(mirror.model, columns, mirror.key, to_read):
            local[key], synced[key] = tuple(fields), synced_at
    remote = {key: mirror.complete(fields, local.get(key)) for key, fields in remote.items()}
    older = {
        key
        for key, fields in remote.items()
        if began and key in local and synced[key] > began and mirror.is_older(fields, local[key])
    }
    # A run that wrote to Zoho has read these back since this one asked for its page.
    remote = {key: local[key] if key in older else fields for key, fields in remote.items()}
    plan = make_plan(remote, local, {key for key in local if known[key][0] is not None})
    stale = {
        key: synced[key]
        for key in plan.unchanged
        if fingerprints.get(key) is not None and key not in older
    }
    plan.unchanged.extend(same)
    return Found(plan, remote, local, reading.failures, fingerprints, stale, by_id)


def differences(mirror: Mirror, plan: Plan, found: Found) -> Iterator[Note]:
    """What the plan changes, a note for each record created or revived and each field updated."""
    label = itemgetter(mirror.fields.index(mirror.label))
    for key in plan.create:
        yield Note(Action.CREATED, key, mirror.label, None, label(found.remote[key]))
    for key in plan.revive:
        yield Note(Action.REVIVED, key, mirror.label, None, label(found.remote[key]))
    for key in plan.update:
        values = zip(mirror.fields, found.local[key], found.remote[key], strict=True)
        for name, before, after in values:
            if before == after:
                continue
            if isinstance(before, dict) and isinstance(after, dict):
                for part in sorted(before.keys() | after.keys()):
                    was, becomes = before.get(part), after.get(part)
                    if was != becomes:
                        yield Note(Action.UPDATED, key, part, as_text(was), as_text(becomes))
            else:
                yield Note(Action.UPDATED, key, name, as_text(before), as_text(after))


def write_together(mirror: Mirror, found: Found) -> list[Failure]:
    """One statement for the whole page; an upsert, so that no race can make duplicates."""
    upsert(mirror, found, [*found.plan.changed, *found.stale])
    return []


def write_one_by_one(mirror: Mirror, found: Found) -> list[Failure]:
    """Save what can be saved; the records that the database refuses."""
    refused = []
    for key in found.plan.changed:
        try:
            with transaction.atomic():
                upsert(mirror, found, [key])
        except (IntegrityError, DataError) as error:
            diagnosis = getattr(error.__cause__, "diag", None)
            log.warning(
                "The database refused a record",
                zoho_id=key,
                error=type(error).__name__,
                constraint=getattr(diagnosis, "constraint_name", None),
            )
            reason = f"The database refused this record ({type(error).__name__})."
            refused.append(Failure(key, key, reason, IN_THE_LOG))
    return refused


def upsert(mirror: Mirror, found: Found, keys: Sequence[str]) -> None:
    """Create or update these; what staff own is filled when a record is first seen, then left.

    A stale record gets nothing but its new fingerprint, and keeps the moment it was last synced.
    """
    if not keys:
        return
    now = timezone.now()
    first_seen = [mirror.first_seen(found.remote[key]) for key in keys]
    ours = tuple(first_seen[0])
    defaults = other_columns(mirror, ours)
    begin = tuple(now if value is NOW else value for value in defaults.values())
    insert(
        mirror.model,
        (mirror.key, *mirror.fields, *ours, *OF_THE_SYNC, *defaults),
        [
            (
                key,
                *found.remote[key],
                *filled.values(),
                None,
                found.stale.get(key, now),
                found.fingerprints.get(key),
                *begin,
            )
            for key, filled in zip(keys, first_seen, strict=True)
        ],
        on_conflict_update(mirror.model, mirror.key, (*mirror.fields, *OF_THE_SYNC)),
    )


@lru_cache
def other_columns(mirror: Mirror, ours: tuple[str, ...]) -> Mapping[str, Any]:
    """The columns that neither Zoho nor `ours` fills in a new row, with what they begin as."""
    known = {mirror.key, *mirror.fields, *ours, *OF_THE_SYNC}
    return {
        column.name: NOW if getattr(column, "auto_now_add", False) else column.get_default()
        for column in mirror.model._meta.concrete_fields
        if not (column.primary_key or column.generated or column.name in known)
    }


def note_absent(run: SyncRun, mirror: Mirror, zoho_ids: Collection[str]) -> list[Note]:
    """A note for each that is not retired here and was not noted before: a list of deleted
    records may be read again after an interruption."""
    if not zoho_ids:
        return []
    rows = mirror.model._default_manager.filter(
        **{f"{mirror.key}__in": list(zoho_ids)}, retired_at=None
    )
    noted = run.changes.filter(action=Action.UNLISTED, zoho_id__in=list(zoho_ids))
    known = set(noted.values_list("zoho_id", flat=True))
    return [
        Note(Action.UNLISTED, key, mirror.label, name)
        for key, name in rows.values_list(mirror.key, mirror.label)
        if key not in known
    ]


def retire(run: SyncRun, mirror: Mirror, zoho_ids: Collection[str]) -> list[tuple[str, str]]:
    """Mark as retired those that are not yet: their ids and labels."""
    rows = mirror.model._default_manager.filter(
        **{f"{mirror.key}__in": list(zoho_ids)}, retired_at=None
    )
    retired = list(rows.values_list(mirror.key, mirror.label))
    if retired and not run.dry_run:
        rows.update(retired_at=timezone.now(), synced_at=timezone.now())
    return retired


def keep_ledger(
    run: SyncRun, failures: Collection[Failure], records: Sequence[Record], gone: Iterable[str]
) -> None:
    """Open rows for what failed, close those of what did not."""
    if run.has_open_failures:
        failed = {failure.key for failure in failures}
        ids = (*(record.zoho_id for record in records), *gone)
        FailedRecord.close(run.kind, (key for key in ids if key not in failed))
    if failures:
        FailedRecord.record(run, failures)
        run.has_open_failures = True
