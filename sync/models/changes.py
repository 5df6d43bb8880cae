"""What a run did to each record: the history of the mirror, and the differences of a dry run."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import timezone

from backoffice.exact import digits
from sync.models.events import RunEvent
from sync.models.runs import SyncRun
from sync.rows import insert
from sync.visibility import RowsAboutRecords

PRUNE_PORTION = 10_000


class Note(NamedTuple):
    """One row of Change before it is saved."""

    action: str
    zoho_id: str
    field: str = ""
    before: str | None = None
    after: str | None = None


class Change(models.Model):
    """One thing that one run did to one record; an update has a row for each field.

    Of a dry run, what it would have done. `before` and `after` are the values as text, exact;
    None stands for "none".
    """

    class Action(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        REVIVED = "revived", "Revived"
        RETIRED = "retired", "Retired"
        FAILED = "failed", "Failed"
        # Absent from Zoho's list, and not retired: it waits to be looked up, or to be confirmed.
        UNLISTED = "unlisted", "Not listed"

    KIND = "run__kind"

    # Written by the run itself, so that checking it row by row would only cost: a tenth of a page.
    run = models.ForeignKey(
        SyncRun, on_delete=models.CASCADE, related_name="changes", db_constraint=False
    )
    action = models.CharField("what happened", max_length=10, choices=Action)
    zoho_id = models.CharField("Zoho ID", max_length=100, blank=True)
    field = models.CharField(max_length=100, blank=True, default="")
    before = models.TextField(null=True, blank=True)
    after = models.TextField(null=True, blank=True)

    objects = RowsAboutRecords.as_manager()

    class Meta:
        verbose_name = "change"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["run", "action", "id"], name="change_by_run"),
            models.Index(fields=["zoho_id", "id"], name="change_by_record"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.zoho_id} {self.field}".strip()

    @property
    def kind(self) -> str:
        return self.run.kind

    def field_name(self) -> str:
        """The field as people know it; as the history has it, when a later release dropped it."""
        try:
            column: Any = apps.get_model(self.kind)._meta.get_field(self.field)
        except FieldDoesNotExist:
            return self.field
        return str(column.verbose_name)

    @classmethod
    def record(cls, run: SyncRun, notes: Sequence[Note]) -> None:
        """Save these in one statement."""
        insert(cls, ("run", *Note._fields), [(run.pk, *note) for note in notes])


def prune(model: type[Change | RunEvent]) -> int:
    """Forget the rows of runs that ended before the last SYNC_HISTORY_DAYS; how many those were.

    In portions, so that no transaction holds the table for long.
    """
    before = timezone.now() - dt.timedelta(days=settings.SYNC_HISTORY_DAYS)
    old = model._default_manager.filter(run__finished_at__lt=before).order_by()
    pruned = 0
    while ids := list(old.values_list("pk", flat=True)[:PRUNE_PORTION]):
        pruned += model._default_manager.filter(pk__in=ids).delete()[0]
    return pruned


def as_text(value: Any) -> str | None:
    """A mirrored value as a person reads it, with nothing rounded or left out."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return digits(value)
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
    return str(value)
