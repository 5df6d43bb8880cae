"""One try to connect, from the form to the organisation: what must be remembered meanwhile."""

import datetime as dt
import hashlib
import json
import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone

from backoffice.encryption import UNREADABLE, EncryptedTextField, Unreadable
from integrations.models.credential import ZohoCredential
from integrations.zoho.data_centers import DATA_CENTERS
from integrations.zoho.errors import ZohoConfigError

LIFETIME = dt.timedelta(minutes=10)
# Time to choose the organisation in, once Zoho has agreed; then the sealed tokens are forgotten.
KEPT = dt.timedelta(hours=1)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class ConnectAttempt(models.Model):
    """Bound to one person and one session, good for one answer within ten minutes.

    `sealed` holds the client's id and secret and, once Zoho has agreed, the tokens: nothing of it
    touches the working connection before the organisation is chosen.
    """

    state_digest = models.CharField(max_length=64, unique=True, editable=False)
    session_digest = models.CharField(max_length=64, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    data_center = models.CharField(
        max_length=2, choices=[(dc.location, dc.name) for dc in DATA_CENTERS.values()]
    )
    redirect_uri = models.URLField()
    sealed = EncryptedTextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Attempt {self.pk} to connect"

    @classmethod
    def begin(
        cls,
        user: Any,
        session_key: str,
        *,
        data_center: str,
        redirect_uri: str,
        client_id: str,
        client_secret: str,
    ) -> tuple["ConnectAttempt", str]:
        """A new attempt, and the `state` that is sent to Zoho; only its digest is stored."""
        cls.forget_old()
        state = secrets.token_urlsafe(32)
        attempt = cls.objects.create(
            state_digest=digest(state),
            session_digest=digest(session_key),
            user=user,
            data_center=data_center,
            redirect_uri=redirect_uri,
            sealed=json.dumps({"client_id": client_id, "client_secret": client_secret}),
        )
        return attempt, state

    @classmethod
    def forget_old(cls) -> None:
        cls.objects.filter(created_at__lt=timezone.now() - KEPT).delete()

    def belongs_to(self, user: Any, session_key: str) -> bool:
        return self.user_id == user.pk and self.session_digest == digest(session_key)

    def is_over(self) -> bool:
        return self.created_at < timezone.now() - LIFETIME

    def use(self) -> bool:
        """Take the one answer this attempt is good for; only the first caller gets it."""
        now = timezone.now()
        return bool(ConnectAttempt.objects.filter(pk=self.pk, used_at=None).update(used_at=now))

    def credential(self) -> ZohoCredential:
        """An unsaved connection with what is sealed here. Raises ZohoConfigError when no key fits
        it."""
        if isinstance(self.sealed, Unreadable):
            raise ZohoConfigError(UNREADABLE)
        known = json.loads(self.sealed)
        if known.get("expires_in"):
            known["expires_in"] = dt.datetime.fromisoformat(known["expires_in"])
        return ZohoCredential(data_center=self.data_center, **known)

    def keep(self, credential: ZohoCredential) -> None:
        """Seal the tokens that Zoho has given."""
        assert credential.expires_in is not None
        self.sealed = json.dumps(
            {
                "client_id": credential.client_id,
                "client_secret": credential.client_secret,
                "refresh_token": credential.refresh_token,
                "access_token": credential.access_token,
                "expires_in": credential.expires_in.isoformat(),
                "scope": credential.scope,
                "api_domain": credential.api_domain,
            }
        )
        self.save(update_fields=["sealed"])
