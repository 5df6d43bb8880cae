"""When a way to reach Zoho is left alone, and when it is tried again."""

import threading
import time

import pytest
import redis

from integrations.zoho.crm import breaker
from integrations.zoho.crm.breaker import FAILURES_OPEN, OPEN_SECONDS, TRIALS, Breaker, State
from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoAuthError,
    ZohoConfigError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)

NOON = 1_000_000.0
LATER = NOON + OPEN_SECONDS


def opened():
    state = State()
    for _ in range(FAILURES_OPEN):
        state = state.failed(NOON)
    return state


def test_the_fifth_outage_in_a_row_opens_it_for_a_minute():
    """Four may be chance; and a minute is what a gateway needs to come back."""
    state = State()
    for _ in range(FAILURES_OPEN - 1):
        state = state.failed(NOON)
        assert state.asked(NOON)[0]

    state = state.failed(NOON)

    assert not state.asked(NOON)[0]
    assert not state.asked(LATER - 0.1)[0]
    assert state.asked(LATER)[0]


def test_an_answer_in_between_begins_the_count_anew():
    """One failure in a hundred calls is no outage."""
    state = State()
    for _ in range(20):
        state = state.failed(NOON).failed(NOON).answered(NOON)

    assert state == State()


def test_a_few_calls_try_it_and_two_answers_close_it():
    """All workers at once would be the next outage."""
    state = opened()
    allowed = []
    for _ in range(TRIALS + 2):
        may, state = state.asked(LATER)
        allowed.append(may)

    assert allowed == [True] * TRIALS + [False] * 2
    assert state.answered(LATER) != State()
    assert state.answered(LATER).answered(LATER) == State()


def test_one_failure_on_trial_opens_it_again():
    """It was asked to prove that it is well, and it did not."""
    _, state = opened().asked(LATER)

    state = state.failed(LATER)

    assert not state.asked(LATER + OPEN_SECONDS - 1)[0]
    assert state.asked(LATER + OPEN_SECONDS)[0]


def test_calls_from_before_it_opened_change_nothing():
    """A slow answer from the time before says nothing about now."""
    assert opened().answered(NOON + 1) == opened()
    assert opened().failed(NOON + 1) == opened()


def test_trials_of_killed_workers_are_not_waited_for_for_ever():
    """They can no longer tell how it ended."""
    state = opened()
    for _ in range(TRIALS):
        _, state = state.asked(LATER)

    assert not state.asked(LATER + 1)[0]
    assert state.asked(LATER + OPEN_SECONDS)[0]


@pytest.fixture
def shared(settings):
    """The breaker of a tier nobody has used yet."""
    redis.Redis.from_url(settings.REDIS_URL).delete("zoho-sync:breaker:test")
    return Breaker("test")


@pytest.mark.parametrize(
    "error",
    [
        ZohoAPIError("the request is wrong"),
        ZohoRateLimitError("too many"),
        ZohoAuthError("refused"),
        ZohoConfigError("not set up"),
        ValueError("a mistake of our own"),
        None,
    ],
)
def test_only_outages_trip_it(shared, error):
    """A caller with a bad request must not take the tier away from everybody else."""
    for _ in range(2 * FAILURES_OPEN):
        assert shared.allows()
        shared.note(error)

    assert shared.allows()


def test_it_is_shared_and_counts_exactly(shared, settings):
    """Eight workers that fail once each have failed eight times."""

    def fail():
        Breaker("test").note(ZohoUnavailableError("down"))

    threads = [threading.Thread(target=fail) for _ in range(FAILURES_OPEN)]
    for thread in threads[1:]:
        thread.start()
    for thread in threads[1:]:
        thread.join()
    assert Breaker("test").allows()

    threads[0].start()
    threads[0].join()

    assert not Breaker("test").allows()
    assert OPEN_SECONDS - 5 < shared.opens_in() <= OPEN_SECONDS


def test_it_works_again_by_itself(shared, monkeypatch):
    """Nobody has to press a button after an outage."""
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.2)
    for _ in range(FAILURES_OPEN):
        shared.note(ZohoUnavailableError("down"))
    assert not shared.allows()

    time.sleep(0.25)

    for _ in range(2):
        assert shared.allows()
        shared.note(None)
    assert shared.opens_in() == 0


def test_without_redis_it_counts_as_closed(settings):
    """The call budget refuses every call then, and says why; twice would be once too often."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    away = Breaker("test")

    away.note(ZohoUnavailableError("down"))

    assert away.allows()
