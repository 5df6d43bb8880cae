"""The letters, through a real SMTP server and into Django's outbox."""

import smtplib
import socket
import ssl

import pytest
from django_celery_beat.models import PeriodicTask

from integrations.models import ZohoCredential
from notices.kinds import Condition, Kind
from notices.mail import send_test, tell, trouble
from notices.models import Notice, Pulse, Telling
from notices.watch import check

pytestmark = pytest.mark.django_db

FAILED = Condition(
    Kind.SYNC_FAILED,
    "products_and_services.product",
    "Products #7 failed: Zoho does not answer. What was read is kept.",
    "/admin/sync/syncrun/7/change/",
)
STALE = Condition(Kind.STALE, "products_and_services.product", "Products are old.", "/admin/runs/")


@pytest.fixture(autouse=True)
def calm(db):
    Pulse.objects.all().delete()
    PeriodicTask.objects.all().delete()


def test_one_mail_gathers_all_the_news_the_gravest_first(reader, mailoutbox, settings):
    """Three mails for one trouble are two too many."""
    settings.SITE_URL = "https://back-office.example.com"
    Notice.open(STALE)
    Notice.open(FAILED)

    tell()

    (mail,) = mailoutbox
    assert mail.subject == "[Zoho Sync] A sync failed, and 1 more"
    assert mail.from_email == "zoho-sync@example.com"
    assert mail.extra_headers["Auto-Submitted"] == "auto-generated"
    assert mail.body.index(FAILED.words) < mail.body.index(STALE.words)
    assert "What to do: Look at the run." in mail.body
    assert "\nhttps://back-office.example.com/admin/sync/syncrun/7/change/\n" in mail.body
    assert "https://back-office.example.com/notices/tell-me/" in mail.body


def test_without_an_address_of_the_site_the_page_is_named(reader, mailoutbox, settings):
    """A link that leads nowhere is worse than none."""
    settings.SITE_URL = ""
    Notice.open(FAILED)

    tell()

    (mail,) = mailoutbox
    assert "Where: in the admin, Sync → Sync runs" in mail.body
    assert "http" not in mail.body


def test_words_with_signs_of_html_come_as_they_are(reader, mailoutbox):
    """The mail is plain text."""
    Notice.open(Condition(Kind.LOW_STOCK, "a", "1 product", "", 'Desk <"A & B">: 3 pcs'))

    tell()

    assert 'Desk <"A & B">: 3 pcs' in mailoutbox[0].body


def test_a_real_server_takes_the_mail_and_the_refused_one_is_tried_again(
    credential, make_reader, smtp
):
    """One connection for all; who is refused costs nobody else's mail."""
    for name in ("ada", "bob", "eve"):
        make_reader(name)
    smtp.refused = {"bob"}
    ZohoCredential.objects.update(reconnect_reason="Zoho no longer accepts the refresh token.")

    check()

    assert sorted(to for (to,), _ in smtp.mails) == ["ada@example.com", "eve@example.com"]
    assert "Subject: [Zoho Sync] Zoho must be connected again" in smtp.mails[0][1]
    assert Telling.pending().get().subscription.user.username == "bob"

    smtp.refused = set()
    check()

    assert [to for to, _ in smtp.mails[2:]] == [["bob@example.com"]]


def test_a_server_that_came_back_gets_what_it_missed(credential, make_reader, smtp, settings):
    """The port where nobody listens, then the one where somebody does."""
    make_reader()
    there = settings.EMAIL_PORT
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.EMAIL_PORT = nobody.getsockname()[1]
        Notice.open(FAILED)
        tell()

    settings.EMAIL_PORT = there
    tell()
    tell()

    assert len(smtp.mails) == 1


def test_a_test_mail_through_a_real_server(smtp):
    """The button's own road."""
    send_test("ada@example.com")

    ((to, text),) = smtp.mails
    assert to == ["ada@example.com"]
    assert "test mail that you asked for" in text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (smtplib.SMTPAuthenticationError(535, b"hunter2"), "EMAIL_HOST_PASSWORD"),
        (smtplib.SMTPNotSupportedError("hunter2"), "EMAIL_SECURITY"),
        (smtplib.SMTPSenderRefused(550, b"hunter2", "hunter2"), "DEFAULT_FROM_EMAIL"),
        (smtplib.SMTPRecipientsRefused({"hunter2": (550, b"")}), "recipient's address"),
        (smtplib.SMTPDataError(554, b"hunter2"), "(554)"),
        (smtplib.SMTPServerDisconnected("hunter2"), "cannot be reached"),
        (ssl.SSLError("hunter2"), "EMAIL_SECURITY"),
        (socket.gaierror("hunter2"), "EMAIL_HOST is not known"),
        (TimeoutError("hunter2"), "cannot be reached"),
        (ConnectionRefusedError("hunter2"), "cannot be reached"),
        (OSError("hunter2"), "OSError"),
        (ValueError("hunter2"), "ValueError"),
    ],
)
def test_each_trouble_has_its_words_and_quotes_nothing(error, words):
    """They name the setting to look at; what servers say may hold addresses and worse."""
    assert words in trouble(error)
    assert "hunter2" not in trouble(error)
