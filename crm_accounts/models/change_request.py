"""What people want changed of accounts in Zoho: asked for, decided on, sent, and what became of it.

ChangeRequest 1 ── n RequestedChange (one account each)
"""

import datetime as dt
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from crm_accounts.models.account import Account
from integrations.models import AuditEvent
from sync.models import SyncRun

# An approval that comes later approves what nobody remembers.
APPROVAL_WITHIN = dt.timedelta(hours=72)


MAYBE = (
    "Zoho's answer did not come, and what is there now does not tell. Look at the account in Zoho; "
    "sent again, it is compared first."
)


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

    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    origin = models.CharField("made from", max_length=10, choices=Origin)
    reason = models.CharField("why", max_length=500, blank=True, default="")
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

    def settle(self) -> None:
        """What the state of its changes makes of an approved request."""
        states = set(self.changes.values_list("state", flat=True).distinct())
        if states & RequestedChange.TO_DO:
            return
        ended = self.State.CONFLICT if RequestedChange.State.CONFLICT in states else self.State.DONE
        self.turn((self.State.APPROVED, self.State.CONFLICT), ended)

    @classmethod
    def expire(cls) -> int:
        """Write down which were not decided in time; how many."""
        late = cls.objects.filter(state=cls.State.PENDING, expires_at__lte=timezone.now())
        expired = [
            request for request in late if request.turn((cls.State.PENDING,), cls.State.EXPIRED)
        ]
        for request in expired:
            AuditEvent.record(AuditEvent.Action.CHANGES_EXPIRED, about=str(request))
        return len(expired)

    @classmethod
    def forget_drafts(cls) -> int:
        """Delete drafts that nobody asked for in all that time; how many."""
        before = timezone.now() - APPROVAL_WITHIN
        drafts = cls.objects.filter(state=cls.State.DRAFT, created_at__lt=before)
        count = drafts.count()
        drafts.delete()
        return count


class RequestedChange(models.Model):
    """What is to become of one account. Values are plain: as write_back/kinds.py makes them.

    `fields` is {"Phone": {"before": "+49 89 1", "after": "+49 89 2"}}, by API names; `before` is
    what the person saw, `known_at` Zoho's Modified_Time of it. `theirs` is what was found in Zoho
    instead, {"Phone": "+49 89 3"}, as of `theirs_at`.
    """

    class State(models.TextChoices):
        READY = "ready", "To be sent"
        INVALID = "invalid", "Cannot be sent"
        LEFT_OUT = "left_out", "Left out"
        SENDING = "sending", "Being sent"
        WRITTEN = "written", "Written"
        ALREADY = "already", "Was so already"
        CONFLICT = "conflict", "Changed meanwhile"
        REFUSED = "refused", "Refused by Zoho"
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

    @property
    def to_write(self) -> dict[str, dict[str, Any]]:
        """The fields, without those of which somebody decided that Zoho's value stays."""
        return {name: one for name, one in self.fields.items() if not one.get("left_out")}
