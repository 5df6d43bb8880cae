"""What staff were told, and who wants to be told what.

    Notice 1 ─ n Telling n ─ 1 Subscription      who is to be told of it by mail, and was
    LowProduct                                    the products that are known to be low
    Pulse                                         when something was last looked at, by name

A notice is a state that began and ended. Nothing here decides what is wrong: see `conditions.py`.
"""

import datetime as dt
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from notices.kinds import ENDS_UNTOLD, About, Condition, Kind, about, visible_to
from products_and_services.models import Product

log = structlog.get_logger(__name__)

# What could not be mailed for so long is no news any more, and the address is most likely wrong.
GIVE_UP_AFTER = dt.timedelta(days=3)
# Longer than any mail takes: whoever claimed a person's mail and has not sent it by then is dead.
CLAIM = dt.timedelta(minutes=10)


class Subscription(models.Model):
    """What one member of staff wants to be told by e-mail."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    kinds = models.JSONField(default=list, blank=True)
    mailing_since = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"What {self.user} is told"

    def tells(self) -> list[Kind]:
        """What they want to be told and may see still; nothing where they cannot be reached."""
        user: Any = self.user
        if not (user.is_active and user.is_staff and user.email):
            return []
        return [kind for kind in visible_to(user) if kind in self.kinds]

    def claim(self) -> bool:
        """Only one check at a time may write to one person."""
        now = timezone.now()
        free = Q(mailing_since=None) | Q(mailing_since__lt=now - CLAIM)
        return bool(Subscription.objects.filter(free, pk=self.pk).update(mailing_since=now))

    def release(self) -> None:
        Subscription.objects.filter(pk=self.pk).update(mailing_since=None)


class Notice(models.Model):
    """Something that staff should know of, from when until when.

    `subject` tells two of one kind apart, as in "products_and_services.product".
    """

    kind = models.CharField(max_length=20, choices=Kind)
    subject = models.CharField(max_length=120, blank=True, default="")
    words = models.TextField("what")
    details = models.TextField(blank=True, default="")
    url = models.CharField(max_length=300, blank=True, default="")
    opened_at = models.DateTimeField("since", default=timezone.now)
    closed_at = models.DateTimeField("until", null=True, blank=True)

    class Meta:
        verbose_name = "notice"
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=Q(closed_at=None),
                name="one_open_notice_of_a_thing",
            ),
        ]
        indexes = [models.Index(fields=["-opened_at", "-id"], name="notice_by_time")]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def about(self) -> About:
        return about(self.kind, self.subject)

    @classmethod
    def open(cls, condition: Condition, **times: Any) -> "Notice | None":
        """A notice of it, and a note for each who wants to be told.

        None when another check was first: the constraint lets one open notice of a thing exist.
        """
        try:
            with transaction.atomic():
                notice = cls.objects.create(**vars(condition), **times)
                wanting = Subscription.objects.select_related("user")
                Telling.objects.bulk_create(
                    Telling(notice=notice, subscription=subscription)
                    for subscription in wanting
                    if condition.kind in subscription.tells()
                )
        except IntegrityError:
            return None
        log.info("Notice", kind=notice.kind, subject=notice.subject)
        return notice

    def say(self, condition: Condition) -> None:
        """The same thing in its present words; nobody is told again for that."""
        new = {
            name: value for name, value in vars(condition).items() if getattr(self, name) != value
        }
        if new:
            Notice.objects.filter(pk=self.pk, closed_at=None).update(**new)

    def close(self) -> None:
        if Notice.objects.filter(pk=self.pk, closed_at=None).update(closed_at=timezone.now()):
            log.info("Notice is over", kind=self.kind, subject=self.subject)

    @classmethod
    def prune(cls) -> int:
        """Forget what was over before the last SYNC_HISTORY_DAYS; how many that were."""
        before = timezone.now() - dt.timedelta(days=settings.SYNC_HISTORY_DAYS)
        _, deleted = cls.objects.filter(closed_at__lt=before).delete()
        return deleted.get("notices.Notice", 0)


class Telling(models.Model):
    """That a person is to be told of a notice by mail, and of its end."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="tellings")
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE)
    told_at = models.DateTimeField(null=True, blank=True)
    told_well_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "subscription"], name="told_once_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} of {self.notice}"

    @classmethod
    def pending(cls) -> models.QuerySet["Telling"]:
        """What is still to be mailed: the news, and that it is well again.

        Not the end of what ENDS_UNTOLD; and an approval that somebody gave first is no news at all.
        """
        since = timezone.now() - GIVE_UP_AFTER
        given = Q(notice__kind=Kind.APPROVAL, notice__closed_at__isnull=False)
        news = Q(told_at=None, notice__opened_at__gt=since) & ~given
        well = Q(told_well_at=None, notice__closed_at__gt=since)
        return cls.objects.filter(news | (well & ~Q(notice__kind__in=ENDS_UNTOLD)))


class LowProduct(models.Model):
    """A product that is known to be low, and the notice that told of it."""

    # Written from the products themselves: to have each looked up and locked would only cost.
    product = models.OneToOneField(
        Product,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    notice = models.ForeignKey(Notice, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return str(self.product)


class Pulse(models.Model):
    """When something was last looked at, and in `mark` what was seen then."""

    # Kept by each check, that is, by a living worker.
    WORKER = "worker"
    LOW_STOCK = "low stock"

    name = models.CharField(max_length=20, primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    mark = models.CharField(max_length=100, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.name} at {self.at}"

    def beat(self) -> bool:
        """Set this moment, unless somebody else did since this was read."""
        turned = Pulse.objects.filter(pk=self.pk, at=self.at).update(at=timezone.now())
        return bool(turned)
