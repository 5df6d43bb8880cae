"""The connection to Zoho: one row for one organisation."""

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from backoffice.encryption import UNREADABLE, EncryptedTextField, Unreadable
from integrations.models.usage import ZohoUsage
from integrations.zoho.data_centers import DATA_CENTERS, data_center
from integrations.zoho.errors import ZohoConfigError
from integrations.zoho.scopes import CRM_READ, INVENTORY, covers, excess, features_of
from integrations.zoho.storage import our_database

# A token this close to its end is replaced before it is used, so that it cannot die on the way.
EXPIRY_MARGIN = dt.timedelta(minutes=5)


def reject_naive(value: dt.datetime) -> None:
    if timezone.is_naive(value):
        raise ValidationError("A moment without a time zone is ambiguous: give it in UTC.")


class AwareDateTimeField(models.DateTimeField):
    """A moment that must carry its time zone; Django would only warn."""

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, dt.datetime):
            reject_naive(value)
        return super().get_prep_value(value)


class ZohoCredential(models.Model):
    """How this installation signs in to Zoho, and the tokens it holds.

    One row, by database constraint. Secrets are encrypted at rest and absent from `repr`.
    `expires_in` keeps Zoho's name but is the moment (aware, UTC) at which the access token ends.
    """

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        EXPIRING = "expiring", "Expiring"
        EXPIRED = "expired", "Expired"
        RECONNECT_NEEDED = "reconnect_needed", "Reconnect needed"
        UNREADABLE = "unreadable", "Secrets unreadable"
        NOT_CONNECTED = "not_connected", "Not connected"

    class Environment(models.TextChoices):
        PRODUCTION = "production", "Production"
        SANDBOX = "sandbox", "Sandbox"
        DEVELOPER = "developer", "Developer"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    data_center = models.CharField(
        max_length=2,
        choices=[(center.location, center.name) for center in DATA_CENTERS.values()],
        help_text="Where your Zoho account lives: the end of the address you sign in at.",
    )
    environment = models.CharField(
        max_length=10, choices=Environment, default=Environment.PRODUCTION
    )
    organization_id = models.CharField(
        "organisation ID",
        max_length=32,
        validators=[RegexValidator(r"^\d+$", "An organisation ID consists of digits only.")],
        help_text="Zoho Inventory → Settings → Organisation profile.",
    )
    client_id = EncryptedTextField("client ID", help_text="Begins with 1000.")
    client_secret = EncryptedTextField()
    refresh_token = EncryptedTextField(blank=True, default="")
    access_token = EncryptedTextField(blank=True, default="", editable=False)
    expires_in = AwareDateTimeField(
        "access token valid until", null=True, blank=True, editable=False
    )
    scope = models.TextField(blank=True, default="", editable=False)
    api_domain = models.URLField(blank=True, default="", editable=False)
    reconnect_reason = models.TextField(blank=True, default="", editable=False)
    refresh_not_before = AwareDateTimeField(null=True, blank=True, editable=False)
    # Attempts for a new token that failed since the last good one, by all workers.
    refresh_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    refresh_failing_since = AwareDateTimeField(null=True, blank=True, editable=False)
    refreshed_at = AwareDateTimeField("last token refresh", null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "🔑 Zoho credentials"
        verbose_name_plural = "🔑 Zoho Credentials"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_zoho_credential"),
        ]

    def __str__(self) -> str:
        return f"Zoho organisation {self.organization_id or '(not set)'}"

    def __repr__(self) -> str:
        return f"<ZohoCredential organisation={self.organization_id} state={self.state()}>"

    @classmethod
    @our_database("The connection to Zoho could not be read, so nothing was sent.")
    def load(cls) -> "ZohoCredential":
        """The one connection. Raises ZohoConfigError when there is none, or when its secrets cannot
        be decrypted, and ZohoDatabaseError."""
        try:
            credential = cls.objects.get()
        except cls.DoesNotExist:
            raise ZohoConfigError(
                "Zoho is not connected yet. Add the connection under Integrations → "
                "Zoho Credentials, or run manage.py zoho_connect."
            ) from None
        credential.require_readable()
        return credential

    def is_readable(self) -> bool:
        secrets = (self.client_id, self.client_secret, self.refresh_token)
        return not any(isinstance(secret, Unreadable) for secret in secrets)

    def require_readable(self) -> None:
        """Raises ZohoConfigError when no key fits the stored secrets."""
        if not self.is_readable():
            raise ZohoConfigError(UNREADABLE)

    def problem(self) -> str:
        """Why nothing can be asked of Zoho until a person acts, in words; "" if nothing is known
        to be wrong."""
        if not self.is_readable():
            return UNREADABLE
        return f"Reconnect needed: {self.reconnect_reason}" if self.reconnect_reason else ""

    def is_expired(self, now: dt.datetime | None = None) -> bool:
        """Whether the access token is missing, over, or within EXPIRY_MARGIN of its end."""
        if not self.access_token or self.expires_in is None:
            return True
        return self.expires_in - EXPIRY_MARGIN <= (now or timezone.now())

    def state(self, now: dt.datetime | None = None) -> State:
        now = now or timezone.now()
        if not self.is_readable():
            return self.State.UNREADABLE
        if self.reconnect_reason:
            return self.State.RECONNECT_NEEDED
        if not self.refresh_token:
            return self.State.NOT_CONNECTED
        if not self.access_token or self.expires_in is None or self.expires_in <= now:
            return self.State.EXPIRED
        return self.State.EXPIRING if self.is_expired(now) else self.State.CONNECTED

    def scopes(self) -> list[str]:
        """What the connection was allowed. Zoho separates by spaces or commas."""
        return self.scope.replace(",", " ").split()

    def allows(self, product: str) -> bool:
        """Whether what it was allowed is known to be enough to mirror this product."""
        if product == ZohoUsage.Product.CRM:
            return CRM_READ.key in features_of(self.scopes())
        # A self client may have been made without what only names the organizations.
        return covers(self.scopes(), INVENTORY.scopes[0].name)

    def excess_scopes(self) -> list[str]:
        """What it was allowed that nothing here needs."""
        return excess(self.scopes())

    def accounts_url(self) -> str:
        return settings.ZOHO_ACCOUNTS_URL or data_center(self.data_center).accounts

    def api_url(self) -> str:
        return settings.ZOHO_API_URL or self.api_domain or data_center(self.data_center).api

    def crm_url(self) -> str:
        """Where CRM answers. Its test environments have hosts of their own, whatever a token's
        answer says: a test must not end up in production. Raises ZohoConfigError where no such
        host is known."""
        if settings.ZOHO_API_URL or self.environment == self.Environment.PRODUCTION:
            return self.api_url()
        return data_center(self.data_center).api_of(self.environment)

    def item_page(self, item_id: str) -> str:
        """The address of an item in Zoho's own pages; "" where Zoho is only simulated."""
        if settings.ZOHO_ACCOUNTS_URL:
            return ""
        host = data_center(self.data_center).inventory
        return f"{host}/app/{self.organization_id}#/inventory/items/{item_id}"

    def forget_access(self) -> None:
        """The secrets changed: nothing learnt with the old ones holds."""
        self.access_token = self.scope = self.api_domain = self.reconnect_reason = ""
        self.expires_in = self.refresh_not_before = self.refresh_failing_since = None
        self.refresh_failures = 0
