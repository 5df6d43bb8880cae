"""What people want changed of accounts in Zoho: asked for, decided on, sent, and what became of it.

ChangeRequest 1 ── n RequestedChange (one account each)
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from crm_accounts.models.account import Account
from integrations.models import AuditEvent
from sync.models import SyncRun

# An approval that comes later approves what nobody remembers.
APPROVAL_WITHIN = dt.timedelta(hours=72)
# The rights that it takes to read a change request.
VIEW = ("crm_accounts.view_changerequest", "crm_accounts.view_account")


MAYBE = (
    "Zoho's answer did not come, and what is there now does not tell. Look at the account in Zoho; "
    "sent again, it is compared first."
)


class ChangeRequests(models.QuerySet):
    def visible_to(self, user: Any) -> "ChangeRequests":
        """Those that this person may read. They show the accounts' own values; and what somebody
        else has not asked for, or withdrew before asking, is nobody else's business."""
        if not user.has_perms(VIEW):
            return self.none()
        state = ChangeRequest.State
        never_asked = Q(state=state.DRAFT) | Q(state=state.WITHDRAWN, expires_at=None)
        return self.exclude(never_asked & ~Q(asked_by=user.pk))


class ChangeRequest(models.Model):
    """Changes of one or many accounts that somebody asked for together, and who decided what."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        PENDING = "pending", "Waits for approval"
        APPROVED = "approved", "Approved"
        CONFLICT = "conflict", "Needs a decision"
        DONE = "done", "Done"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"

    class Origin(models.TextChoices):
        PAGE = "page", "One account"
        LIST = "list", "Selected accounts"
        FILE = "file", "CSV file"
        UNDO = "undo", "Undo"
        # Accounts were selected, and nobody has said yet what becomes of them.
        SELECTION = "selection", "Selection"

    # Zoho heard nothing of it, and will not.
    NEVER_SENT = (State.DRAFT, State.REJECTED, State.WITHDRAWN, State.EXPIRED)

    # Nobody has anything left to decide.
    ENDED = (State.DONE, State.REJECTED, State.WITHDRAWN, State.EXPIRED)

    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    origin = models.CharField("made from", max_length=10, choices=Origin)
    reason = models.CharField("why", max_length=500, blank=True, default="")
    # Workflows, approvals, blueprints and cadences, as if it had been changed in Zoho.
    runs_workflows = models.BooleanField("Zoho's workflows run", default=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField("made", auto_now_add=True)
    expires_at = models.DateTimeField("to be decided until", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField("decided", null=True, blank=True)
    decision = models.CharField("what was said", max_length=500, blank=True, default="")
    undoes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="undone_by"
    )
    # The latest run that sends it.
    run = models.OneToOneField(
        SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="change_request"
    )

    # Whether the worker could be told of the run that was just started; else beat tells it.
    is_queue_reached = True

    objects = ChangeRequests.as_manager()

    class Meta:
        verbose_name = "change request"
        verbose_name_plural = "✏️ Change requests"
        ordering = ["-id"]
        permissions = [
            ("change_zoho_accounts", "Can ask for changes of accounts in Zoho"),
            ("approve_zoho_changes", "Can approve changes of accounts in Zoho"),
        ]
        indexes = [models.Index(fields=["state", "-id"], name="change_request_by_state")]

    def __str__(self) -> str:
        return f"Change request #{self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("admin:crm_accounts_changerequest_change", args=[self.pk])

    @property
    def is_expired(self) -> bool:
        """Nobody decided in time; the chore that writes it down may not have come round yet."""
        return (
            self.state == self.State.PENDING
            and self.expires_at is not None
            and self.expires_at <= timezone.now()
        )

    def turn(self, states: tuple["ChangeRequest.State", ...], state: State, **values: Any) -> bool:
        """Go from one of `states` to `state`; False when somebody was faster.

        Nothing that waited too long can be approved, whether or not the chore has been here.
        """
        found = ChangeRequest.objects.filter(pk=self.pk, state__in=states)
        if state == self.State.APPROVED:
            found = found.exclude(state=self.State.PENDING, expires_at__lte=timezone.now())
        turned = found.update(state=state, **values)
        self.refresh_from_db()
        return bool(turned)

    @property
    def is_under_way(self) -> bool:
        """A run sends it, or will."""
        return self.run is not None and self.run.is_active

    @property
    def was_sent(self) -> bool:
        """Whether Zoho may have heard of any of it."""
        return self.changes.exclude(sent_at=None).exists()

    def end(self, states: tuple["ChangeRequest.State", ...], state: State, words: str) -> bool:
        """Send nothing of it, or no more; False when somebody was faster.

        Of one that was sent in part (what was left were conflicts), only the rest ends.
        """
        with transaction.atomic():
            ended = self.State.DONE if self.was_sent else state
            if not self.turn(states, ended):
                return False
            if ended == self.State.DONE:
                left = self.changes.filter(state=RequestedChange.State.READY)
                left.update(state=RequestedChange.State.LEFT_OUT, problem=words)
        return True

    def settle(self) -> None:
        """What the state of its changes makes of an approved request that nobody sends any more.

        Under its lock: somebody may just be having it sent again.
        """
        with transaction.atomic():
            held = ChangeRequest.objects.select_for_update().get(pk=self.pk)
            states = set(held.changes.values_list("state", flat=True).distinct())
            if not states & RequestedChange.TO_DO:
                conflict = RequestedChange.State.CONFLICT in states
                ended = self.State.CONFLICT if conflict else self.State.DONE
                held.turn((self.State.APPROVED, self.State.CONFLICT), ended)
        self.refresh_from_db()

    @classmethod
    def settle_idle(cls) -> None:
        """Those whose run ended without a word."""
        active = SyncRun.objects.filter(state__in=SyncRun.ACTIVE)
        for request in cls.objects.filter(state=cls.State.APPROVED).exclude(run__in=active):
            request.settle()

    @classmethod
    def expire(cls) -> int:
        """Write down which were not decided in time; how many."""
        late = cls.objects.filter(state=cls.State.PENDING, expires_at__lte=timezone.now())
        words = "Nobody approved it within 72 hours."
        expired = [one for one in late if one.end((cls.State.PENDING,), cls.State.EXPIRED, words)]
        for request in expired:
            AuditEvent.record(AuditEvent.Action.CHANGES_EXPIRED, about=str(request))
        return len(expired)

    @classmethod
    def prune(cls) -> int:
        """Forget the ended requests of which nothing happened in the last CHANGE_REQUEST_DAYS; how
        many those were. One at a time: it may be one of thousands of accounts."""
        before = timezone.now() - dt.timedelta(days=settings.CHANGE_REQUEST_DAYS)
        old = cls.objects.filter(state__in=cls.ENDED, created_at__lt=before)
        old = old.filter(Q(decided_at=None) | Q(decided_at__lt=before))
        old = old.filter(Q(run=None) | Q(run__finished_at__lt=before))
        return sum(request.delete()[1].get(cls._meta.label, 0) for request in list(old))

    @classmethod
    def forget_drafts(cls) -> int:
        """Delete drafts that nobody asked for in all that time; how many."""
        before = timezone.now() - APPROVAL_WITHIN
        with transaction.atomic():
            old = cls.objects.filter(state=cls.State.DRAFT, created_at__lt=before)
            drafts = [draft.pk for draft in old.select_for_update()]
            cls.objects.filter(pk__in=drafts).delete()
        return len(drafts)


class RequestedChange(models.Model):
    """What is to become of one account. Values are plain: as write_back/kinds.py makes them.

    `fields` is {"Phone": {"before": "+49 89 1", "after": "+49 89 2"}}, by API names; `before` is
    what the person saw, `known_at` Zoho's Modified_Time of it. A field may say more: "sent", that
    it was; "left_out", that Zoho's value stays; "seen", what `before` was until somebody decided
    to overwrite a newer value. `theirs` is what was found in Zoho instead, {"Phone": "+49 89 3"},
    as of `theirs_at`.
    """

    class State(models.TextChoices):
        READY = "ready", "To be sent"
        INVALID = "invalid", "Cannot be sent"
        LEFT_OUT = "left_out", "Left out"
        SENDING = "sending", "Being sent"
        WRITTEN = "written", "Written"
        ALREADY = "already", "Was so already"
        CONFLICT = "conflict", "Changed meanwhile"
        REFUSED = "refused", "Refused"
        NOT_SENT = "not_sent", "Not written"
        UNKNOWN = "unknown", "Perhaps written"

    TO_DO = frozenset({State.READY, State.SENDING})
    # What a person may have sent once more: it is compared with Zoho before.
    FAILED = frozenset({State.REFUSED, State.NOT_SENT, State.UNKNOWN})

    request = models.ForeignKey(ChangeRequest, on_delete=models.CASCADE, related_name="changes")
    # Its place in the request; of a file, its line.
    number = models.PositiveIntegerField()
    account = models.ForeignKey(
        Account, null=True, on_delete=models.CASCADE, related_name="requested_changes"
    )
    zoho_account_id = models.CharField("Zoho account ID", max_length=30)
    fields = models.JSONField(default=dict)
    known_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.READY)
    problem = models.TextField(blank=True, default="")
    code = models.CharField(max_length=80, blank=True, default="")
    theirs = models.JSONField(default=dict, blank=True)
    theirs_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    written_at = models.DateTimeField("Zoho's time of it", null=True, blank=True)
    # Whether the mirror has been brought up to date after it.
    is_mirrored = models.BooleanField(default=False)

    class Meta:
        verbose_name = "requested change"
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="one_change_a_line"),
        ]
        indexes = [models.Index(fields=["account", "-id"], name="requested_change_by_account")]

    def __str__(self) -> str:
        return f"{self.request}, {self.number}"

    @staticmethod
    def state_of(change: "RequestedChange", request: ChangeRequest) -> tuple[str, str]:
        """Its state as a value and as a word; nothing is to be sent of what will not be."""
        over = request.is_expired or request.state in request.NEVER_SENT
        if over and request.state != request.State.DRAFT and change.state == change.State.READY:
            return "left_out", "Not sent"
        return change.state, change.get_state_display()

    @property
    def to_write(self) -> dict[str, dict[str, Any]]:
        """The fields, without those of which somebody decided that Zoho's value stays."""
        return {name: one for name, one in self.fields.items() if not one.get("left_out")}
