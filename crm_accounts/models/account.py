"""Accounts: the companies that Zoho CRM knows."""

from django.db import models
from django.db.models.functions import Concat, Lower
from django.utils import timezone

from integrations.models import ZohoUsage
from sync.fingerprint import FingerprintField


class Account(models.Model):
    """One Zoho CRM Account.

    Mirrored from Zoho, as Zoho says it: its standard fields as columns, the organisation's own by
    their API names in `custom_fields` (numbers there as text with all their digits). Look-ups are
    kept as the ids of what they point to. Ours: `note`.
    """

    ZOHO_ID_FIELD = "zoho_account_id"
    ZOHO_PRODUCT = ZohoUsage.Product.CRM
    FULL_RUNS_SEE = "merged accounts"
    SYNC_TASK = "crm_accounts.tasks.task_sync_zoho_accounts"

    zoho_account_id = models.CharField("Zoho account ID", max_length=30)
    name = models.CharField(max_length=500)
    account_number = models.CharField(max_length=100, blank=True, default="")
    account_site = models.CharField(max_length=500, blank=True, default="")
    account_type = models.CharField("type", max_length=255, blank=True, default="")
    industry = models.CharField(max_length=255, blank=True, default="")
    ownership = models.CharField(max_length=255, blank=True, default="")
    rating = models.CharField(max_length=255, blank=True, default="")
    annual_revenue = models.DecimalField(max_digits=42, decimal_places=20, null=True, blank=True)
    currency = models.CharField(max_length=255, blank=True, default="")
    exchange_rate = models.DecimalField(max_digits=42, decimal_places=20, null=True, blank=True)
    employees = models.BigIntegerField(null=True, blank=True)
    sic_code = models.BigIntegerField("SIC code", null=True, blank=True)
    ticker_symbol = models.CharField(max_length=255, blank=True, default="")
    phone = models.CharField(max_length=255, blank=True, default="")
    fax = models.CharField(max_length=255, blank=True, default="")
    website = models.CharField(max_length=2000, blank=True, default="")
    owner_id = models.CharField("owner's ID", max_length=30, blank=True, default="")
    parent_account_id = models.CharField(
        "parent account's ID", max_length=30, blank=True, default=""
    )
    billing_street = models.CharField(max_length=2000, blank=True, default="")
    billing_city = models.CharField(max_length=255, blank=True, default="")
    billing_state = models.CharField(max_length=255, blank=True, default="")
    billing_code = models.CharField("billing postcode", max_length=255, blank=True, default="")
    billing_country = models.CharField(max_length=255, blank=True, default="")
    shipping_street = models.CharField(max_length=2000, blank=True, default="")
    shipping_city = models.CharField(max_length=255, blank=True, default="")
    shipping_state = models.CharField(max_length=255, blank=True, default="")
    shipping_code = models.CharField("shipping postcode", max_length=255, blank=True, default="")
    shipping_country = models.CharField(max_length=255, blank=True, default="")
    description = models.TextField(blank=True, default="")
    custom_fields = models.JSONField(default=dict, blank=True)
    zoho_created_at = models.DateTimeField("created in Zoho", null=True, blank=True)
    zoho_modified_at = models.DateTimeField("changed in Zoho", null=True, blank=True)
    note = models.TextField(
        blank=True, default="", help_text="For your colleagues. Zoho never sees it."
    )
    retired_at = models.DateTimeField(
        "no longer in Zoho since", null=True, blank=True, editable=False
    )
    created_at = models.DateTimeField("first synced", auto_now_add=True)
    synced_at = models.DateTimeField("last changed by a sync", default=timezone.now, editable=False)
    fingerprint = FingerprintField()
    # One column for a search to look through; see Product.searchable.
    searchable = models.GeneratedField(
        expression=Lower(
            Concat(
                "name",
                models.Value(" "),
                "phone",
                models.Value(" "),
                "website",
                models.Value(" "),
                "billing_city",
                models.Value(" "),
                "zoho_account_id",
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta:
        verbose_name = "🏢 account"
        verbose_name_plural = "🏢 Accounts"
        constraints = [
            models.UniqueConstraint(fields=["zoho_account_id"], name="one_row_per_zoho_account"),
        ]
        indexes = [
            models.Index(fields=["name", "id"], name="account_by_name"),
            models.Index(fields=["owner_id", "name"], name="account_by_owner"),
            models.Index(
                fields=["-zoho_modified_at"],
                condition=models.Q(retired_at=None),
                name="account_by_modified",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def owner(self) -> str:
        """The owner's name, as far as Zoho has told it; else the id."""
        found = CrmUser.objects.filter(pk=self.owner_id).first() if self.owner_id else None
        return found.name if found else self.owner_id

    def parent(self) -> "Account | None":
        if not self.parent_account_id:
            return None
        return Account.objects.filter(zoho_account_id=self.parent_account_id).first()


class CrmUser(models.Model):
    """Somebody who owns accounts: only the name, so that an owner's id can be read."""

    id = models.CharField(primary_key=True, max_length=30)
    name = models.CharField(max_length=500)

    class Meta:
        verbose_name = "CRM user"

    def __str__(self) -> str:
        return self.name
