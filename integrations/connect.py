"""Connecting with Zoho through the browser: consent, its answer, the choice of an organisation.

Source: https://www.zoho.com/accounts/protocol/oauth/web-apps/authorization.html and
https://www.zoho.com/accounts/protocol/oauth/multi-dc.html
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import structlog
from django.db import transaction

from integrations.models import AuditEvent, ConnectAttempt, ZohoCredential
from integrations.models.attempt import digest
from integrations.signals import connected
from integrations.zoho.budget import Budget
from integrations.zoho.data_centers import DATA_CENTERS, is_trusted_url, origin
from integrations.zoho.errors import ZohoAuthError, ZohoConfigError, ZohoError
from integrations.zoho.inventory_answers import inventory_answer
from integrations.zoho.scopes import scopes_of
from integrations.zoho.tokens import exchange_code, revoke
from integrations.zoho.transport import Transport

log = structlog.get_logger(__name__)


VIA = "Connect with Zoho"
AGAIN = "Press Connect with Zoho to begin anew."
NEW_CODE = "Generate a new code in Zoho's console and paste it here."


class ConnectError(ZohoError):
    """The attempt ended without a connection; the message says why, and what to do."""


@dataclass(frozen=True)
class Organisation:
    id: str
    name: str


def consent_url(attempt: ConnectAttempt, state: str, features: Collection[str] = ()) -> str:
    """Where the person says yes or no to reading Inventory and to these features of scopes.py.

    `prompt=consent`, because Zoho gives a refresh token on a second consent only when asked so.
    """
    query = {
        "response_type": "code",
        "client_id": attempt.credential().client_id,
        "scope": ",".join(scopes_of(features)),
        "redirect_uri": attempt.redirect_uri,
        "access_type": "offline",
        "prompt": "consent",
        "state": state,
    }
    return f"{attempt.credential().accounts_url()}/oauth/v2/auth?{urlencode(query)}"


def receive(answer: Mapping[str, str], user: Any, session_key: str) -> ConnectAttempt:
    """Take what Zoho sent the browser back with; the attempt, now holding tokens.

    Raises ConnectError, each cause with its own sentence. Nothing of the present connection is
    changed.
    """
    attempt = ConnectAttempt.objects.filter(state_digest=digest(answer.get("state", ""))).first()
    if attempt is None or not attempt.belongs_to(user, session_key):
        raise ConnectError(
            "This answer does not belong to a connection that you began in this browser session. "
            f"Nothing was changed. {AGAIN}"
        )
    if attempt.is_over():
        raise ConnectError(f"More than ten minutes have passed. Nothing was changed. {AGAIN}")
    if not attempt.use():
        raise ConnectError(
            "This answer of Zoho's was used already: each is good for once. The connection is as "
            "shown below."
        )
    if answer.get("error"):
        refused = answer["error"] == "access_denied"
        raise ConnectError(
            "Zoho was not allowed the access. Nothing was changed. If that was a mistake, press "
            "Connect with Zoho once more."
            if refused
            else f"Zoho did not agree to the request. Nothing was changed. {AGAIN}"
        )
    _check_home(attempt, answer)
    if not answer.get("code"):
        raise ConnectError(f"Zoho's answer came without a code. Nothing was changed. {AGAIN}")
    redeem(attempt, answer["code"], attempt.redirect_uri)
    return attempt


def redeem(attempt: ConnectAttempt, code: str, redirect_uri: str = "") -> None:
    """Turn the code into tokens that the attempt keeps. A self client's goes without address.

    Raises ConnectError; nothing of the present connection is changed.
    """
    credential = attempt.credential()
    again = AGAIN if redirect_uri else NEW_CODE
    try:
        exchange_code(credential, code, redirect_uri, user=attempt.user, via=VIA)
    except ZohoAuthError as error:
        if error.code == "invalid_code":
            raise ConnectError(
                "Zoho no longer accepts the code: it lives for minutes, and only once. "
                f"Nothing was changed. {again}",
                code=error.code,
            ) from error
        raise ConnectError(f"{error.message} {again}", code=error.code) from error
    attempt.keep(credential)


def _check_home(attempt: ConnectAttempt, answer: Mapping[str, str]) -> None:
    """The client secret goes to the accounts server of the data centre that was chosen, and to no
    other that the browser may name."""
    server, location = answer.get("accounts-server", ""), answer.get("location", "")
    if server and not is_trusted_url(origin(server)):
        raise ConnectError(
            "The answer names a server that is not Zoho's, so nothing was sent to it and nothing "
            "was changed. Close the page it came from, and begin anew here."
        )
    known = location in DATA_CENTERS and location != attempt.data_center
    if known and server != attempt.credential().accounts_url():
        raise ConnectError(
            f"Your Zoho account lives in {DATA_CENTERS[location].name}, not in "
            f"{DATA_CENTERS[attempt.data_center].name}. Nothing was changed. Choose that data "
            "centre, with the client secret that it shows for your client, and connect again."
        )


def organisations(credential: ZohoCredential) -> list[Organisation]:
    """The organisations that the connection may see; one call.

    Empty when Zoho does not let us list them: the id then has to be typed.
    """
    tokens = _OneToken(credential.access_token)
    transport = Transport(tokens, Budget(), inventory_answer)  # type: ignore[arg-type]
    try:
        body = transport.get(f"{credential.api_url()}/inventory/v1/organizations", {})
    except ZohoError as error:
        log.warning("The organisations could not be listed", reason=error.message)
        return []
    finally:
        transport.close()
    rows = body.get("organizations")
    return [
        Organisation(str(row["organization_id"]), str(row.get("name", "")))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and str(row.get("organization_id", "")).isdecimal()
    ]


class _OneToken:
    """A token service for a connection that is not stored yet."""

    def __init__(self, token: str) -> None:
        self.token = token

    def current(self) -> str:
        return self.token

    def refresh(self, rejected: str | None = None) -> str:
        raise ZohoAuthError("Zoho refuses the new token.")


def choose(attempt: ConnectAttempt, organization_id: str) -> ZohoCredential:
    """Make this the connection, for that organisation. A refresh token that it replaces is revoked
    at Zoho. Raises ZohoConfigError when the attempt holds no tokens: Zoho has not agreed, or
    another request was faster."""
    with transaction.atomic():
        held = ConnectAttempt.objects.select_for_update().filter(pk=attempt.pk).first()
        credential = held.credential() if held else None
        if credential is None or not credential.refresh_token:
            raise ZohoConfigError(f"Zoho has not agreed to this connection. {AGAIN}")
        known = ZohoCredential.objects.select_for_update().first()
        if known is not None:
            credential.created_at = known.created_at
            credential._state.adding = False
        credential.organization_id = organization_id
        credential.save()
        AuditEvent.record(
            AuditEvent.Action.CONNECTION_MADE,
            user=attempt.user,
            about=str(credential),
            via=VIA,
            data_center=credential.data_center,
            scopes=credential.scopes(),
        )
        connected.send(ZohoCredential, credential=credential)
        attempt.delete()
    if known and known.refresh_token not in ("", credential.refresh_token):
        revoke(known, attempt.user)
    log.info("Connected", data_center=credential.data_center)
    return credential


def disconnect(user: Any = None) -> bool:
    """Give the refresh token back to Zoho and forget it; False when Zoho could not be told.

    What was synced stays, and so do client id and secret, for the next connection.
    """
    credential = ZohoCredential.load()
    told = revoke(credential, user)
    credential.refresh_token = ""
    credential.forget_access()
    with transaction.atomic():
        credential.save()
        AuditEvent.record(
            AuditEvent.Action.CONNECTION_ENDED, user=user, about=str(credential), zoho_told=told
        )
    return told
