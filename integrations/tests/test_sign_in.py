"""Guessing passwords is slow, whoever guesses from wherever, and all of it is on record."""

import datetime as dt

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import get_user_model
from django.test import Client, override_settings
from django.utils import timezone

from integrations.models import AuditEvent
from integrations.sign_in import SHARED, client_address

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
RIGHT, WRONG = "a-good-passphrase", "a-bad-guess"
LIMIT = 5


@pytest.fixture(autouse=True)
def people():
    for name in ("olga", "piet"):
        get_user_model().objects.create_user(name, password=RIGHT, is_staff=True)


def attempt(username, password, address="203.0.113.5", **headers):
    form = {"username": username, "password": password, "next": "/admin/"}
    return Client(REMOTE_ADDR=address).post(LOGIN, form, **headers)


def guess(username, times, address="203.0.113.5"):
    return [attempt(username, WRONG, address).status_code for _ in range(times)]


def recorded(action):
    return AuditEvent.objects.filter(action=action)


def test_the_fifth_wrong_password_blocks_the_account_from_this_address():
    """Even the right password is not looked at then, or guessing could go on."""
    answers = guess("olga", LIMIT)
    blocked = attempt("olga", RIGHT)

    assert answers == [200] * (LIMIT - 1) + [429]
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"] == "900"
    assert "Too many failed sign-ins" in blocked.content.decode()


def test_colleagues_and_other_addresses_go_on():
    """A stranger's guesses must not keep the owner of the account out."""
    guess("olga", LIMIT)

    assert attempt("piet", RIGHT).status_code == 302
    assert attempt("olga", RIGHT, address="198.51.100.7").status_code == 302


def test_the_block_ends_by_itself_and_is_not_prolonged_by_more_guesses():
    """Fifteen minutes after the last guess that counted."""
    guess("olga", LIMIT)
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(minutes=10))
    guess("olga", 3)
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(minutes=16))

    assert attempt("olga", RIGHT).status_code == 302


def test_who_signs_in_by_the_pages_own_address_lands_on_the_home_page():
    """A bookmark of it has no place to go on to."""
    answer = Client().post(LOGIN, {"username": "olga", "password": RIGHT})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


def test_signing_in_forgets_the_typos_before():
    """Four typos a day are no attack."""
    for _ in range(3):
        guess("olga", LIMIT - 1)
        assert attempt("olga", RIGHT).status_code == 302


def test_one_address_cannot_try_account_after_account():
    """One guess at each of many accounts is the other way to guess."""
    answers = [attempt(f"name{number}", WRONG).status_code for number in range(LIMIT * SHARED)]

    assert answers[-2:] == [200, 429]
    assert attempt("piet", RIGHT).status_code == 429


def test_one_account_cannot_be_tried_from_address_after_address():
    """A botnet has thousands."""
    answers = [
        attempt("olga", WRONG, address=f"198.51.100.{number}").status_code
        for number in range(LIMIT * SHARED)
    ]

    assert answers[-2:] == [200, 429]
    assert attempt("piet", RIGHT, address="198.51.100.1").status_code == 302


def test_signing_in_to_ones_own_account_does_not_reset_guesses_at_others():
    """Else every fifth request could be one's own, and the rest guesses."""
    for number in range(LIMIT * SHARED):
        attempt(f"name{number}", WRONG)
        if not number % 10:
            attempt("piet", RIGHT)

    assert attempt("name0", WRONG).status_code == 429


@pytest.mark.parametrize(
    ("behind_proxy", "remote", "forwarded", "found"),
    [
        (False, "203.0.113.5", "", "203.0.113.5"),
        (False, "203.0.113.5", "10.0.0.1", "203.0.113.5"),
        (True, "10.0.0.9", "203.0.113.5", "203.0.113.5"),
        (True, "10.0.0.9", "1.1.1.1, 203.0.113.5", "203.0.113.5"),
        (True, "10.0.0.9", "", "10.0.0.9"),
        (True, "10.0.0.9", "nonsense", None),
        (True, "10.0.0.9", "2001:db8:1:2:aaaa::7", "2001:db8:1:2::"),
        (False, "::ffff:203.0.113.5", "", "203.0.113.5"),
        (False, "", "", None),
    ],
)
def test_where_a_request_comes_from(rf, settings, behind_proxy, remote, forwarded, found):
    """What clients say of themselves does not count; the network of one customer counts as one."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if behind_proxy else None
    request = rf.get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded)

    assert client_address(request) == found


def test_a_sender_without_an_address_is_throttled_too():
    """Such as one behind a Unix socket: all of them share one count."""
    assert guess("olga", LIMIT, address="")[-1] == 429


@override_settings(REDIS_URL="redis://127.0.0.1:1/0")
def test_it_works_while_redis_is_down():
    """Neither open to guesses nor closed to everyone."""
    assert guess("olga", LIMIT)[-1] == 429
    assert attempt("piet", RIGHT).status_code == 302


def test_signing_in_being_refused_and_signing_out_are_on_record():
    """Who, when, and from where."""
    client = Client(REMOTE_ADDR="203.0.113.5")
    client.post(LOGIN, {"username": "olga", "password": WRONG})
    client.post(LOGIN, {"username": "olga", "password": RIGHT})
    client.post("/admin/logout/")

    rows = AuditEvent.objects.filter(action__startswith="sign_in").order_by("id")
    assert [(row.action, row.who, row.details["address"]) for row in rows] == [
        ("sign_in.refused", "olga", "203.0.113.5"),
        ("sign_in.accepted", "olga", "203.0.113.5"),
        ("sign_in.ended", "olga", "203.0.113.5"),
    ]


def test_what_names_no_account_is_not_kept():
    """People type their password into the wrong field."""
    attempt("my-secret-passphrase", WRONG)

    assert "my-secret-passphrase" not in str(list(AuditEvent.objects.values()))
    assert recorded("sign_in.refused").get().who == "unknown account"


def test_a_block_is_recorded_once():
    """The log cannot be shortened, so a stranger must not be able to fill it."""
    guess("olga", LIMIT + 20)

    assert recorded("sign_in.refused").count() == LIMIT - 1
    assert recorded("sign_in.locked").get().who == "olga"


def test_an_administrator_can_end_a_block(client, django_user_model):
    """Somebody may have to sign in now."""
    guess("olga", LIMIT)
    client.force_login(django_user_model.objects.create_superuser("root"))
    olga = django_user_model.objects.get(username="olga")

    client.post("/admin/auth/user/", {"action": "unlock", "_selected_action": olga.pk}, follow=True)

    assert attempt("olga", RIGHT).status_code == 302
    row = recorded("sign_in.unlocked").get()
    assert (row.who, row.about) == ("root", "olga")


def test_no_password_is_kept_anywhere():
    """Not even a wrong one, which may be right elsewhere."""
    guess("olga", 2)

    assert WRONG not in str(list(AccessAttempt.objects.values()))
