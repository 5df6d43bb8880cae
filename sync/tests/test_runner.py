import time

import pytest
from celery import current_app
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import OperationalError, connection

from integrations.zoho.errors import (
    ZohoAuthError,
    ZohoDatabaseError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.tokens import get_valid_token
from sync.models import SyncRun
from sync.runner import carry_out, heartbeat

pytestmark = pytest.mark.django_db


@pytest.fixture
def run():
    run, _ = SyncRun.request("products_and_services.product", trigger="person", task_name="a.task")
    return run


def raising(error):
    def work(run):
        raise error

    return work


def again(run, work):
    """As a worker would when the wait is over."""
    SyncRun.objects.filter(pk=run.pk).update(resume_at=run.created_at)
    return carry_out(SyncRun.objects.get(pk=run.pk), work)


def test_a_good_ending_is_written_down(run):
    """ "Succeeded" is only ever said by the runner."""
    carry_out(run, lambda run: None)

    stored = SyncRun.objects.get(pk=run.pk)
    assert stored.state == SyncRun.State.SUCCEEDED
    assert stored.finished_at >= stored.started_at


def test_a_run_another_worker_has_is_left_alone(run):
    """A message that comes twice must not do the work twice."""
    SyncRun.objects.get(pk=run.pk).start()
    calls = []

    carry_out(run, calls.append)

    assert calls == []


def test_passing_trouble_is_waited_for_three_times_and_then_given_up(run):
    """An outage of minutes passes; one of hours is for a person to see."""
    work = raising(ZohoUnavailableError("Zoho did not answer."))

    run = carry_out(run, work)
    for retry in range(1, settings.SYNC_RETRIES + 1):
        assert (run.state, run.retries) == (SyncRun.State.WAITING, retry)
        run = again(run, work)

    assert run.state == SyncRun.State.FAILED
    assert run.message.startswith("Zoho did not answer. Given up after 4 tries")


def test_a_limit_is_waited_for_as_often_as_it_takes(run):
    """Being told "too many" is no failure: the calls will be there again."""
    work = raising(ZohoRateLimitError("The limit is reached.", retry_after=60))

    run = carry_out(run, work)
    for _ in range(10):
        run = again(run, work)

    assert (run.state, run.retries) == (SyncRun.State.WAITING, 0)
    assert run.message == "The limit is reached."


def test_a_revoked_connection_fails_at_once(run):
    """Only a person can help, so no worker tries."""
    run = carry_out(run, raising(ZohoAuthError("Reconnect needed: revoked.")))

    assert run.state == SyncRun.State.FAILED
    assert run.message == "Reconnect needed: revoked."


def test_an_unforeseen_error_is_told_without_its_text(run):
    """An exception's text may hold anything; the log has it, the page has not."""
    with pytest.raises(ValueError, match="secret"):
        carry_out(run, raising(ValueError("secret detail")))

    stored = SyncRun.objects.get(pk=run.pk)
    assert stored.state == SyncRun.State.FAILED
    assert "secret detail" not in stored.message
    assert "ValueError" in stored.message


def test_a_moment_without_database_is_waited_for(run):
    """PostgreSQL is restarted now and then."""
    with pytest.raises(OperationalError):
        carry_out(run, raising(OperationalError("server closed the connection")))

    assert SyncRun.objects.get(pk=run.pk).state == SyncRun.State.WAITING


def test_a_token_that_a_failing_database_keeps_is_waited_for(run, credential):
    """Zoho's client names it as its own kind of error; it is the same trouble, and passes alike."""

    def refuse(execute, sql, params, many, context):
        if "integrations_zohocredential" in sql:
            raise OperationalError("server closed the connection")
        return execute(sql, params, many, context)

    def work(run):
        assert get_valid_token()

    for retry in range(1, settings.SYNC_RETRIES + 1):
        with connection.execute_wrapper(refuse), pytest.raises(ZohoDatabaseError):
            again(run, work)
        stored = SyncRun.objects.get(pk=run.pk)
        assert (stored.state, stored.retries) == (SyncRun.State.WAITING, retry)

    assert again(run, work).state == SyncRun.State.SUCCEEDED


def test_a_database_that_keeps_failing_is_given_up(run):
    """After so many tries a person has to look."""
    error = ZohoDatabaseError("Our own database failed.")
    for _ in range(settings.SYNC_RETRIES + 1):
        with pytest.raises(ZohoDatabaseError):
            again(run, raising(error))

    stored = SyncRun.objects.get(pk=run.pk)
    assert stored.state == SyncRun.State.FAILED
    assert "failed again and again" in stored.message


def test_a_long_run_makes_way_for_others_and_goes_on_behind_them(run):
    """After half an hour the worker is needed elsewhere; what was read is kept, and nothing is
    counted as a failure."""
    run = carry_out(run, raising(SoftTimeLimitExceeded()))

    assert (run.state, run.retries) == (SyncRun.State.WAITING, 0)
    assert again(run, lambda run: None).state == SyncRun.State.SUCCEEDED


def test_a_message_is_never_delivered_twice_because_its_task_is_long():
    """Redis hands out again what is not acknowledged in time."""
    visible_again = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]

    assert settings.CELERY_TASK_SOFT_TIME_LIMIT < settings.CELERY_TASK_TIME_LIMIT < visible_again


def test_a_busy_worker_holds_back_no_message():
    """An idle one beside it would never see it. Celery does that for Redis only."""
    assert current_app.conf.worker_disable_prefetch
    assert current_app.connection_for_read().transport.driver_type == "redis"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_heart_beats_while_one_call_takes_long(run):
    """Otherwise a slow page would look like a dead worker."""
    run.start()
    first = run.heartbeat_at

    with heartbeat(run):
        time.sleep(settings.SYNC_SILENCE / 5 * 2.5)

    assert SyncRun.objects.get(pk=run.pk).heartbeat_at > first
