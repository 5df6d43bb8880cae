"""The error ledger: which records cannot be mirrored, and why."""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from integrations.zoho.errors import BadRecord
from integrations.zoho.records import Record
from sync.models.runs import SyncRun
from sync.visibility import RowsAboutRecords

MOST_GROUPS = 50


@dataclass(frozen=True)
class Failure:
    """A record that was read and could not be mirrored. `zoho_id` is "" when it has none, `field`
    when it is no single field's fault. Of what the record says, nothing is kept."""

    key: str
    zoho_id: str
    reason: str
    remedy: str
    field: str = ""
    place: str = ""  # of a record without an id: by which it can be found in what Zoho sent

    @classmethod
    def of(cls, record: Record, error: BadRecord) -> "Failure":
        """That `error` came of reading `record`. One without an id is known by its contents."""
        zoho_id = (error.zoho_id or record.zoho_id)[:100]
        return cls(zoho_id or key_of(record), zoho_id, error.message, error.remedy, error.field)

    def message(self) -> str:
        return f"{self.reason} It is {self.place}." if self.place else self.reason


def key_of(record: Record) -> str:
    """A record without an id is known by its contents."""
    return f"no id {hashlib.sha256(record.said).hexdigest()[:32]}"


def placed(
    failures: Iterable[Failure], records: Iterable[Record], page: int | None
) -> list[Failure]:
    """These failures, those without an id with the place of their record among `records`."""
    failures = list(failures)
    if all(failure.zoho_id for failure in failures):
        return failures
    of_page = f" of page {page:,}" if page else ""
    rows = {key_of(record): n for n, record in enumerate(records, 1) if not record.zoho_id}
    return [
        replace(failure, place=f"row {rows[failure.key]:,}{of_page}")
        if failure.key in rows and not failure.zoho_id
        else failure
        for failure in failures
    ]


class FailedRecords(RowsAboutRecords):
    def groups(self) -> list[dict[str, Any]]:
        """The open rows by what is wrong, the commonest first: {"reason", "remedy", "records",
        "with_id"}, of which the last can be fetched alone."""
        rows = self.filter(closed_at=None).order_by()
        groups = rows.values("reason", "remedy").annotate(
            records=models.Count("id"), with_id=models.Count("id", filter=~Q(zoho_id=""))
        )
        return list(groups.order_by("-records", "reason")[:MOST_GROUPS])


class FailedRecord(models.Model):
    """One record that fails; its row is closed when it is next mirrored, or gone from Zoho."""

    KIND = "kind"

    kind = models.CharField(max_length=100)
    key = models.CharField(max_length=100, editable=False)
    zoho_id = models.CharField("Zoho ID", max_length=100, blank=True)
    reason = models.TextField()
    remedy = models.TextField("what to do", blank=True, default="")
    field = models.CharField("Zoho's field", max_length=255, blank=True, default="")
    place = models.CharField(max_length=60, blank=True, default="")
    tries = models.PositiveIntegerField(default=1)
    first_failed_at = models.DateTimeField("first failed", default=timezone.now)
    last_failed_at = models.DateTimeField("last failed", default=timezone.now)
    closed_at = models.DateTimeField("mended", null=True, blank=True)
    run = models.ForeignKey(
        SyncRun, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name="last run"
    )

    objects = FailedRecords.as_manager()

    class Meta:
        verbose_name = "failed record"
        permissions = [
            ("mend_zoho_data", "Can mend: try failed records again, decide on retirements")
        ]
        ordering = ["-last_failed_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "key"], name="one_row_per_failing_record"),
        ]
        indexes = [
            models.Index(
                fields=["kind", "key"], condition=Q(closed_at=None), name="failed_record_open"
            ),
            models.Index(fields=["-last_failed_at", "-id"], name="failed_record_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.zoho_id or self.whereabouts()}: {self.reason}"

    def whereabouts(self) -> str:
        """What to call one that has no ID."""
        return f"Without an ID ({self.place})" if self.place else "Without an ID"

    @classmethod
    def record(cls, run: SyncRun, failures: Collection[Failure]) -> None:
        """Open a row for each, or count one try more on the row it has.

        Only one run of a kind is active, so that reading first and writing then is safe.
        """
        now = timezone.now()
        by_key = {failure.key: failure for failure in failures}
        known = {row.key: row for row in FailedRecord.objects.filter(kind=run.kind, key__in=by_key)}
        rows = []
        for key, failure in by_key.items():
            row = known.get(key) or FailedRecord(kind=run.kind, key=key, tries=0)
            if row.closed_at is not None:
                row.tries, row.first_failed_at = 0, now
            row.zoho_id = failure.zoho_id
            row.reason, row.remedy = failure.reason, failure.remedy
            row.field, row.place = failure.field[:255], failure.place
            row.tries += 1
            row.last_failed_at, row.closed_at, row.run = now, None, run
            row.pk = None
            rows.append(row)
        FailedRecord.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["kind", "key"],
            update_fields=[
                "zoho_id",
                "reason",
                "remedy",
                "field",
                "place",
                "tries",
                "first_failed_at",
                "last_failed_at",
                "closed_at",
                "run",
            ],
        )

    @classmethod
    def any_open(cls, kind: str) -> bool:
        return cls.objects.filter(kind=kind, closed_at=None).exists()

    @classmethod
    def close(cls, kind: str, zoho_ids: Iterable[str]) -> None:
        """These were mirrored, or are gone from Zoho."""
        cls.objects.filter(kind=kind, key__in=list(zoho_ids), closed_at=None).update(
            closed_at=timezone.now()
        )

    @classmethod
    def close_unseen(cls, run: SyncRun) -> None:
        """A full run has read everything: what did not fail in it fails no longer."""
        cls.objects.filter(kind=run.kind, closed_at=None).exclude(run=run).update(
            closed_at=timezone.now()
        )

    @classmethod
    def prune(cls) -> int:
        """Forget what was closed before the last SYNC_HISTORY_DAYS; how many rows those were."""
        before = timezone.now() - dt.timedelta(days=settings.SYNC_HISTORY_DAYS)
        return cls.objects.filter(closed_at__lt=before).delete()[0]
