"""What Zoho itself last said is left, for all workers to respect and for people to see."""

from django.db import models

from integrations.models.usage import ZohoUsage
from integrations.zoho.quota import Quota


class ZohoQuota(models.Model):
    """The latest word of one product; no row where Zoho has said nothing yet.

    Other programs draw on the same allowance, so this knows what our own ledger cannot.
    """

    product = models.CharField(max_length=10, choices=ZohoUsage.Product, primary_key=True)
    limit = models.PositiveIntegerField(null=True)
    remaining = models.PositiveIntegerField()
    resets_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_product_display()}: {self.remaining} left"

    @classmethod
    def note(cls, product: ZohoUsage.Product, quota: Quota) -> None:
        """Keep it, unless a worker has heard something newer."""
        values = {
            "limit": quota.limit,
            "remaining": quota.remaining,
            "resets_at": quota.resets_at,
            "seen_at": quota.seen_at,
        }
        _, is_new = cls.objects.get_or_create(product=product, defaults=values)
        if not is_new:
            cls.objects.filter(product=product, seen_at__lt=quota.seen_at).update(**values)

    @classmethod
    def latest(cls, product: ZohoUsage.Product) -> Quota | None:
        return cls.of_all().get(product)

    @classmethod
    def of_all(cls) -> dict[str, Quota]:
        """By product."""
        return {
            row.product: Quota(row.remaining, row.seen_at, row.limit, row.resets_at)
            for row in cls.objects.all()
        }
