"""What every mirror shares: its runs, the pages they read, the records they could not read.

    SyncRun 1 ─ n SyncPage      which Zoho ids each page listed; gone when the run ends
    SyncRun 1 ─ n SyncError     records that were passed over, with the reason

A run's row is the truth about it. Redis only carries the message that wakes a worker: a message
that is lost, or comes twice, changes nothing here.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from integrations.zoho.errors import BadRecord, ZohoConfigError
from sync.plan import Plan

MAX_ERRORS_IN_STATS = 100


class LeaseLost(Exception):
    """Another worker carries this run now; whatever this one still holds must not be saved."""


class SyncRun(models.Model):
    """One run of one mirror, from the click to its ending in words.

    Counts are of records: `total == created + updated + unchanged + failed`; `revived` ones are
    among the updated.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waiting"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    class Mode(models.TextChoices):
        FULL = "full", "Full"
        SELECTED = "selected", "Selected items"

    class Trigger(models.TextChoices):
        PERSON = "person", "Person"
        SCHEDULE = "schedule", "Schedule"
        COMMAND = "command", "Command line"

    ACTIVE = (State.QUEUED, State.RUNNING, State.WAITING)

    # The mirror's model, as in "products_and_services.product".
    kind = models.CharField(max_length=100)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.FULL)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    trigger = models.CharField("started by", max_length=10, choices=Trigger)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    zoho_ids = models.JSONField(default=list, blank=True)
    task_name = models.CharField(max_length=100)
    task_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    resume_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True, editable=False)
    retries = models.PositiveSmallIntegerField(default=0)

    pages = models.PositiveIntegerField("pages read", default=0)
    expected = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField("read", default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    retired = models.PositiveIntegerField(default=0)
    revived = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField("API calls", default=0)
    message = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "sync run"
        ordering = ["-id"]
        permissions = [("trigger_zoho_sync", "Can start a Zoho sync")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(state__in=["queued", "running", "waiting"]),
                name="one_active_run_per_kind",
            ),
        ]
        indexes = [models.Index(fields=["state", "resume_at"], name="sync_run_due")]

    def __str__(self) -> str:
        return f"{self.kind_name()} #{self.pk}"

    def kind_name(self) -> str:
        return str(apps.get_model(self.kind)._meta.verbose_name_plural)

    def records_url(self) -> str:
        return reverse(f"admin:{self.kind.replace('.', '_')}_changelist")

    # --- asking for one -----------------------------------------------------------------------

    @classmethod
    def request(cls, kind: str, **fields: Any) -> tuple["SyncRun", bool]:
        """A new queued run of `kind`, or the one that is active already: (run, is it new)."""
        last = cls.objects.filter(kind=kind, mode=cls.Mode.FULL, state=cls.State.SUCCEEDED).first()
        fields.setdefault("expected", last.total if last else 0)
        for _ in range(5):  # the active one may end between our two questions
            try:
                with transaction.atomic():
                    return cls.objects.create(kind=kind, **fields), True
            except IntegrityError:
                if active := cls.objects.filter(kind=kind, state__in=cls.ACTIVE).first():
                    return active, False
        raise ZohoConfigError("Runs start and end too fast to join one. Try again in a moment.")

    @classmethod
    def forsaken(cls) -> models.QuerySet["SyncRun"]:
        """Active runs that nobody works on though somebody should: their worker went silent, or
        no worker came."""
        since = timezone.now() - dt.timedelta(seconds=settings.SYNC_SILENCE)
        return cls.objects.filter(
            Q(state=cls.State.RUNNING, heartbeat_at__lt=since)
            | Q(state=cls.State.WAITING, resume_at__lt=since)
            | Q(state=cls.State.QUEUED, created_at__lt=since)
        )

    # --- its life, told by the worker that carries it -------------------------------------------

    def start(self) -> bool:
        """Take the run, if it is there to take. Only one worker can win this update.

        A run that waits may be taken when its time has come; a running one when its worker has
        been silent for a minute.
        """
        now = timezone.now()
        silent_since = now - dt.timedelta(seconds=settings.SYNC_SILENCE)
        free = (
            Q(state=self.State.QUEUED)
            | Q(state=self.State.WAITING, resume_at__lte=now)
            | Q(state=self.State.RUNNING, heartbeat_at__lt=silent_since)
        )
        lease = uuid.uuid4()
        taken = SyncRun.objects.filter(free, pk=self.pk).update(
            state=self.State.RUNNING,
            lease=lease,
            heartbeat_at=now,
            resume_at=None,
            message="",
            started_at=Coalesce("started_at", now),
        )
        self.refresh_from_db()
        return bool(taken)

    def advance(
        self,
        *,
        plan: Plan,
        bad: Collection[BadRecord],
        calls: int,
        page: int | None = None,
        zoho_ids: Iterable[str] = (),
    ) -> None:
        """Count one page, inside the transaction that saves it. Raises LeaseLost."""
        self.total += len(plan.create) + len(plan.update) + len(plan.unchanged) + len(bad)
        self.created += len(plan.create)
        self.updated += len(plan.update)
        self.unchanged += len(plan.unchanged)
        self.revived += len(plan.revive)
        self.failed += len(bad)
        self.calls += calls
        if page is not None:
            self.pages = page
            SyncPage.objects.create(run=self, number=page, zoho_ids=list(zoho_ids))
        SyncError.objects.bulk_create(
            SyncError(run=self, zoho_id=error.zoho_id[:100], message=error.message) for error in bad
        )
        self._save_as_holder(
            "total", "created", "updated", "unchanged", "revived", "failed", "calls", "pages"
        )

    def count_retired(self, count: int) -> None:
        self.retired += count
        self._save_as_holder("retired")

    def wait(self, message: str, *, seconds: float, counts: bool) -> None:
        """Give the worker back and go on later; `counts` as one of SYNC_RETRIES or not."""
        self.state = self.State.WAITING
        self.message = message
        self.retries += counts
        self.resume_at = timezone.now() + dt.timedelta(seconds=seconds)
        self._save_as_holder("state", "message", "retries", "resume_at", "calls")

    def fail(self, message: str) -> None:
        self.message = message
        self._end(self.State.FAILED)

    def finish(self) -> None:
        self._end(self.State.SUCCEEDED)

    def _end(self, state: State) -> None:
        with transaction.atomic():
            self.state = state
            self.finished_at = timezone.now()
            self._save_as_holder("state", "message", "finished_at", "calls")
            self.page_rows.all().delete()

    def _save_as_holder(self, *fields: str) -> None:
        self.heartbeat_at = timezone.now()
        values = {field: getattr(self, field) for field in (*fields, "heartbeat_at")}
        held = SyncRun.objects.filter(pk=self.pk, lease=self.lease, state=self.State.RUNNING)
        if not held.update(**values):
            raise LeaseLost(f"run {self.pk}")

    # --- what others ask of it ------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    def duration_seconds(self) -> float:
        if self.started_at is None:
            return 0.0
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    def started_by(self) -> str:
        if self.trigger == self.Trigger.PERSON and self.user:
            return self.user.get_username()
        return self.get_trigger_display()

    def in_words(self) -> str:
        """How the run stands, as one would tell a colleague."""
        if self.state == self.State.QUEUED:
            return "Waiting for a worker to take it."
        if self.state == self.State.RUNNING:
            return "Reading from Zoho."
        if self.state != self.State.SUCCEEDED:
            return self.message
        if not self.total and not self.retired:
            return "Finished: Zoho has no such items."
        changes = [
            f"{count:,} {word}"
            for count, word in (
                (self.created, "created"),
                (self.updated, "updated"),
                (self.retired, "retired"),
                (self.failed, "failed"),
            )
            if count
        ]
        return f"Finished: {', '.join(changes) or 'everything was up to date'}."

    def percent(self) -> int | None:
        """How far, in percent of what the last full run read; None where nobody can know."""
        if self.state == self.State.SUCCEEDED:
            return 100
        expected = len(self.zoho_ids) if self.mode == self.Mode.SELECTED else self.expected
        return min(99, self.total * 100 // expected) if expected else None

    def stats(self) -> dict[str, Any]:
        """The stats object of the commands and the task: JSON, and free of secrets."""
        errors = self.errors.values("zoho_id", "message")[:MAX_ERRORS_IN_STATS]
        return {
            "total": self.total,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "errors": list(errors),
            "retired": self.retired,
            "revived": self.revived,
            "calls": self.calls,
            "duration_seconds": round(self.duration_seconds(), 3),
            "run_id": self.pk,
            "mode": self.mode,
        }


class SyncPage(models.Model):
    """The checkpoint: a page that is saved, and the ids it listed, readable or not."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="page_rows")
    number = models.PositiveIntegerField()
    zoho_ids = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="page_saved_once_per_run"),
        ]

    def __str__(self) -> str:
        return f"Page {self.number} of run {self.run_id}"


class SyncError(models.Model):
    """One record of one run that could not be mirrored."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="errors")
    zoho_id = models.CharField("Zoho ID", max_length=100, blank=True)
    message = models.TextField("reason")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "failed record"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.zoho_id or 'A record without an id'}: {self.message}"
