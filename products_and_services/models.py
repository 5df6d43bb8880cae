"""Products: what Zoho Inventory calls items."""

from typing import Any

from django.db import models
from django.utils import timezone


class Product(models.Model):
    """One Zoho Inventory item.

    Mirrored from Zoho, as Zoho says it: name, SKU, price, stock, unit, type, active, Zoho's
    times. An empty stock means that Zoho keeps none for this item (services, untracked goods); zero
    is zero.
    Ours: `product_type`, filled from Zoho when the item is first seen and staff's from then on.
    """

    class Type(models.TextChoices):
        HARDWARE = "hardware", "Hardware"
        SERVICE = "service", "Service"
        OTHER = "other", "Other"

    # NULL for a product that is only ours; any number of those may exist.
    zoho_item_id = models.CharField(
        "Zoho item ID", max_length=30, unique=True, null=True, blank=True
    )
    name = models.CharField(max_length=500)
    sku = models.CharField("SKU", max_length=255, null=True, blank=True, db_index=True)
    price = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    stock_quantity = models.DecimalField(
        "stock", max_digits=24, decimal_places=8, null=True, blank=True, db_index=True
    )
    unit = models.CharField(max_length=100, blank=True, default="")
    zoho_type = models.CharField("type in Zoho", max_length=50, blank=True, default="")
    is_active = models.BooleanField("active in Zoho", default=True)
    zoho_created_at = models.DateTimeField("created in Zoho", null=True, blank=True)
    zoho_modified_at = models.DateTimeField("changed in Zoho", null=True, blank=True)
    product_type = models.CharField(max_length=10, choices=Type, default=Type.HARDWARE)
    retired_at = models.DateTimeField(
        "no longer in Zoho since", null=True, blank=True, editable=False, db_index=True
    )
    created_at = models.DateTimeField("first synced", auto_now_add=True)
    synced_at = models.DateTimeField("last changed by a sync", default=timezone.now, editable=False)

    class Meta:
        verbose_name = "📦 product"
        verbose_name_plural = "📦 Products"
        indexes = [
            # The list's order, also for its later pages.
            models.Index(fields=["name", "id"], name="product_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        # "Has none" is said in one way: NULL, which a unique column allows repeatedly.
        self.zoho_item_id = self.zoho_item_id or None
        self.sku = self.sku or None
        super().save(*args, **kwargs)
