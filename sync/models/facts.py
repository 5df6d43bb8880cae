"""What is known of a run, and how it is told to people and programs."""

import datetime as dt
import uuid

from django.apps import apps
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from integrations.models import ZohoUsage

LONG_WAIT = 60  # seconds


class RunFacts(models.Model):
    """The columns of a run.

    Counts are of records: `total == created + updated + unchanged + failed`; `revived` ones are
    among the updated.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waiting"
        PAUSED = "paused", "Paused"
        SUCCEEDED = "succeeded", "Succeeded"
        UNCONFIRMED = "unconfirmed", "Needs confirmation"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Mode(models.TextChoices):
        FULL = "full", "Full"
        CHANGED = "changed", "Changed"
        SELECTED = "selected", "Selected"
        # The one that writes to Zoho: what people changed here, then read back.
        SENT = "sent", "Sent to Zoho"

    class Trigger(models.TextChoices):
        PERSON = "person", "Person"
        SCHEDULE = "schedule", "Schedule"
        COMMAND = "command", "Command line"

    # Whether the ledger may hold rows that this run could close; the engine finds out at the start.
    has_open_failures = True

    ACTIVE = (State.QUEUED, State.RUNNING, State.WAITING, State.PAUSED)
    # Ended with everything read.
    COMPLETE = (State.SUCCEEDED, State.UNCONFIRMED)

    # The mirror's model, as in "products_and_services.product".
    kind = models.CharField(max_length=100)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.FULL)
    # Nothing is written to the mirror; what would be is told in Change.
    dry_run = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    trigger = models.CharField("started by", max_length=10, choices=Trigger)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    # The run whose findings this one acts on: a dry run applied, retirements confirmed.
    origin = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="follow_ups"
    )
    # What a run of the changed mode asks for: whatever was modified after this moment.
    since = models.DateTimeField("changed since", null=True, blank=True)
    task_name = models.CharField(max_length=100)
    task_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    # Seconds by which Zoho's clock was ahead of ours at its first answer.
    zoho_clock = models.FloatField(null=True, blank=True, editable=False)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    resume_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True, editable=False)
    retries = models.PositiveSmallIntegerField(default=0)

    pages = models.PositiveIntegerField("pages read", default=0)
    # Where the source's reading stands, beside the page: its own business.
    cursor = models.JSONField(default=dict, blank=True, editable=False)
    # Every page was read; what follows is about the records that none of them listed.
    swept = models.BooleanField(default=False)
    expected = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField("read", default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    retired = models.PositiveIntegerField(default=0)
    revived = models.PositiveIntegerField(default=0)
    # Retirements that are too many at once to be made without a person's word.
    to_confirm = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField("API calls", default=0)
    message = models.TextField(blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind_name()} #{self.pk}"

    def kind_name(self) -> str:
        return str(apps.get_model(self.kind)._meta.verbose_name_plural)

    def records_url(self) -> str:
        return reverse(f"admin:{self.kind.replace('.', '_')}_changelist")

    def changes_url(self) -> str:
        """What it did to each record. Not for templates to build: they would write run 1,234."""
        return f"{reverse('admin:sync_change_changelist')}?run__id__exact={self.pk}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    def due_since(self) -> dt.datetime:
        """Since when somebody should work on it, of an active run that nobody works on."""
        if self.state == self.State.WAITING:
            return self.resume_at or self.created_at
        return self.heartbeat_at or self.created_at

    def duration_seconds(self) -> float:
        if self.started_at is None:
            return 0.0
        return ((self.finished_at or timezone.now()) - self.started_at).total_seconds()

    def look_again_after(self) -> int | None:
        """Seconds after which an open page should ask anew; None where nothing changes by itself.

        Slowly while its wait is still long, or long over without anybody taking it up.
        """
        if not self.is_active or self.state == self.State.PAUSED:
            return None
        if self.state == self.State.WAITING and self.resume_at:
            off = abs((self.resume_at - timezone.now()).total_seconds())
            return 1 if off <= LONG_WAIT else 15
        return 1

    def kept(self) -> str:
        """What an ending ahead of time leaves, as one ends a sentence."""
        if self.mode == self.Mode.SENT:
            return "what was written is noted, the rest was not sent, and nothing is sent twice"
        return "what was read is kept and nothing was retired"

    def purpose(self) -> ZohoUsage.Purpose:
        """Whose share of the day's calls it uses."""
        if self.trigger == self.Trigger.SCHEDULE:
            return ZohoUsage.Purpose.SCHEDULE
        return ZohoUsage.Purpose.PERSON

    def started_by(self) -> str:
        if self.trigger == self.Trigger.PERSON and self.user:
            return self.user.get_username()
        return self.get_trigger_display()

    def what(self) -> str:
        """What it reads, and whether it writes."""
        mode = self.get_mode_display()
        return f"{mode}, dry run" if self.dry_run else mode

    def actions(self) -> list[str]:
        """What can be done with it as it stands, the likeliest first."""
        state = self.State
        if self.state == state.PAUSED:
            return ["resume", "cancel"]
        if self.state in self.ACTIVE:
            return ["pause", "cancel"]
        if self.state == state.UNCONFIRMED:
            return ["confirm", "dismiss"]
        if self.mode == self.Mode.SENT:
            return []  # what is left to do is told, and done, where it was asked for
        actions = []
        if self.state == state.SUCCEEDED and self.dry_run and self.would_change():
            actions.append("apply")
        if self.failed and not self.dry_run:
            actions.append("retry")
        if self.mode != self.Mode.SELECTED:
            actions.append("again")
        return actions

    def phases(self) -> list[tuple[str, str]]:
        """Its way from the click to the end: (name, "done", "now" or "")."""
        names = ["Queued", self._under_way(), "Done"]
        if self.mode == self.Mode.FULL:
            names.insert(2, "Looking up what the list left out")
        if self.state in self.COMPLETE:
            at = len(names)
        elif self.started_at is None:
            at = 0
        else:
            at = 2 if self.swept else 1
        going = self.state in self.ACTIVE
        return [
            (name, "done" if i < at else "now" if i == at and going else "")
            for i, name in enumerate(names)
        ]

    def in_words(self) -> str:
        """How the run stands, as one would tell a colleague."""
        if self.state == self.State.QUEUED:
            return "Waiting for the background service to take it up."
        if self.state == self.State.RUNNING:
            return "Looking up what the list left out." if self.swept else f"{self._under_way()}."
        if self.state != self.State.SUCCEEDED:
            return self.message
        return " ".join(part for part in (self._result_in_words(), self.message) if part)

    def _under_way(self) -> str:
        return "Writing to Zoho" if self.mode == self.Mode.SENT else "Reading from Zoho"

    def _result_in_words(self) -> str:
        if self.mode == self.Mode.SENT:
            return "" if self.message else "Finished."
        counts = (
            (self.created, "created"),
            (self.updated, "updated"),
            (self.retired, "retired"),
            (self.failed, "failed"),
        )
        changes = ", ".join(f"{count:,} {word}" for count, word in counts if count)
        if self.dry_run:
            if self.would_change():
                return f"Dry run, nothing was written. It would be: {changes or 'see below'}."
            return "Dry run: nothing would change."
        if changes:
            return f"Finished: {changes}."
        if self.mode == self.Mode.CHANGED:
            return "Finished: nothing has changed."
        if not self.total and not self.to_confirm:
            return "Finished: Zoho has no such items."
        return "Finished: everything was up to date."

    def would_change(self) -> bool:
        return bool(self.created or self.updated or self.retired or self.to_confirm)

    def percent(self) -> int | None:
        """How far, in percent of what is asked for, or of what the last full run read; None where
        nobody can know."""
        if self.state in self.COMPLETE:
            return 100
        done = self.total + (self.retired if self.mode == self.Mode.SELECTED else 0)
        return min(99, done * 100 // self.expected) if self.expected else None

    def rate(self) -> float | None:
        """Records read a second, over all its stints and waits; None before there are any."""
        seconds = self.duration_seconds()
        return self.total / seconds if self.total and seconds else None

    def seconds_left(self) -> int | None:
        """At the pace so far; None where the end is not known, or nothing moves."""
        rate = self.rate()
        if self.state != self.State.RUNNING or not rate or not self.expected or self.swept:
            return None
        return round(max(0, self.expected - self.total) / rate)
