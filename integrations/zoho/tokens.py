"""Access tokens: one shared by everybody, refreshed once, under one row lock.

Zoho mints at most ten access tokens per refresh token in ten minutes and keeps fifteen alive, so
threads, processes and machines share the one in the database. Whoever finds it stale locks the
row and reads again: only the first to get the lock asks Zoho.

Whatever is done with a token goes on record in the audit log. Where that cannot be written, no
token is handed out, and none is kept.

Source: https://www.zoho.com/crm/developer/docs/api/v8/refresh.html and .../token-validity.html
"""

import datetime as dt
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import requests
import structlog
from django.db import transaction
from django.utils import timezone

from backoffice.redaction import remember_secret
from integrations.models import AuditEvent, ZohoCredential, ZohoUsage
from integrations.zoho.data_centers import data_center, is_loopback, is_trusted_url, origin
from integrations.zoho.errors import (
    TryAgain,
    ZohoAuthError,
    ZohoConfigError,
    ZohoError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.session import TooLargeError, exchange, open_session
from integrations.zoho.storage import our_database

log = structlog.get_logger(__name__)
Did = AuditEvent.Action
OnRecord = Callable[..., AuditEvent]

TOKEN_TIMEOUT = (5, 15)  # connect, read; seconds
# The row lock is held no longer than `seconds`, whatever drips in.
TOKEN_BOUNDS: dict[str, Any] = {"seconds": 20.0, "most": 2**20}
DEFAULT_LIFETIME = 3600  # seconds; `expires_in` has been missing from answers now and then
# How long a caller goes by the token it has read, in seconds. A newer one, or none, is found when
# this is over, or when Zoho refuses the one at hand.
READ_AGAIN_AFTER = 5.0
# Seconds to wait after a failed attempt, growing with their number: at most five in ten minutes,
# whatever the sign-in server answers, by all workers together.
WAITS = (30, 60, 120, 240, 480, 960, 1800)
# An outage as long as this is waited out; a longer one counts as trouble of each run.
PATIENCE = dt.timedelta(hours=1)
LONGEST_PAUSE = dt.timedelta(days=1, minutes=5)
# Zoho clears "Access Denied" after five to fifteen minutes of silence.
ACCESS_DENIED_WAIT = dt.timedelta(minutes=10)

# The only answers that mean a person must act. Anything unknown is "try later": a connection is
# never declared dead for a body nobody has seen before.
FINAL_ERRORS = {
    "invalid_code": "Zoho no longer accepts the refresh token (revoked, replaced, or made for "
    "another client or data centre).",
    "invalid_client": "Zoho does not know this client ID in the chosen data centre.",
    # pragma: allowlist nextline secret
    "invalid_client_secret": "Zoho does not accept the client secret.",
}
WHAT_TO_DO = "Everything already synced is kept. Enter new credentials to go on."


def get_valid_token() -> str:
    """An access token good for at least five more minutes, refreshing it if it must be.

    Raises ZohoConfigError (not connected), ZohoAuthError (reconnect needed), TryAgain or
    ZohoDatabaseError.
    """
    return ZohoTokens().current()


class ZohoTokens:
    """Reads and refreshes the stored token. `purpose` says whose work a new one is minted for,
    `product` whose page of the ledger tells it; the token is the same for all products. `user` is
    who waits for it, None a worker."""

    def __init__(
        self,
        purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON,
        product: ZohoUsage.Product = ZohoUsage.Product.INVENTORY,
        user: Any = None,
    ) -> None:
        self.purpose = purpose
        self.product = product
        self.user = user
        self._token = ""
        self._is_on_record = False
        self._read_again_at = 0.0

    @our_database("The token for Zoho could not be read, so nothing was sent.")
    def current(self) -> str:
        """Asked before each call: a sweep of a thousand pages reads the row now and then only."""
        if time.monotonic() >= self._read_again_at:
            names = ("access_token", "expires_in", "organization_id")
            credential = ZohoCredential.objects.only(*names).first()
            usable = credential is not None and _usable(credential)
            self._token = credential.access_token if credential and usable else self.refresh()
            if not self._is_on_record:
                # Once for a client, not for each call: a sync makes thousands.
                self._on_record(credential)(Did.TOKEN_READ)
                self._is_on_record = True
            self._read_again_at = time.monotonic() + READ_AGAIN_AFTER
        return self._token

    @our_database("The token for Zoho could not be renewed; the next call tries it again.")
    def refresh(self, rejected: str | None = None) -> str:
        """Ask Zoho for a new token, unless somebody already has.

        `rejected` is a token that Zoho refused although it looked valid. Runs in a transaction
        of its own: inside another one the new token could be rolled back after Zoho minted it,
        and the row lock would be held for as long as that one lasts.
        """
        self._read_again_at = 0.0
        failure: ZohoError | None = None
        with transaction.atomic(durable=True):
            credential = ZohoCredential.objects.select_for_update().first()
            if credential is None:
                credential = ZohoCredential.load()  # raises the sentence for "not connected"
            if _usable(credential, rejected):
                return credential.access_token
            _refuse_hopeless(credential)
            try:
                answer = _request_token(
                    credential,
                    self._on_record(credential),
                    grant_type="refresh_token",
                    refresh_token=credential.refresh_token,
                )
            except ZohoError as error:
                # Raised after the commit: what we learnt must not be rolled back.
                failure = error
                _note_failure(credential, error)
            else:
                _accept(credential, answer)
                ZohoUsage.count(self.purpose, self.product, tokens=1)
        if failure:
            raise failure
        return credential.access_token

    def _on_record(self, credential: ZohoCredential | None) -> OnRecord:
        whose = {"purpose": self.purpose, "product": self.product}
        return partial(AuditEvent.record, user=self.user, about=str(credential or ""), **whose)


@our_database("The code is used up, and nothing of the connection was changed. Begin anew.")
def exchange_code(
    credential: ZohoCredential,
    code: str,
    redirect_uri: str = "",
    *,
    user: Any = None,
    via: str = "",
) -> None:
    """Turn a grant code into tokens on an unsaved `credential`.

    A self client's code needs no `redirect_uri`. `user` and `via` are for the audit log. Raises
    ZohoAuthError when Zoho refuses the code, or gives no refresh token.
    """
    remember_secret(code)
    extra = {"redirect_uri": redirect_uri} if redirect_uri else {}
    on_record = partial(AuditEvent.record, user=user, about=str(credential), via=via)
    answer = _request_token(
        credential, on_record, grant_type="authorization_code", code=code, **extra
    )
    if not answer.get("refresh_token"):
        raise ZohoAuthError(
            "Zoho accepted the code but sent no refresh token. Ask for a new code with offline "
            "access and consent. Nothing was changed."
        )
    _accept(credential, answer)


@our_database("Zoho was told to end the connection, and here it still stands. End it again.")
def revoke(credential: ZohoCredential, user: Any = None) -> bool:
    """Tell Zoho that the refresh token, and what was minted from it, is good no longer.

    False when Zoho could not be reached or did not agree; the token is then still alive there.
    """
    if not credential.refresh_token:
        return True
    url = f"{credential.accounts_url()}/oauth/v2/token/revoke"
    form = {"token": credential.refresh_token}
    try:
        with open_session(url) as session:
            response, _ = exchange(
                session, "POST", url, data=form, timeout=TOKEN_TIMEOUT, **TOKEN_BOUNDS
            )
    except (requests.RequestException, TooLargeError) as error:
        log.warning("The refresh token could not be revoked", error=type(error).__name__)
        told = False
    else:
        told = response.status_code == 200
    AuditEvent.record(Did.TOKEN_REVOKED, user=user, about=str(credential), zoho_agreed=told)
    return told


@our_database("Nothing was stored.")
def verify(credential: ZohoCredential, *, via: str) -> None:
    """Prove an unsaved connection by a refresh. Raises as `ZohoTokens.refresh` does."""
    _refuse_hopeless(credential)
    answer = _request_token(
        credential,
        partial(AuditEvent.record, about=str(credential), via=via),
        grant_type="refresh_token",
        refresh_token=credential.refresh_token,
    )
    _accept(credential, answer)


def _usable(credential: ZohoCredential, rejected: str | None = None) -> bool:
    return not credential.is_expired() and credential.access_token != rejected


def _refuse_hopeless(credential: ZohoCredential) -> None:
    """Refuse early where Zoho is known to refuse, or nothing could be sent."""
    credential.require_readable()
    if credential.reconnect_reason:
        raise ZohoAuthError(f"Reconnect needed: {credential.reconnect_reason} {WHAT_TO_DO}")
    if not credential.refresh_token:
        raise ZohoConfigError(
            "Zoho is not connected: there is no refresh token. Enter one under Integrations → "
            "Zoho Credentials, or run manage.py zoho_connect."
        )
    pause = credential.refresh_not_before
    # A pause from the future was written by a clock that was wrong.
    if pause and timezone.now() < pause < timezone.now() + LONGEST_PAUSE:
        paused = ZohoRateLimitError(
            "Zoho's sign-in server gave no new token; the next attempt is at "
            f"{pause:%H:%M:%S} UTC.",
            retry_after=(pause - timezone.now()).total_seconds(),
        )
        paused.is_planned = _is_patient(credential)
        raise paused


def _request_token(credential: ZohoCredential, on_record: OnRecord, **grant: str) -> dict[str, Any]:
    """Ask for a token, and put on record how that ended."""
    is_code = grant["grant_type"] == "authorization_code"
    try:
        answer = _post_for_token(credential, grant)
    except ZohoError as error:
        refused = Did.CODE_REFUSED if is_code else Did.TOKEN_REFUSED
        on_record(refused, reason=_reason(error), status=error.status)
        raise
    on_record(Did.CODE_EXCHANGED if is_code else Did.TOKEN_REFRESHED)
    return answer


def _reason(error: ZohoError) -> str:
    """Zoho's word for it, where it is one that could be; else ours."""
    word = str(error.code or "")
    return word if word.replace("_", "").isalpha() else type(error).__name__


def _post_for_token(credential: ZohoCredential, grant: Mapping[str, str]) -> dict[str, Any]:
    """One POST to the accounts server. Success means the answer holds an access token.

    Errors arrive with HTTP 200 as well as 400, so the status proves nothing.
    """
    url = f"{credential.accounts_url()}/oauth/v2/token"
    if not is_trusted_url(url):
        raise ZohoConfigError("The accounts server is not a Zoho host; no secret was sent to it.")
    form = {
        "client_id": credential.client_id,
        "client_secret": credential.client_secret,
        **grant,
    }
    try:
        # A form body, never the query string: query strings end up in access logs.
        with open_session(url) as session:
            response, content = exchange(
                session, "POST", url, data=form, timeout=TOKEN_TIMEOUT, **TOKEN_BOUNDS
            )
    except (requests.RequestException, TooLargeError) as error:
        raise ZohoUnavailableError(
            f"Zoho's sign-in server did not answer ({type(error).__name__}). It will be tried "
            "again; nothing was changed."
        ) from error
    log.info("Asked for a token", host=url.split("/")[2], status=response.status_code)
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError) as error:
        if response.status_code == 429:
            raise _translated({}, response) from error
        raise ZohoUnavailableError(
            "Zoho's sign-in server answered with something other than JSON, "
            f"HTTP {response.status_code} from {url.split('/')[2]}. It will be tried again.",
            status=response.status_code,
        ) from error
    if isinstance(answer, dict) and answer.get("access_token"):
        return answer
    raise _translated(answer if isinstance(answer, dict) else {}, response)


def _translated(answer: Mapping[str, Any], response: requests.Response) -> ZohoError:
    name = str(answer.get("error", "")).lower().replace(" ", "_")[:60]
    status = response.status_code
    if name in FINAL_ERRORS:
        return ZohoAuthError(
            f"Reconnect needed: {FINAL_ERRORS[name]} {WHAT_TO_DO}", status=status, code=name
        )
    if name == "access_denied" or status == 429:
        return ZohoRateLimitError(
            "Zoho has handed out too many tokens in ten minutes and refuses more for now.",
            retry_after=ACCESS_DENIED_WAIT.total_seconds(),
            status=status,
            code=name,
        )
    known_word = name if name.replace("_", "").isalpha() else "no reason"
    log.warning("Zoho refused a token for an unknown reason", reason=known_word, status=status)
    return ZohoUnavailableError(
        f"Zoho's sign-in server refused for a reason we do not know ({known_word}, HTTP {status}). "
        "It will be tried again; if this goes on, check the connection.",
        status=status,
        code=name,
    )


def _note_failure(credential: ZohoCredential, error: ZohoError) -> None:
    if isinstance(error, ZohoAuthError) and not credential.reconnect_reason:
        credential.reconnect_reason = FINAL_ERRORS[str(error.code)]
        credential.save(update_fields=["reconnect_reason", "updated_at"])
        log.error("Reconnect needed", reason=error.code)
    elif isinstance(error, TryAgain):
        now = timezone.now()
        credential.refresh_failing_since = credential.refresh_failing_since or now
        wait = float(WAITS[min(credential.refresh_failures, len(WAITS) - 1)])
        if isinstance(error, ZohoRateLimitError):
            wait = max(wait, error.retry_after or 0)
        credential.refresh_failures += 1
        credential.refresh_not_before = now + dt.timedelta(seconds=wait)
        credential.save(
            update_fields=[
                "refresh_failing_since",
                "refresh_failures",
                "refresh_not_before",
                "updated_at",
            ]
        )
        error.retry_after = wait
        error.is_planned = _is_patient(credential)
        log.warning(
            "A token refresh failed and will be tried again",
            error=error.message,
            until=credential.refresh_not_before,
        )


def _is_patient(credential: ZohoCredential) -> bool:
    """Whether waiting for the sign-in server is still the plan, and no failure of a run."""
    since = credential.refresh_failing_since
    return since is None or timezone.now() - since < PATIENCE


def _accept(credential: ZohoCredential, answer: Mapping[str, Any]) -> None:
    """Keep what came and only what came: a refresh answer has no refresh token of its own."""
    credential.access_token = str(answer["access_token"])
    credential.refresh_token = str(answer.get("refresh_token") or credential.refresh_token)
    credential.expires_in = timezone.now() + dt.timedelta(seconds=_lifetime(answer))
    credential.scope = " ".join(str(answer.get("scope", "")).replace(",", " ").split()) or (
        credential.scope
    )
    credential.api_domain = _accepted_api_domain(credential, str(answer.get("api_domain") or ""))
    credential.reconnect_reason = ""
    credential.refresh_not_before = credential.refresh_failing_since = None
    credential.refresh_failures = 0
    credential.refreshed_at = timezone.now()
    if not credential._state.adding:
        credential.save()


def _lifetime(answer: Mapping[str, Any]) -> float:
    try:
        seconds = float(answer.get("expires_in") or DEFAULT_LIFETIME)
    except (TypeError, ValueError):
        seconds = DEFAULT_LIFETIME
    # Long ago Zoho counted in milliseconds; no token lives longer than an hour.
    return min(seconds, DEFAULT_LIFETIME) if seconds > 0 else DEFAULT_LIFETIME


def _accepted_api_domain(credential: ZohoCredential, url: str) -> str:
    """Zoho's `api_domain`, if it is this connection's own; otherwise what we had.

    The answer may not move a connection to another data centre or from a test host to
    production. Loopback counts only where the accounts server is loopback too.
    """
    if not url:
        return credential.api_domain
    url = origin(url)
    center = data_center(credential.data_center)
    if is_loopback(url):
        accepted = is_loopback(credential.accounts_url())
    else:
        accepted = is_trusted_url(url) and url.split("/")[2] in center.hosts
    if not accepted:
        log.warning("Zoho named an API host outside the connection's data centre; ignored")
        return credential.api_domain
    return url
