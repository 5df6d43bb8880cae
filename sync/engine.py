"""Make a mirror hold what Zoho holds.

Each page is read, compared, and saved in one short transaction together with the run's counts and
its checkpoint: a run that is cut off anywhere keeps what it saved and goes on with the next page.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import structlog
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from integrations.zoho.errors import BadRecord
from sync.mirror import Fields, Mirror, Source
from sync.models import SyncPage, SyncRun
from sync.plan import Plan, make_plan

log = structlog.get_logger(__name__)

# Records are asked for by id in portions of this size, each saved before the next is fetched.
BY_ID_PORTION = 50
UNLISTED_PORTION = 1000


def sync(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Do what the run's mode says; count the calls however it ends."""
    try:
        if run.mode == SyncRun.Mode.SELECTED:
            sync_selected(run, mirror, source)
        else:
            sync_all(run, mirror, source)
    finally:
        run.calls += source.take_calls()


def sync_all(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Read every page, then retire what Zoho no longer has.

    Records Zoho stopped listing are retired, never deleted, and only after the last page.
    """
    previous: frozenset[str] = frozenset()
    for page in source.pages(start_page=run.pages + 1):
        remote, bad = read_records(mirror, page.records)
        listed = frozenset(remote) | {error.zoho_id for error in bad if error.zoho_id}
        for key in previous & remote.keys():
            # Rows moved while we paged and this one came again: it is saved and counted already.
            del remote[key]
        save(run, mirror, source, remote, bad, page=page.number, listed=listed)
        log.info("Fetched %s items", len(page.records), run=run.pk, page=page.number)
        previous = listed
    retire_unlisted(run, mirror, source)


def sync_selected(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Read the records named in `run.zoho_ids`, and no others; retire those that are gone."""
    for number, portion in enumerate(portions(run.zoho_ids), start=1):
        if number > run.pages:
            check_by_id(run, mirror, source, portion, page=number)


def retire_unlisted(run: SyncRun, mirror: Mirror, source: Source) -> None:
    """Retire the records that no page of this run listed, after asking for each by its id.

    Absence from the list is not proof: a deletion while we paged moves every later row up, and
    the one that crossed a page boundary is listed nowhere.
    """
    for portion in portions(unlisted(run, mirror)):
        check_by_id(run, mirror, source, portion)


def check_by_id(
    run: SyncRun, mirror: Mirror, source: Source, zoho_ids: list[str], page: int | None = None
) -> None:
    """Save those of the records that Zoho still has and retire the others."""
    records = source.by_id(zoho_ids)
    remote, bad = read_records(mirror, records)
    answered = remote.keys() | {error.zoho_id for error in bad}  # unreadable is not gone
    with transaction.atomic():
        save(run, mirror, source, remote, bad, page=page, partial=True)
        gone = mirror.model._default_manager.filter(
            **{f"{mirror.key}__in": set(zoho_ids) - answered}, retired_at=None
        ).update(retired_at=timezone.now(), synced_at=timezone.now())
        run.count_retired(gone)


def read_records(
    mirror: Mirror, records: Iterable[Any]
) -> tuple[dict[str, Fields], list[BadRecord]]:
    """Zoho's records as {id: mirrored columns}, and those that cannot be read."""
    remote: dict[str, Fields] = {}
    bad: list[BadRecord] = []
    for record in records:
        try:
            fields = mirror.read(record)
        except BadRecord as error:
            log.warning("A record cannot be read", zoho_id=error.zoho_id, reason=error.message)
            bad.append(error)
        else:
            remote[str(record[mirror.record_key])] = fields
    return remote, bad


def save(
    run: SyncRun,
    mirror: Mirror,
    source: Source,
    remote: Mapping[str, Fields],
    bad: list[BadRecord],
    *,
    page: int | None = None,
    listed: Iterable[str] = (),
    partial: bool = False,
) -> None:
    """Write what differs, count it and set the checkpoint, all or nothing.

    `partial`: the records may lack columns that are kept as stored.
    """
    calls = source.take_calls()
    write = write_together
    while True:
        try:
            with transaction.atomic():
                remote, plan = compare(mirror, remote, partial)
                plan, refused = write(mirror, plan, remote)
                run.advance(
                    plan=plan, bad=[*bad, *refused], calls=calls, page=page, zoho_ids=listed
                )
            return
        except (IntegrityError, DataError):
            if write is write_one_by_one:
                raise
            log.warning("A page was refused by the database; saving it record by record")
            run.refresh_from_db()
            write = write_one_by_one


def compare(
    mirror: Mirror, remote: Mapping[str, Fields], partial: bool
) -> tuple[Mapping[str, Fields], Plan]:
    stored = mirror.model._default_manager.filter(**{f"{mirror.key}__in": list(remote)})
    local: dict[str, Fields] = {}
    retired: set[str] = set()
    for row in stored.values_list(mirror.key, "retired_at", *mirror.fields):
        local[row[0]] = row[2:]
        if row[1] is not None:
            retired.add(row[0])
    if partial:
        remote = {
            key: mirror.complete(fields, local[key]) if key in local else fields
            for key, fields in remote.items()
        }
    return remote, make_plan(remote, local, retired)


def write_together(
    mirror: Mirror, plan: Plan, remote: Mapping[str, Fields]
) -> tuple[Plan, list[BadRecord]]:
    """One statement for the whole page; an upsert, so that no race can make duplicates."""
    upsert(mirror, {key: remote[key] for key in plan.changed})
    return plan, []


def write_one_by_one(
    mirror: Mirror, plan: Plan, remote: Mapping[str, Fields]
) -> tuple[Plan, list[BadRecord]]:
    """Find the records the database refuses, and save the others."""
    refused = []
    for key in plan.changed:
        try:
            with transaction.atomic():
                upsert(mirror, {key: remote[key]})
        except (IntegrityError, DataError) as error:
            reason = f"The database refused this record ({type(error).__name__})."
            refused.append(BadRecord(reason, zoho_id=key))
    return plan.without({error.zoho_id for error in refused}), refused


def upsert(mirror: Mirror, records: Mapping[str, Fields]) -> None:
    now = timezone.now()
    mirror.model._default_manager.bulk_create(
        [
            mirror.model(
                **{mirror.key: key},
                **dict(zip(mirror.fields, fields, strict=True)),
                **mirror.first_seen(fields),
                synced_at=now,
            )
            for key, fields in records.items()
        ],
        update_conflicts=True,
        unique_fields=[mirror.key],
        update_fields=[*mirror.fields, "retired_at", "synced_at"],
    )


# The ids that the pages of a run listed, unpacked in the database: a catalogue of any size is
# compared without holding it in memory.
_LISTED_IDS = {
    "postgresql": "SELECT jsonb_array_elements_text(zoho_ids) FROM {pages} WHERE run_id = %s",
    "sqlite": "SELECT listed.value FROM {pages}, json_each(zoho_ids) AS listed WHERE run_id = %s",
}


def unlisted(run: SyncRun, mirror: Mirror) -> Iterator[str]:
    """Zoho ids of the unretired records that no page of this run listed."""
    quote = connection.ops.quote_name
    key = quote(mirror.key)
    table, pages = quote(mirror.model._meta.db_table), quote(SyncPage._meta.db_table)
    sql = (  # the names are our own models'; every value is a parameter
        f"SELECT {key} FROM {table} WHERE retired_at IS NULL AND {key} > %s"  # noqa: S608
        f" EXCEPT {_LISTED_IDS[connection.vendor].format(pages=pages)} ORDER BY 1 LIMIT %s"
    )
    last = ""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, [last, run.pk, UNLISTED_PORTION])
            ids = [row[0] for row in cursor.fetchall()]
        yield from ids
        if len(ids) < UNLISTED_PORTION:
            return
        last = ids[-1]


def portions(ids: Iterable[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    for zoho_id in ids:
        portion.append(zoho_id)
        if len(portion) == BY_ID_PORTION:
            yield portion
            portion = []
    if portion:
        yield portion
