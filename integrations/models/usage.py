"""The day ledger: what was spent at Zoho, by purpose. It outlives Redis."""

import datetime as dt

from django.db import models, transaction
from django.db.models import F, Sum
from django.utils import timezone


class ZohoUsage(models.Model):
    """One day (UTC) of one purpose. All purposes draw on the same day's allowance."""

    class Purpose(models.TextChoices):
        PERSON = "person", "A person"
        SCHEDULE = "schedule", "The schedule"
        WEBHOOK = "webhook", "A webhook"
        AGENT = "agent", "An agent"

    day = models.DateField()
    purpose = models.CharField(max_length=10, choices=Purpose)
    calls = models.PositiveIntegerField("API calls", default=0)
    rate_limited = models.PositiveIntegerField("answered “too many”", default=0)
    tokens = models.PositiveIntegerField("access tokens minted", default=0)
    last_call_at = models.DateTimeField("last call", null=True, blank=True)

    class Meta:
        verbose_name = "day of Zoho calls"
        verbose_name_plural = "Zoho calls by day"
        ordering = ["-day", "purpose"]
        constraints = [
            models.UniqueConstraint(fields=["day", "purpose"], name="one_row_per_day_and_purpose"),
        ]

    def __str__(self) -> str:
        return f"{self.day}, {self.get_purpose_display()}"

    @classmethod
    def book(cls, purpose: Purpose, wanted: int, limit: int | None) -> int:
        """Take up to `wanted` calls of today's allowance of `limit`; how many were left to take.

        The day's rows are locked for the moment, so that no two workers take the same call.
        """
        with transaction.atomic():
            today = cls._open_day()
            rows = cls.objects.select_for_update().filter(day=today).order_by("pk")
            used = sum(rows.values_list("calls", flat=True))
            taken = wanted if limit is None else max(0, min(wanted, limit - used))
            if taken:
                cls.objects.filter(day=today, purpose=purpose).update(
                    calls=F("calls") + taken, last_call_at=timezone.now()
                )
        return taken

    @classmethod
    def give_back(cls, purpose: Purpose, calls: int) -> None:
        """Calls that were booked and not made. At midnight they are nobody's any more."""
        cls.objects.filter(day=utc_today(), purpose=purpose, calls__gte=calls).update(
            calls=F("calls") - calls
        )

    @classmethod
    def count(cls, purpose: Purpose, *, rate_limited: int = 0, tokens: int = 0) -> None:
        cls.objects.filter(day=cls._open_day(), purpose=purpose).update(
            rate_limited=F("rate_limited") + rate_limited, tokens=F("tokens") + tokens
        )

    @classmethod
    def calls_today(cls) -> int:
        return cls.objects.filter(day=utc_today()).aggregate(n=Sum("calls"))["n"] or 0

    @classmethod
    def last_call(cls) -> dt.datetime | None:
        """When calls were last booked; None before the first."""
        return cls.objects.aggregate(at=models.Max("last_call_at"))["at"]

    @classmethod
    def _open_day(cls) -> dt.date:
        today = utc_today()
        if cls.objects.filter(day=today).count() < len(cls.Purpose):
            ZohoUsage.objects.bulk_create(
                [ZohoUsage(day=today, purpose=purpose) for purpose in cls.Purpose],
                ignore_conflicts=True,
            )
        return today


def utc_today() -> dt.date:
    return timezone.now().astimezone(dt.UTC).date()
