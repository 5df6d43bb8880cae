"""The day ledger: what was spent at Zoho, by product and purpose. It outlives Redis."""

import datetime as dt
from collections.abc import Iterable

from django.db import models, transaction
from django.db.models import F, Sum
from django.utils import timezone

HOUR = dt.timedelta(hours=1)


def no_hours() -> list[int]:
    return [0] * 24


class ZohoUsage(models.Model):
    """One day (UTC) of one purpose. All purposes draw on the product's one allowance.

    Inventory counts calls, by calendar day. CRM counts credits, of which a call costs one or
    more, over the last 24 hours: `by_hour` is what was spent in each hour of the day.
    """

    class Product(models.TextChoices):
        INVENTORY = "inventory", "Inventory"
        CRM = "crm", "CRM"

    class Purpose(models.TextChoices):
        PERSON = "person", "A person"
        SCHEDULE = "schedule", "The schedule"
        WEBHOOK = "webhook", "A webhook"
        AGENT = "agent", "An agent"

    day = models.DateField()
    product = models.CharField(max_length=10, choices=Product, default=Product.INVENTORY)
    purpose = models.CharField(max_length=10, choices=Purpose)
    calls = models.PositiveIntegerField("API calls (CRM: credits)", default=0)
    by_hour = models.JSONField(default=no_hours, editable=False)
    rate_limited = models.PositiveIntegerField("answered “too many”", default=0)
    tokens = models.PositiveIntegerField("access tokens minted", default=0)
    last_call_at = models.DateTimeField("last call", null=True, blank=True)

    class Meta:
        verbose_name = "day of Zoho calls"
        verbose_name_plural = "Zoho calls by day"
        ordering = ["-day", "-product", "purpose"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "product", "purpose"], name="one_row_per_day_product_and_purpose"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}, {self.get_product_display()}, {self.get_purpose_display()}"

    @classmethod
    def book(
        cls,
        purpose: Purpose,
        wanted: int,
        limit: int | None,
        product: Product = Product.INVENTORY,
        at_least: int = 1,
    ) -> int:
        """Take up to `wanted` of the allowance of `limit`; how many were left to take, or 0 when
        those are fewer than `at_least`.

        The rows are locked for the moment, so that no two workers take the same call.
        """
        with transaction.atomic():
            today = cls._open_day(product)
            rows = list(cls._window(product).select_for_update().order_by("pk"))
            taken = wanted
            if limit is not None:
                taken = max(0, min(wanted, limit - cls._used(rows, product)))
            if taken < at_least:
                return 0
            row = next(row for row in rows if row.day == today and row.purpose == purpose)
            row.calls += taken
            row.by_hour[timezone.now().astimezone(dt.UTC).hour] += taken
            row.last_call_at = timezone.now()
            row.save(update_fields=["calls", "by_hour", "last_call_at"])
        return taken

    @classmethod
    def give_back(cls, purpose: Purpose, calls: int, product: Product = Product.INVENTORY) -> None:
        """Calls that were booked and not made. At midnight they are nobody's any more."""
        with transaction.atomic():
            row = (
                cls.objects.select_for_update()
                .filter(day=utc_today(), product=product, purpose=purpose, calls__gte=calls)
                .first()
            )
            if row is None:
                return
            row.calls -= calls
            # They were booked just now or in the hour before.
            for hour in range(timezone.now().astimezone(dt.UTC).hour, -1, -1):
                returned = min(calls, row.by_hour[hour])
                row.by_hour[hour] -= returned
                calls -= returned
            row.save(update_fields=["calls", "by_hour"])

    @classmethod
    def count(
        cls,
        purpose: Purpose,
        product: Product = Product.INVENTORY,
        *,
        rate_limited: int = 0,
        tokens: int = 0,
    ) -> None:
        today = cls._open_day(product)
        cls.objects.filter(day=today, product=product, purpose=purpose).update(
            rate_limited=F("rate_limited") + rate_limited, tokens=F("tokens") + tokens
        )

    @classmethod
    def calls_today(cls, product: Product = Product.INVENTORY) -> int:
        today = cls.objects.filter(day=utc_today(), product=product)
        return today.aggregate(n=Sum("calls"))["n"] or 0

    @classmethod
    def used(cls, product: Product) -> int:
        """What counts against the allowance now."""
        return cls._used(cls._window(product), product)

    @classmethod
    def seconds_until(cls, product: Product, wanted: int, limit: int) -> float:
        """Until so many are free again of an allowance that rolls, if nobody spends more."""
        rows = list(cls._window(product))
        now = timezone.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        for hours in range(24):
            later = hour + (hours + 1) * HOUR
            if cls._used(rows, product, later) + wanted <= limit:
                break
        return (later - now).total_seconds()

    @classmethod
    def last_call(cls, product: Product = Product.INVENTORY) -> dt.datetime | None:
        """When calls were last booked; None before the first."""
        return cls.objects.filter(product=product).aggregate(at=models.Max("last_call_at"))["at"]

    @classmethod
    def _window(cls, product: Product) -> "models.QuerySet[ZohoUsage]":
        """The rows that hold what counts now."""
        first = utc_today() - dt.timedelta(days=1 if product == cls.Product.CRM else 0)
        return cls.objects.filter(day__gte=first, product=product)

    @classmethod
    def _used(
        cls, rows: Iterable["ZohoUsage"], product: Product, now: dt.datetime | None = None
    ) -> int:
        if product != cls.Product.CRM:
            return sum(row.calls for row in rows)
        now = (now or timezone.now()).astimezone(dt.UTC)
        # The hour that is partly over a day ago counts whole: one credit too many, never too few.
        since = now.replace(minute=0, second=0, microsecond=0) - 24 * HOUR
        return sum(
            spent
            for row in rows
            for hour, spent in enumerate(row.by_hour)
            if dt.datetime.combine(row.day, dt.time(hour), dt.UTC) >= since
        )

    @classmethod
    def _open_day(cls, product: Product) -> dt.date:
        today = utc_today()
        if cls.objects.filter(day=today, product=product).count() < len(cls.Purpose):
            ZohoUsage.objects.bulk_create(
                [ZohoUsage(day=today, product=product, purpose=purpose) for purpose in cls.Purpose],
                ignore_conflicts=True,
            )
        return today


def utc_today() -> dt.date:
    return timezone.now().astimezone(dt.UTC).date()
