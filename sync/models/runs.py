"""One run of a mirror, from the click to its ending in words, and the pages it has saved."""

import datetime as dt
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from integrations.models import AuditEvent
from integrations.zoho.errors import TryAgain, ZohoConfigError
from sync.models.events import RunEvent
from sync.models.facts import RunFacts
from sync.plan import Plan
from sync.rows import insert, update_one

T = TypeVar("T")

MAX_ERRORS_IN_STATS = 100
# Records asked for by their ids, in portions of this size, each saved before the next is fetched:
# with two living ones, as many as Zoho Inventory gives in one call.
BY_ID_PORTION = 48


class LeaseLostError(Exception):
    """Another worker carries this run now, or a person has paused or cancelled it; whatever this
    one still holds must not be saved."""


class SyncRun(RunFacts):
    """One run of one mirror: how it is asked for, and its life from the click to its ending."""

    class Meta:
        verbose_name = "sync run"
        ordering = ["-id"]
        permissions = [("trigger_zoho_sync", "Can start a Zoho sync")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind"],
                # Writing goes beside reading: nobody's edit waits for an hour's sync.
                condition=Q(state__in=["queued", "running", "waiting", "paused"]) & ~Q(mode="sent"),
                name="one_active_run_per_kind",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "resume_at"], name="sync_run_due"),
            models.Index(fields=["kind", "-id"], name="sync_run_by_kind"),
        ]

    # --- asking for one -----------------------------------------------------------------------

    @classmethod
    def request(
        cls, kind: str, *, zoho_ids: Iterable[str] = (), **fields: Any
    ) -> tuple["SyncRun", bool]:
        """A new queued run of `kind`, or the one that is active already: (run, is it new).

        `zoho_ids` are the records a run of the selected mode asks for. Where no full run has ever
        been complete, a run of the changed mode becomes a full one: there is nothing yet for
        changes to be added to.
        """
        mode = fields.get("mode", cls.Mode.FULL)
        last = cls.last_complete(kind, cls.Mode.FULL)
        if mode == cls.Mode.CHANGED and last is None:
            fields["mode"] = mode = cls.Mode.FULL
        if mode == cls.Mode.FULL:
            fields.setdefault("expected", last.total if last else 0)
        for _ in range(5):  # the active one may end between our two questions
            try:
                with transaction.atomic():
                    run = cls.objects.create(kind=kind, **fields)
                    if mode == cls.Mode.SELECTED:
                        run._select(zoho_ids)
                    run._put_start_on_record()
                    return run, True
            except IntegrityError:
                if active := cls.reading(kind):
                    return active, False
        raise ZohoConfigError("Runs start and end too fast to join one. Try again in a moment.")

    def _put_start_on_record(self) -> None:
        """What the schedule starts is in the history; and changes sent were released before."""
        if self.trigger == self.Trigger.SCHEDULE or self.mode == self.Mode.SENT:
            return
        AuditEvent.record(
            AuditEvent.Action.SYNC_STARTED,
            user=self.user,
            about=str(self),
            mode=self.mode,
            dry_run=self.dry_run,
            via="command line" if self.trigger == self.Trigger.COMMAND else "",
        )

    def _select(self, zoho_ids: Iterable[str]) -> None:
        for number, portion in enumerate(portions(zoho_ids), start=1):
            self.page_rows.create(number=number, zoho_ids=portion)
            self.expected += len(portion)
        self.save(update_fields=["expected"])

    @classmethod
    def reading(cls, kind: str) -> "SyncRun | None":
        """The active run that reads from Zoho; there is one at most."""
        active = cls.objects.filter(kind=kind, state__in=cls.ACTIVE)
        return active.exclude(mode=cls.Mode.SENT).first()

    @classmethod
    def last_complete(cls, kind: str, *modes: RunFacts.Mode) -> "SyncRun | None":
        """The newest run that read everything its mode asks for, and was no dry run."""
        return cls.objects.filter(
            kind=kind, mode__in=modes, dry_run=False, state__in=cls.COMPLETE
        ).first()

    @classmethod
    def forsaken(cls, seconds: float | None = None) -> models.QuerySet["SyncRun"]:
        """Active runs that nobody works on though somebody should: their worker went silent, or
        no worker came. For so many `seconds`; SYNC_SILENCE unless told."""
        seconds = settings.SYNC_SILENCE if seconds is None else seconds
        since = timezone.now() - dt.timedelta(seconds=seconds)
        return cls.objects.filter(
            Q(cls.silent(seconds), state=cls.State.RUNNING)
            | Q(state=cls.State.WAITING, resume_at__lt=since)
            | Q(state=cls.State.QUEUED, created_at__lt=since)
        )

    # --- its life, told by the worker that carries it -------------------------------------------

    @staticmethod
    def silent(seconds: float | None = None) -> Q:
        """The condition of a run whose heartbeat is too old, or lies in the future: it was written
        by a clock that has been set back since, and would count as alive until then."""
        seconds = settings.SYNC_SILENCE if seconds is None else seconds
        now, silence = timezone.now(), dt.timedelta(seconds=seconds)
        return Q(heartbeat_at__lt=now - silence) | Q(heartbeat_at__gt=now + silence)

    def start(self) -> bool:
        """Take the run, if it is there to take. Only one worker can win this update.

        A run that waits may be taken when its time has come; a running one when its worker has
        been silent for a minute.
        """
        now = timezone.now()
        free = (
            Q(state=self.State.QUEUED)
            | Q(state=self.State.WAITING, resume_at__lte=now)
            | Q(self.silent(), state=self.State.RUNNING)
        )
        lease = uuid.uuid4()
        with transaction.atomic():
            taken = SyncRun.objects.filter(free, pk=self.pk).update(
                state=self.State.RUNNING,
                lease=lease,
                heartbeat_at=now,
                resume_at=None,
                message="",
                started_at=Coalesce("started_at", now),
            )
            self.refresh_from_db()
            if taken:
                place = "" if self.mode == self.Mode.SENT else f", at page {self.pages + 1:,}"
                self.tell(f"Taken up by the background service{place}.")
        return bool(taken)

    def advance(
        self,
        plan: Plan,
        *,
        failed: int = 0,
        retired: int = 0,
        calls: int = 0,
        page: int | None = None,
        listed: Iterable[str] = (),
    ) -> None:
        """Count what was done, inside the transaction that saves it. Raises LeaseLostError.

        `page` is the checkpoint: with it, this page of `listed` ids will not be read again.
        """
        self.total += len(plan.create) + len(plan.update) + len(plan.unchanged) + failed
        self.created += len(plan.create)
        self.updated += len(plan.update)
        self.unchanged += len(plan.unchanged)
        self.revived += len(plan.revive)
        self.failed += failed
        self.retired += retired
        self.calls += calls
        self.retries = 0  # bounds what fails without progress; this is progress
        if page is not None:
            self.pages = page
            if self.mode == self.Mode.FULL:
                insert(SyncPage, ("run", "number", "zoho_ids"), [(self.pk, page, list(listed))])
        self._save_as_holder(
            "total",
            "created",
            "updated",
            "unchanged",
            "revived",
            "failed",
            "retired",
            "calls",
            "retries",
            "pages",
        )

    def note(self, **values: Any) -> None:
        """Set these fields, as the worker that carries the run. Raises LeaseLostError."""
        for name, value in values.items():
            setattr(self, name, value)
        self._save_as_holder(*values)

    def tell(self, words: str, *, codes: str = "", is_trouble: bool = False) -> None:
        """Write this into the run's log."""
        RunEvent.record(self.pk, words, codes=codes, is_trouble=is_trouble)

    def tell_repeat(self, error: TryAgain) -> None:
        """A call is made once more; why stands in the log."""
        self.tell(f"{error.message} Asked once more.", codes=error.codes)

    def wait(self, message: str, *, seconds: float, counts: bool, codes: str = "") -> None:
        """Give the worker back and go on later; `counts` as one of SYNC_RETRIES or not."""
        self.state = self.State.WAITING
        self.message = message
        self.retries += counts
        self.resume_at = timezone.now() + dt.timedelta(seconds=seconds)
        with transaction.atomic():
            self._save_as_holder("state", "message", "retries", "resume_at", "calls")
            pause = f" Waits {about(seconds)}." if seconds >= 1 else ""
            self.tell(f"{message}{pause}", codes=codes, is_trouble=counts)

    def fail(self, message: str, *, codes: str = "") -> None:
        self.message = message
        self._end(self.State.FAILED, codes)

    def finish(self) -> None:
        if self.to_confirm and not self.dry_run:
            self.message = (
                f"{self.to_confirm:,} records are no longer in Zoho's list: too many at once to "
                "retire them without asking. Everything else is up to date."
            )
            self._end(self.State.UNCONFIRMED)
        else:
            self._end(self.State.SUCCEEDED)

    def _end(self, state: RunFacts.State, codes: str = "") -> None:
        with transaction.atomic():
            self.state = state
            self.finished_at = timezone.now()
            self._save_as_holder("state", "message", "finished_at", "calls")
            self.page_rows.all().delete()
            self.tell(self.in_words(), codes=codes, is_trouble=state == self.State.FAILED)

    def _save_as_holder(self, *fields: str) -> None:
        self.heartbeat_at = timezone.now()
        values = {field: getattr(self, field) for field in (*fields, "heartbeat_at")}
        holder = {"id": self.pk, "lease": self.lease, "state": self.State.RUNNING}
        if self.lease is None or not update_one(SyncRun, holder, values):
            raise LeaseLostError(f"run {self.pk}")

    # --- its life, told by a person ---------------------------------------------------------------
    #
    # Each is one conditional update. A worker that carries the run finds its lease gone at the
    # next page it wants to save, and stops there without saving it.

    def pause(self, message: str) -> bool:
        """Stop until `resume`; False when the run has ended, or is paused already."""
        going = (self.State.QUEUED, self.State.RUNNING, self.State.WAITING)
        return self._turn(going, self.State.PAUSED, message=message, lease=None, resume_at=None)

    def resume(self, message: str) -> bool:
        """Let a paused run go on from its last saved page."""
        return self._turn(
            (self.State.PAUSED,),
            self.State.WAITING,
            message=message,
            resume_at=timezone.now(),
            retries=0,
        )

    def cancel(self, message: str) -> bool:
        """End an active run here. What it saved stays saved."""
        with transaction.atomic():
            cancelled = self._turn(
                self.ACTIVE,
                self.State.CANCELLED,
                message=message,
                lease=None,
                resume_at=None,
                finished_at=timezone.now(),
            )
            if cancelled:
                self.page_rows.all().delete()
        return cancelled

    def settle(self, message: str) -> bool:
        """A person has decided about the retirements that needed confirmation."""
        return self._turn((self.State.UNCONFIRMED,), self.State.SUCCEEDED, message=message)

    def _turn(
        self, states: Iterable[RunFacts.State], state: RunFacts.State, message: str, **values: Any
    ) -> bool:
        with transaction.atomic():
            turned = SyncRun.objects.filter(pk=self.pk, state__in=list(states)).update(
                state=state, message=message, **values
            )
            if turned:
                self.tell(message)
        self.refresh_from_db()
        return bool(turned)

    # --- its result -------------------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """The stats object of the commands and the task: JSON, and free of secrets."""
        failed = self.changes.filter(action="failed").order_by("id")[:MAX_ERRORS_IN_STATS]
        return {
            "total": self.total,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "failed": self.failed,
            "errors": [{"zoho_id": row.zoho_id, "message": row.after} for row in failed],
            "retired": self.retired,
            "revived": self.revived,
            "calls": self.calls,
            "duration_seconds": round(self.duration_seconds(), 3),
            "run_id": self.pk,
            "mode": self.mode,
            **({"dry_run": True} if self.dry_run else {}),
            **({"to_confirm": self.to_confirm} if self.to_confirm else {}),
        }


class SyncPage(models.Model):
    """Of a full run: a page that is saved, and the ids it listed, readable or not. Of a run of
    selected records: a portion of the ids that are asked for."""

    run = models.ForeignKey(SyncRun, on_delete=models.CASCADE, related_name="page_rows")
    number = models.PositiveIntegerField()
    zoho_ids = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="page_saved_once_per_run"),
        ]

    def __str__(self) -> str:
        return f"Page {self.number} of run {self.run_id}"


def about(seconds: float) -> str:
    """About how long, in the largest fitting unit."""
    units = ((3600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next((it for it in units if seconds >= it[0]), units[-1])
    count = round(seconds / size)
    return f"{count:,} {unit}{'s' if count != 1 else ''}"


def portions(rows: Iterable[T], size: int = BY_ID_PORTION) -> Iterator[list[T]]:
    left = iter(rows)
    while portion := list(islice(left, size)):
        yield portion
