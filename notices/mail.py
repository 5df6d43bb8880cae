"""Letters: one to each person for all the news of a check."""

import smtplib
import socket
import ssl
from collections.abc import Iterable

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from notices.kinds import Kind
from notices.models import Subscription, Telling

log = structlog.get_logger(__name__)

WEIGHT = list(Kind)


def has_server() -> bool:
    """Whether this installation can send mail at all."""
    return bool(settings.EMAIL_HOST)


def tell() -> None:
    """Write to everybody who is still to be told something.

    What cannot be sent stays to be told, and the next check tries again: with a mail server that is
    away, nothing is lost. A process that dies between sending and noting it tells twice, ten
    minutes later; the other way round it would not tell at all.
    """
    waiting = set(Telling.pending().values_list("subscription", flat=True))
    if not waiting or not has_server():
        return
    connection = get_connection()
    try:
        connection.open()
    except (OSError, ValueError) as error:
        log.warning("The mail server cannot be used", reason=trouble(error))
        return
    try:
        for subscription in Subscription.objects.select_related("user").filter(pk__in=waiting):
            if subscription.claim():
                try:
                    write_to(subscription, connection)
                finally:
                    subscription.release()
    finally:
        hang_up(connection)


def write_to(subscription: Subscription, connection: object) -> None:
    """One mail with all their news."""
    pending = Telling.pending().filter(subscription=subscription)
    # Since it was noted that they are to be told, they may have lost the right, or the wish.
    pending.exclude(notice__kind__in=subscription.tells()).delete()
    tellings = sorted(
        pending.select_related("notice"),
        key=lambda telling: WEIGHT.index(Kind(telling.notice.kind)),
    )
    if not tellings:  # another check has told them meanwhile
        return
    try:
        letter(subscription, tellings, connection).send()
    except (OSError, ValueError) as error:
        log.warning("A mail could not be sent", user=subscription.user_id, reason=trouble(error))
        return
    now = timezone.now()
    told = [telling.pk for telling in tellings]
    over = [telling.pk for telling in tellings if telling.notice.closed_at]
    Telling.objects.filter(pk__in=told, told_at=None).update(told_at=now)
    Telling.objects.filter(pk__in=over).update(told_well_at=now)


def letter(
    subscription: Subscription, tellings: Iterable[Telling], connection: object
) -> EmailMessage:
    notices = [telling.notice for telling in tellings]
    # Low stock is news also when the next news has taken its place already.
    news = [n for n in notices if n.closed_at is None or n.kind == Kind.LOW_STOCK]
    over = [n for n in notices if n not in news]
    first = (news or over)[0].get_kind_display()
    subject = first if news else f"Well again: {first}"
    if len(notices) > 1:
        subject += f", and {len(notices) - 1} more"
    context = {
        "news": news,
        "over": over,
        "site": settings.SITE_URL,
        "choose": reverse("notices:tell-me"),
    }
    return EmailMessage(
        subject=f"[Zoho Sync] {subject}",
        body=render_to_string("notices/letter.txt", context),
        to=[subscription.user.email],
        headers={"Auto-Submitted": "auto-generated"},
        connection=connection,  # type: ignore[arg-type]
    )


def send_test(address: str) -> None:
    """Raises OSError or ValueError, for which `trouble` has the words."""
    EmailMessage(
        subject="[Zoho Sync] A test",
        body="This is the test mail that you asked for. Notices will reach you here.\n",
        to=[address],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()


def trouble(error: Exception) -> str:
    """Why a mail could not be sent: for staff and for the log, without address or password."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return "The mail server refuses EMAIL_HOST_USER and EMAIL_HOST_PASSWORD."
        case smtplib.SMTPNotSupportedError():
            return "The mail server does not offer what EMAIL_SECURITY or EMAIL_HOST_USER asks for."
        case smtplib.SMTPSenderRefused():
            return f"The mail server refuses DEFAULT_FROM_EMAIL as the sender ({error.smtp_code})."
        case smtplib.SMTPRecipientsRefused():
            return "The mail server refuses the recipient's address."
        case ssl.SSLError():
            return "No secure connection: EMAIL_SECURITY, EMAIL_PORT or the certificate is wrong."
        case socket.gaierror():
            return "The name in EMAIL_HOST is not known."
        case smtplib.SMTPResponseException():
            return f"The mail server answered with an error ({error.smtp_code})."
        case smtplib.SMTPServerDisconnected() | TimeoutError() | ConnectionError():
            return "The mail server at EMAIL_HOST and EMAIL_PORT cannot be reached."
        case _:
            return f"The mail could not be sent ({type(error).__name__})."


def hang_up(connection: object) -> None:
    try:
        connection.close()  # type: ignore[attr-defined]
    except OSError as error:
        log.info("The mail server did not say goodbye", reason=trouble(error))
