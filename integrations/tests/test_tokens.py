import contextlib
import datetime as dt
import subprocess
import sys
import threading

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from conftest import in_minutes
from integrations.models import ZohoCredential
from integrations.zoho import tokens
from integrations.zoho.errors import (
    TryAgain,
    ZohoAuthError,
    ZohoConfigError,
    ZohoDatabaseError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.tokens import ZohoTokens, exchange_code, get_valid_token

TOKEN_PATH = "/oauth/v2/token"


def token_requests(zoho):
    return [request for request in zoho.requests if request.path == TOKEN_PATH]


def test_a_good_token_is_used_as_it_is(zoho, credential):
    """A refresh costs one of ten in ten minutes."""
    first = get_valid_token()

    assert get_valid_token() == first
    assert zoho.mints == 1


def test_an_expiring_token_is_refreshed_and_saved(zoho, credential):
    """The next worker must find the new one."""
    first = get_valid_token()
    ZohoCredential.objects.update(expires_in=in_minutes(4))

    second = get_valid_token()

    stored = ZohoCredential.load()
    assert second != first
    assert stored.access_token == second
    assert in_minutes(59) < stored.expires_in <= in_minutes(60)


def test_the_refresh_token_is_kept_because_the_answer_has_none(zoho, credential):
    """Saving the whole answer would wipe it, and the next hour would fail for good."""
    get_valid_token()

    assert ZohoCredential.load().refresh_token == zoho.refresh_token


def test_secrets_travel_in_the_body_and_never_in_the_url(zoho, credential):
    """Query strings end up in access logs."""
    get_valid_token()

    (request,) = token_requests(zoho)
    assert request.method == "POST"
    assert request.query == {}


def test_a_rejected_token_is_replaced_although_it_looks_valid(zoho, credential):
    """Zoho kills the oldest of sixteen tokens without telling anybody."""
    first = get_valid_token()

    assert ZohoTokens().refresh(rejected=first) != first


def test_a_worker_that_comes_second_finds_the_first_ones_token(zoho, credential):
    """Both were refused the same token; one refresh serves both."""
    rejected = get_valid_token()
    newer = ZohoTokens().refresh(rejected=rejected)

    assert ZohoTokens().refresh(rejected=rejected) == newer
    assert zoho.mints == 2


def test_a_missing_lifetime_is_taken_for_an_hour(zoho, credential):
    """The field has been missing from real answers."""
    zoho.faults.add(
        "answer", path=TOKEN_PATH, times=1, status=200, body={"access_token": "1000.a.b"}
    )

    get_valid_token()

    assert ZohoCredential.load().expires_in > in_minutes(55)


def test_a_revoked_connection_needs_a_person_and_is_not_tried_again(zoho, credential):
    """Each further try would count against the ten that healthy connections need."""
    zoho.revoke_refresh_token()

    with pytest.raises(ZohoAuthError, match="Reconnect needed"):
        get_valid_token()
    with pytest.raises(ZohoAuthError, match="Reconnect needed"):
        get_valid_token()

    stored = ZohoCredential.load()
    assert stored.state() == ZohoCredential.State.RECONNECT_NEEDED
    assert stored.refresh_token == zoho.refresh_token
    assert len(token_requests(zoho)) == 1


@pytest.mark.parametrize("error", ["invalid_client", "invalid_client_secret"])
def test_wrong_client_data_needs_a_person(zoho, credential, error):
    """No number of tries makes a wrong secret right."""
    zoho.faults.add("answer", path=TOKEN_PATH, status=200, body={"error": error})

    with pytest.raises(ZohoAuthError):
        get_valid_token()

    assert ZohoCredential.load().state() == ZohoCredential.State.RECONNECT_NEEDED


@pytest.mark.parametrize("status", [200, 400])
def test_access_denied_is_waited_out_for_ten_minutes(zoho, credential, status):
    """Zoho answers it with 400, and used to with 200; knocking on prolongs it."""
    zoho.faults.add("answer", path=TOKEN_PATH, status=status, body={"error": "Access Denied"})

    with pytest.raises(ZohoRateLimitError) as first:
        get_valid_token()
    with pytest.raises(ZohoRateLimitError) as second:
        get_valid_token()

    assert first.value.retry_after >= 600
    assert 590 < second.value.retry_after <= 600
    assert len(token_requests(zoho)) == 1
    assert ZohoCredential.load().state() != ZohoCredential.State.RECONNECT_NEEDED


def test_an_unknown_refusal_never_declares_the_connection_dead(zoho, credential):
    """A person would reconnect for nothing; the next try may just work."""
    zoho.faults.add("answer", path=TOKEN_PATH, times=1, status=400, body={"error": "something_new"})

    with pytest.raises(ZohoUnavailableError, match="something_new"):
        get_valid_token()
    the_wait_is_over()

    assert get_valid_token()


def the_wait_is_over():
    ZohoCredential.objects.update(refresh_not_before=None)


@pytest.mark.parametrize("kind", ["html_502", "hang"])
def test_an_unreadable_or_silent_sign_in_server_is_tried_again_later(
    zoho, credential, settings, kind, monkeypatch
):
    """Without a time-out, a silent server would keep the row lock, and with it every worker."""
    monkeypatch.setattr(tokens, "TOKEN_TIMEOUT", (1, 0.3))
    zoho.faults.add(kind, path=TOKEN_PATH, times=1)

    with pytest.raises(TryAgain):
        get_valid_token()
    the_wait_is_over()

    assert get_valid_token()


ANSWERS = {
    "429 as a page": {"status": 429, "body": "<h1>429</h1>", "content_type": "text/html"},
    "429 with nothing": {"status": 429, "body": "{}"},
    "500": {"status": 500, "body": '{"error": "general_error"}'},
    "a list": {"status": 200, "body": '["x"]'},
    "an empty body": {"status": 200, "body": ""},
    "a web page": {"status": 503, "body": "<html>", "content_type": "text/html"},
    "many lists": {"status": 200, "body": "[" * 50_000},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_sign_in_server_is_asked_at_most_five_times_in_ten_minutes(zoho, credential, answer):
    """28 times in one run; Zoho allows ten, and then refuses everybody."""
    zoho.faults.add("http", path=TOKEN_PATH, **answer)

    waited = 0.0
    while waited < 600:
        with pytest.raises(TryAgain) as caught:
            get_valid_token()
        waited += caught.value.retry_after
        assert caught.value.is_planned
        the_wait_is_over()

    assert 1 <= len(token_requests(zoho)) <= 5
    assert ZohoCredential.load().state() != ZohoCredential.State.RECONNECT_NEEDED


def test_a_failed_attempt_is_remembered_for_all_workers(zoho, credential):
    """Each page that is fetched ahead asked again."""
    zoho.faults.add("http", path=TOKEN_PATH, status=500)

    for _ in range(20):
        with pytest.raises(TryAgain):
            get_valid_token()

    assert len(token_requests(zoho)) == 1


def test_an_outage_of_more_than_an_hour_is_trouble_and_no_plan(zoho, credential):
    """A run must not wait for ever without a word."""
    zoho.faults.add("http", path=TOKEN_PATH, status=500)
    with pytest.raises(TryAgain):
        get_valid_token()
    ZohoCredential.objects.update(refresh_failing_since=in_minutes(-61))

    with pytest.raises(TryAgain) as caught:
        get_valid_token()

    assert not caught.value.is_planned


def test_a_good_token_ends_the_growing_wait(zoho, credential):
    """The next trouble begins from the beginning."""
    zoho.faults.add("http", path=TOKEN_PATH, status=500, times=3)
    for _ in range(3):
        with pytest.raises(TryAgain):
            get_valid_token()
        the_wait_is_over()

    assert get_valid_token()
    stored = ZohoCredential.load()
    assert (stored.refresh_failures, stored.refresh_not_before) == (0, None)


def test_a_sign_in_server_that_drips_does_not_hold_the_row(zoho, credential, monkeypatch):
    """It held it for more than a minute, and everything hung on it."""
    monkeypatch.setitem(tokens.TOKEN_BOUNDS, "seconds", 0.3)
    zoho.faults.add("drip", path=TOKEN_PATH, seconds=0.05)

    with pytest.raises(TryAgain, match="did not answer"):
        get_valid_token()


@pytest.mark.parametrize(
    "api_domain",
    ["https://evil.example", "https://www.zohoapis.eu", "http://www.zohoapis.com", "https://x"],
)
def test_an_api_host_outside_the_data_centre_is_not_followed(zoho, credential, api_domain):
    """An answer must not move a connection, and its tokens, somewhere else."""
    zoho.api_domain = api_domain

    get_valid_token()

    assert ZohoCredential.load().api_domain == ""


def test_the_api_host_of_the_answer_is_stored(zoho, credential):
    """Zoho says which host serves this customer; the table is only a guess."""
    get_valid_token()

    assert ZohoCredential.load().api_domain == zoho.url


def test_an_accounts_server_outside_the_table_gets_no_secret(zoho, credential, settings):
    """The setting is checked at start-up; a stored row could still be wrong."""
    settings.ZOHO_ACCOUNTS_URL = "https://accounts.evil.example"

    with pytest.raises(ZohoConfigError, match="no secret was sent"):
        get_valid_token()


def test_a_self_clients_code_becomes_a_connection(zoho, credential):
    """The way for a person without a public redirect address."""
    credential.refresh_token = ""

    exchange_code(credential, zoho.make_self_client_code())

    assert credential.refresh_token
    assert credential.access_token


def test_without_a_connection_nothing_is_asked(db):
    """The error is ours to explain, not Zoho's."""
    with pytest.raises(ZohoConfigError, match="not connected"):
        get_valid_token()


@pytest.mark.django_db(transaction=True)
def test_a_refresh_inside_another_transaction_is_refused(zoho, credential):
    """A rollback would throw away a token that Zoho has minted."""
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        get_valid_token()

    assert zoho.mints == 0


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_has_closed_is_trouble_with_our_database(zoho, credential):
    """A restart of PostgreSQL is no fault of Zoho's; the next connection finds everything."""
    tokens = ZohoTokens()
    with connection.cursor() as cursor, contextlib.suppress(DatabaseError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(ZohoDatabaseError, match="could not be read, so nothing was sent"):
        tokens.current()

    connection.close()
    assert tokens.current()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twenty_callers_at_expiry_make_one_refresh(zoho, credential):
    """At the hour every worker finds the same dead token."""
    ZohoCredential.objects.update(
        access_token="1000.old.old", expires_in=timezone.now() - dt.timedelta(minutes=1)
    )
    tokens = []
    barrier = threading.Barrier(20)

    def call():
        barrier.wait()
        try:
            tokens.append(get_valid_token())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(tokens) == 20
    assert len(set(tokens)) == 1
    assert zoho.mints == 1
    connection.close()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_twenty_processes_at_expiry_make_one_refresh(zoho, credential, process_environment):
    """Workers on one machine, or on twenty: what they share is the row."""
    ZohoCredential.objects.update(
        access_token="1000.old.old", expires_in=timezone.now() - dt.timedelta(minutes=1)
    )
    script = (
        "import django; django.setup()\n"
        "from integrations.zoho.tokens import get_valid_token\n"
        "input('ready')\n"
        "print(hash(get_valid_token()))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**process_environment, "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(20)
    ]
    for process in processes:
        assert process.stdout.read(5) == "ready"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30)[0].strip() for process in processes]

    assert all(answers)
    assert len(set(answers)) == 1
    assert zoho.mints == 1
