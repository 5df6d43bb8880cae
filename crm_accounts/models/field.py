"""The fields of Accounts, as Zoho's metadata tells them."""

from typing import Any

from django.db import models
from django.utils import timezone

# What lists leave out or cut short, and what has no value of its own.
NOT_IN_LISTS = {
    "subform",
    "multiselectlookup",
    "multiuserlookup",
    "richtext",
    "fileupload",
    "imageupload",
    "profileimage",
    "consent_lookup",
}


class CrmField(models.Model):
    """One field of Accounts, as Zoho's metadata tells it. One that is gone stays, and says since
    when."""

    api_name = models.CharField("API name", max_length=255, unique=True)
    label = models.CharField(max_length=255)
    data_type = models.CharField("type", max_length=50)
    result_type = models.CharField("type of its result", max_length=50, blank=True, default="")
    length = models.PositiveIntegerField(null=True, blank=True)
    decimal_places = models.PositiveSmallIntegerField(null=True, blank=True)
    is_custom = models.BooleanField("custom", default=False)
    is_read_only = models.BooleanField("read-only", default=False)
    is_mandatory = models.BooleanField("mandatory", default=False)
    is_unique = models.BooleanField("unique", default=False)
    pick_list = models.JSONField("values to choose from", default=list, blank=True)
    is_mirrored = models.BooleanField("mirrored", default=True)
    is_waiting = models.BooleanField("waiting", default=False, editable=False)
    first_seen_at = models.DateTimeField("first seen", default=timezone.now)
    checked_at = models.DateTimeField("last checked", default=timezone.now)
    gone_at = models.DateTimeField("no longer in Zoho since", null=True, blank=True)

    class Meta:
        verbose_name = "field of accounts"
        verbose_name_plural = "fields of accounts"
        ordering = ["label", "api_name"]

    def __str__(self) -> str:
        return self.label

    @property
    def is_read(self) -> bool:
        """Whether its values here are Zoho's."""
        return self.is_mirrored and self.gone_at is None

    def status(self) -> str:
        """Whether its values are mirrored; if not, why."""
        if self.gone_at is not None:
            return (
                "No longer in Zoho; last values kept" if self.is_mirrored else "No longer in Zoho"
            )
        if self.is_mirrored:
            return "Mirrored"
        if self.is_waiting:
            return "Waiting: too many fields"
        if self.data_type in NOT_IN_LISTS:
            return "Not mirrored: Zoho's lists omit or shorten it"
        return "Not mirrored: a system field"

    def rules(self) -> dict[str, Any]:
        """What of Zoho's metadata is compared to find out whether it was changed."""
        names = (
            "label",
            "data_type",
            "length",
            "decimal_places",
            "is_custom",
            "is_read_only",
            "is_mandatory",
            "is_unique",
            "pick_list",
        )
        return {name: getattr(self, name) for name in names}
