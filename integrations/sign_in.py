"""Signing in: how many failed attempts are allowed, and the record of who came, who was refused
and who left."""

import ipaddress
from collections.abc import Callable
from typing import Any

import structlog
from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase

from integrations.acting import acting_user, current_request
from integrations.models import AuditEvent

log = structlog.get_logger(__name__)

Did = AuditEvent.Action
# One address may try several accounts, and one account may be tried from several addresses, this
# many times as often as one account from one address: an office shares an address, and nobody
# should be able to lock out a colleague by a few typos elsewhere.
SHARED = 10


class SignInThrottle(AxesDatabaseHandler):
    """Counts failed attempts in the database, so that it works while Redis is down.

    Expects AXES_LOCKOUT_PARAMETERS to be account and address, address, account.
    """

    def get_failures(self, request: Any, credentials: dict | None = None) -> int:
        together, by_address, by_account = (
            sum(attempts.values_list("failures_since_start", flat=True))
            for attempts in self.get_user_attempts(request, credentials)
        )
        return max(together, by_address // SHARED, by_account // SHARED)

    def reset_user_attempts(self, request: Any, credentials: dict | None = None) -> int:
        """Forget this account's attempts from this address. Not all of either: else signing in to
        one's own account would let one go on guessing at others."""
        together, _, _ = self.filter_user_attempts(request, credentials)
        deleted, _ = together.delete()
        return int(deleted)


def client_address(request: HttpRequest) -> str | None:
    """Where a request comes from; of IPv6 the /64 network, of which a single customer has all.

    The last address in X-Forwarded-For is what our own proxy wrote; those before it are whatever
    the client sent.
    """
    sent = request.META.get("REMOTE_ADDR", "")
    if settings.SECURE_PROXY_SSL_HEADER:  # BEHIND_PROXY
        sent = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip() or sent
    try:
        address = ipaddress.ip_address(sent)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


@receiver(user_logged_in, dispatch_uid="record_sign_in")
def record_sign_in(request: Any, user: Any, **kwargs: Any) -> None:
    AuditEvent.record(Did.SIGNED_IN, user=user, address=_address(request))


@receiver(user_logged_out, dispatch_uid="record_sign_out")
def record_sign_out(request: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:
        AuditEvent.record(Did.SIGNED_OUT, user=user, address=_address(request))


@receiver(user_login_failed, dispatch_uid="record_refused_sign_in")
def record_refused_sign_in(credentials: dict, request: Any = None, **kwargs: Any) -> None:
    """What was typed is kept only where it names an account: else it may be a password."""
    if request is None:
        return
    locked = getattr(request, "axes_locked_out", False)
    if locked and request.axes_failures_since_start is None:
        return  # on record since it was locked; more rows would only be the stranger's
    users = get_user_model()._default_manager
    user = users.filter(**{get_user_model().USERNAME_FIELD: credentials.get("username")}).first()
    AuditEvent.record(
        Did.SIGN_IN_LOCKED if locked else Did.SIGN_IN_REFUSED,
        user=user or "unknown account",
        address=_address(request),
    )


def _address(request: Any) -> str:
    return (client_address(request) or "") if request else ""


class ActingUser:
    """Keeps the request at hand for `acting_user`, and records what a person was refused.

    Stands after AuthenticationMiddleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = current_request.set(request)
        try:
            return self.get_response(request)
        finally:
            current_request.reset(token)

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        user = acting_user()
        if user is None or not isinstance(error, PermissionDenied):
            return
        view = request.resolver_match.view_name if request.resolver_match else ""
        log.warning("Permission denied", user_id=user.pk, view=view)
        # Looking changes nothing, and a browser may ask for the same page again and again.
        if request.method == "POST":
            AuditEvent.record(Did.ACCESS_REFUSED, user=user, about=view)
