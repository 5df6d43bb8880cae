"""Products: what Zoho Inventory calls items."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Concat, Lower
from django.utils import timezone

from integrations.models import ZohoUsage
from sync.fingerprint import FingerprintField


class Product(models.Model):
    """One Zoho Inventory item.

    Mirrored from Zoho, as Zoho says it: name, SKU, price, stock, unit, type, active, Zoho's
    times. An empty stock means that Zoho keeps none for this item (services, untracked goods); zero
    is zero.
    Ours: `product_type`, filled from Zoho when the item is first seen and staff's from then on, and
    `note`.
    """

    ZOHO_ID_FIELD = "zoho_item_id"
    ZOHO_PRODUCT = ZohoUsage.Product.INVENTORY
    FULL_RUNS_SEE = "stock and deletions"
    SYNC_TASK = "products_and_services.tasks.task_sync_zoho_products"

    class Type(models.TextChoices):
        HARDWARE = "hardware", "Hardware"
        SERVICE = "service", "Service"
        OTHER = "other", "Other"

    # NULL for a product that is only ours; any number of those may exist.
    zoho_item_id = models.CharField("Zoho item ID", max_length=30, null=True, blank=True)
    name = models.CharField(max_length=500)
    sku = models.CharField("SKU", max_length=255, null=True, blank=True)
    price = models.DecimalField(max_digits=40, decimal_places=20, null=True, blank=True)
    stock_quantity = models.DecimalField(
        "stock", max_digits=40, decimal_places=20, null=True, blank=True
    )
    unit = models.CharField(max_length=100, blank=True, default="")
    zoho_type = models.CharField("type in Zoho", max_length=50, blank=True, default="")
    zoho_status = models.CharField("status in Zoho", max_length=100, blank=True, default="")
    # None where Zoho's status is neither "active" nor "inactive", or where it gave none.
    is_active = models.BooleanField("active in Zoho", null=True, default=True)
    zoho_created_at = models.DateTimeField("created in Zoho", null=True, blank=True)
    zoho_modified_at = models.DateTimeField("changed in Zoho", null=True, blank=True)
    product_type = models.CharField(max_length=10, choices=Type, default=Type.HARDWARE)
    note = models.TextField(
        blank=True, default="", help_text="For your colleagues. Zoho never sees it."
    )
    retired_at = models.DateTimeField(
        "no longer in Zoho since", null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField("first synced", auto_now_add=True)
    synced_at = models.DateTimeField("last changed by a sync", default=timezone.now, editable=False)

    fingerprint = FingerprintField()
    # What a search looks through, in one column: a million of it are read in a tenth of a second,
    # without an index that every sync would have to keep.
    searchable = models.GeneratedField(
        expression=Lower(
            Concat("name", models.Value(" "), "sku", models.Value(" "), "zoho_item_id")
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = "📦 product"
        verbose_name_plural = "📦 Products"
        constraints = [
            # Not `unique=True`, which brings a second index for searches by prefix.
            models.UniqueConstraint(fields=["zoho_item_id"], name="one_product_per_zoho_item"),
        ]
        indexes = [
            # The list's order, also for its later pages.
            models.Index(fields=["name", "id"], name="product_by_name"),
            models.Index(fields=["sku"], name="product_by_sku"),
            models.Index(fields=["stock_quantity"], name="product_by_stock"),
            models.Index(
                fields=["name", "id"],
                condition=models.Q(is_active=False),
                name="product_inactive",
            ),
            models.Index(
                fields=["retired_at"],
                condition=models.Q(retired_at__isnull=False),
                name="product_retired",
            ),
            # Up to when the mirror is known to be complete; asked by each run of changes.
            models.Index(
                fields=["-zoho_modified_at"],
                condition=models.Q(retired_at=None),
                name="product_by_modified",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        # "Has none" is said in one way: NULL, which a unique column allows repeatedly.
        self.zoho_item_id = self.zoho_item_id or None
        self.sku = self.sku or None
        super().save(*args, **kwargs)

    @classmethod
    def low_stock(cls) -> models.Q:
        """The condition of a product that runs low: in Zoho, not known to be inactive there, and
        LOW_STOCK or less left."""
        low = models.Q(stock_quantity__lte=settings.LOW_STOCK, retired_at=None)
        return low & (models.Q(is_active=True) | models.Q(is_active=None))

    @property
    def runs_low(self) -> bool:
        return (
            self.stock_quantity is not None
            and self.stock_quantity <= settings.LOW_STOCK
            and self.state() in ("Active", "Unknown")
        )

    def state(self) -> str:
        """What Zoho says of it: Active, Inactive, something else, or that it is there no longer."""
        if self.retired_at is not None:
            return "Retired"
        return {True: "Active", False: "Inactive", None: "Unknown"}[self.is_active]
