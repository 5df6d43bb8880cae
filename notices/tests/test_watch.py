"""Told once when it begins, and once when it is well again."""

import datetime as dt
import smtplib
import threading

import pytest
from django.contrib.auth.models import Permission
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from crm_accounts.models import ChangeRequest
from integrations.models import ZohoCredential
from notices import watch
from notices.kinds import Condition, Kind
from notices.mail import tell
from notices.models import Notice, Pulse, Subscription, Telling
from notices.watch import check
from products_and_services.models import Product
from products_and_services.services import SyncFailedError
from sync.models import SyncRun

pytestmark = pytest.mark.django_db

REFUSED = "Zoho no longer accepts the refresh token."


@pytest.fixture(autouse=True)
def calm(db):
    """Nothing is wrong but what a test does."""
    Pulse.objects.all().delete()
    PeriodicTask.objects.all().delete()


def refuse(reason=REFUSED):
    ZohoCredential.objects.update(reconnect_reason=reason)


def subjects(outbox):
    return [mail.subject.removeprefix("[Zoho Sync] ") for mail in outbox]


class AwayBackend(EmailBackend):
    """A mail server that does not answer."""

    def open(self):
        raise ConnectionRefusedError


class PickyBackend(EmailBackend):
    """A mail server that refuses one person."""

    def send_messages(self, messages):
        for message in messages:
            if message.to == ["bob@example.com"]:
                raise smtplib.SMTPRecipientsRefused({"bob@example.com": (550, b"no such mailbox")})
        return super().send_messages(messages)


def backend(cls):
    return f"{__name__}.{cls.__name__}"


def test_a_refused_refresh_is_told_once_and_once_more_when_it_is_well(
    credential, reader, mailoutbox
):
    """On the change of state, not at each look."""
    check()
    assert mailoutbox == []

    refuse()
    for _ in range(3):
        check()
    refuse("")
    for _ in range(3):
        check()

    assert subjects(mailoutbox) == [
        "Zoho must be connected again",
        "Well again: Zoho must be connected again",
    ]
    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]] * 2
    notice = Notice.objects.get()
    assert notice.opened_at < notice.closed_at


def test_staff_are_alerted_when_zoho_revokes_the_connection(zoho, sync, reader, mailoutbox):
    """The whole road, from Zoho's refusal to the mail."""
    zoho.add_item(name="Desk")
    sync()
    check()
    zoho.revoke_refresh_token()
    zoho.expire_access_tokens()
    ZohoCredential.objects.update(access_token="", expires_in=None)
    with pytest.raises(SyncFailedError):
        sync()

    check()
    check()

    (mail,) = mailoutbox
    assert mail.subject == "[Zoho Sync] Zoho must be connected again, and 1 more"
    assert mail.body.count("Reconnect needed: ") == 2  # the connection's own words, and the run's
    assert "Everything already synced is kept." in mail.body
    assert "A sync failed" in mail.body


@pytest.fixture
def old_stock(settings):
    """The last full run began longer ago than is promised; nothing is promised of items."""
    settings.SYNC_FRESH_HOURS, settings.SYNC_FULL_FRESH_HOURS = 0, 26
    began = timezone.now() - dt.timedelta(hours=27)
    make_run(state="succeeded", started_at=began, finished_at=began)


def make_run(**fields):
    kind = Product._meta.label_lower
    fields = {"state": "running", "heartbeat_at": timezone.now(), **fields}
    return SyncRun.objects.create(kind=kind, trigger="schedule", task_name="x", **fields)


def test_old_data_is_no_news_while_a_run_is_on_its_way_that_renews_it(
    old_stock, reader, mailoutbox
):
    """Where syncs come just as often as is promised, each would bring two mails."""
    run = make_run()
    check()
    assert mailoutbox == []

    run.cancel("Cancelled by olga.")
    check()

    assert subjects(mailoutbox) == ["Data is older than promised"]


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "changed"},
        {"dry_run": True},
        {"state": "queued"},
        {"silent_for": dt.timedelta(minutes=3)},
    ],
)
def test_old_data_is_news_where_no_run_renews_it(old_stock, reader, mailoutbox, fields):
    """One of changes reads no stock, a dry run keeps nothing, and one that nobody carries may never
    end."""
    if "silent_for" in fields:
        fields = {"heartbeat_at": timezone.now() - fields["silent_for"]}
    make_run(**fields)

    check()

    assert subjects(mailoutbox) == ["Data is older than promised"]


def test_what_was_told_is_over_when_the_data_is_there(old_stock, reader, mailoutbox):
    """Not when a run begins that may fail."""
    check()
    run = make_run()
    check()
    assert len(mailoutbox) == 1

    now = timezone.now()
    SyncRun.objects.filter(pk=run.pk).update(state="succeeded", started_at=now, finished_at=now)
    check()

    assert subjects(mailoutbox)[1:] == ["Well again: Data is older than promised"]


def test_what_comes_again_is_told_again(credential, reader, mailoutbox):
    """A notice is one time of being unwell."""
    for reason in (REFUSED, "", REFUSED):
        refuse(reason)
        check()

    assert len(mailoutbox) == 3
    assert Notice.objects.count() == 2
    assert Notice.objects.filter(closed_at=None).count() == 1


def test_only_the_chosen_kinds_are_told(credential, make_reader, mail_server, mailoutbox):
    """Whoever counts the stock need not know of tokens."""
    make_reader("ada", [Kind.RECONNECT])
    make_reader("bob", [Kind.LOW_STOCK])
    make_reader("eve", [])
    refuse()

    check()

    assert [mail.to for mail in mailoutbox] == [["ada@example.com"]]


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"is_staff": False}, {"email": ""}, {"permission": False}]
)
def test_who_may_no_longer_see_notices_is_told_none(
    credential, reader, mailoutbox, settings, change
):
    """Also not of what was still to be sent when the right was taken."""
    settings.EMAIL_BACKEND = backend(AwayBackend)
    refuse()
    check()
    assert Telling.pending().count() == 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    if change == {"permission": False}:
        reader.user_permissions.clear()
    else:
        for name, value in change.items():
            setattr(reader, name, value)
        reader.save()

    check()

    assert mailoutbox == []
    assert Telling.pending().count() == 0


def test_an_approval_is_asked_of_who_may_give_it_and_its_end_is_no_news(
    make_reader, mail_server, mailoutbox
):
    """Nor is one that somebody gave before the mail was written."""
    make_reader("ada", rights=("view_notice",))
    make_reader("olga", rights=("view_notice", "approve_zoho_changes"))
    until = timezone.now() + dt.timedelta(hours=1)
    asked = ChangeRequest.objects.create(state="pending", origin="page", expires_at=until)

    check()
    asked.turn((ChangeRequest.State.PENDING,), ChangeRequest.State.APPROVED)
    check()
    Notice.open(Condition(Kind.APPROVAL, "9", "Another.")).close()
    check()

    assert [mail.to for mail in mailoutbox] == [["olga@example.com"]]
    assert "Changes wait for approval" in mailoutbox[0].subject


def test_low_stock_is_mailed_to_who_may_see_products(make_reader, mail_server, mailoutbox):
    """Names and numbers of products are for no others, also when the right was taken only after
    the news had come."""
    make_reader("ada", rights=["view_notice"])
    bob = make_reader("bob")
    make_reader("eve")
    Notice.open(Condition(Kind.LOW_STOCK, "a", "1 product newly low.", "", "Desk: 3"))
    bob.user_permissions.remove(Permission.objects.get(codename="view_product"))

    tell()

    assert [mail.to for mail in mailoutbox] == [["eve@example.com"]]
    assert Telling.pending().count() == 0


def test_who_no_longer_wants_to_know_is_not_told_that_it_is_well(credential, reader, mailoutbox):
    """A wish counts when the mail is written."""
    refuse()
    check()
    Subscription.objects.update(kinds=[Kind.LOW_STOCK])

    refuse("")
    check()

    assert len(mailoutbox) == 1
    assert Telling.pending().count() == 0


def test_new_words_for_the_same_thing_are_kept_and_not_told_again(credential, reader, mailoutbox):
    """The list shows how it stands; the mail came when it began."""
    refuse()
    check()

    refuse("Zoho knows no such client.")
    check()

    assert "Zoho knows no such client." in Notice.objects.get().words
    assert len(mailoutbox) == 1


def test_a_mail_server_that_is_away_loses_nothing(credential, reader, mailoutbox, settings):
    """What could not be sent is sent by a later check; also what was over by then, in one mail."""
    settings.EMAIL_BACKEND = backend(AwayBackend)
    refuse()
    check()
    Notice.open(Condition(Kind.SYNC_FAILED, "test", "It failed."))
    Notice.objects.get(kind=Kind.SYNC_FAILED).close()
    check()
    assert mailoutbox == []

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    check()
    check()

    (mail,) = mailoutbox
    assert mail.subject == "[Zoho Sync] Zoho must be connected again, and 1 more"
    assert REFUSED in mail.body
    assert "Well again: A sync failed" in mail.body


def test_one_address_that_is_refused_keeps_no_mail_from_others(
    credential, make_reader, mail_server, mailoutbox, settings, caplog
):
    """Nor is theirs sent twice when the refused one is tried again; the log names no address."""
    settings.EMAIL_BACKEND = backend(PickyBackend)
    for name in ("ada", "bob", "eve"):
        make_reader(name)
    refuse()

    check()
    check()

    assert sorted(mail.to[0] for mail in mailoutbox) == ["ada@example.com", "eve@example.com"]
    assert Telling.pending().get().subscription.user.username == "bob"
    assert "A mail could not be sent" in caplog.text
    assert "example.com" not in caplog.text


def test_what_could_not_be_mailed_for_days_is_given_up(credential, reader, mailoutbox, settings):
    """An address that does not exist must not be asked for once a minute for ever."""
    settings.EMAIL_BACKEND = backend(AwayBackend)
    refuse()
    check()

    Notice.objects.update(opened_at=timezone.now() - dt.timedelta(days=4))

    assert Telling.pending().count() == 0


def test_without_a_mail_server_notices_are_kept_for_the_admin(
    credential, make_reader, settings, mailoutbox
):
    """Mail is one way to be told, the list is the other."""
    settings.EMAIL_HOST = ""
    make_reader()
    refuse()

    check()

    assert mailoutbox == []
    assert Notice.objects.get().closed_at is None


def test_a_person_whose_mail_is_being_written_is_left_to_that_check(credential, reader, mailoutbox):
    """A mail may take longer than a minute; a check that died of it is waited for ten."""
    refuse()
    Notice.open(watch.conditions()[0])
    Subscription.objects.update(mailing_since=timezone.now())
    tell()
    assert mailoutbox == []

    Subscription.objects.update(mailing_since=timezone.now() - dt.timedelta(minutes=11))
    tell()

    assert len(mailoutbox) == 1
    assert Subscription.objects.get().mailing_since is None


def test_many_workers_look_once(credential, settings):
    """Each sends its check each minute; the second within half of that does nothing."""
    settings.NOTICE_CHECK_EVERY = 60

    assert check() is True
    assert check() is False

    Pulse.objects.update(at=timezone.now() - dt.timedelta(seconds=31))
    assert check() is True


def test_a_check_costs_few_queries_when_nothing_is_new(
    sync, zoho, reader, django_assert_max_num_queries
):
    """It comes each minute, from each worker."""
    zoho.add_item(name="Desk")
    sync()
    check()

    with django_assert_max_num_queries(17):
        check()


def test_that_no_worker_ran_is_told_when_one_is_back(reader, mailoutbox):
    """Nobody could write it before."""
    away = timezone.now() - dt.timedelta(hours=2)
    Pulse.objects.create(pk=Pulse.WORKER, at=away)

    check()
    check()

    notice = Notice.objects.get()
    assert (notice.kind, notice.opened_at) == (Kind.WORKER_DEAD, away)
    assert notice.closed_at is not None
    assert subjects(mailoutbox) == ["Well again: Syncs are not carried out"]
    assert "It is back;" in mailoutbox[0].body


def test_old_notices_are_forgotten_and_open_ones_stay(credential, settings):
    """The list is for what one may still ask about."""
    settings.SYNC_HISTORY_DAYS = 90
    long_ago = timezone.now() - dt.timedelta(days=91)
    condition = Condition(Kind.STALE, "a", "It is old.")
    Notice.open(condition, opened_at=long_ago, closed_at=long_ago)
    Notice.open(condition, opened_at=long_ago, closed_at=timezone.now())
    Notice.open(condition, opened_at=long_ago)

    assert Notice.prune() == 1
    assert Notice.objects.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_checks_at_once_tell_once(credential, reader, mailoutbox):
    """Two workers see the same thing in the same moment."""
    for reason in (REFUSED, ""):
        refuse(reason)
        start = threading.Barrier(8)

        def look(start=start):
            try:
                start.wait()
                watch.compare()
                tell()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tell()  # whoever came while another was writing left it to that one

    assert subjects(mailoutbox) == [
        "Zoho must be connected again",
        "Well again: Zoho must be connected again",
    ]
    assert Notice.objects.count() == 1
