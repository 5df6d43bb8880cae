import pytest

from integrations.zoho import retry
from integrations.zoho.errors import ZohoRateLimitError, ZohoUnavailableError
from integrations.zoho.retry import (
    LONGEST_NAP,
    MAX_SECONDS,
    MAX_TRIES,
    full_jitter,
    may_repeat,
    nap_before_retry,
)


def no_jitter(tries: int) -> float:
    return 0.0


def nap(error, tries=1, elapsed=0.0, jitter=no_jitter):
    return nap_before_retry(error, tries=tries, elapsed=elapsed, jitter=jitter)


def test_passing_trouble_is_tried_again_a_bounded_number_of_times():
    """A call that can never work must not hold a worker."""
    error = ZohoUnavailableError("away")

    assert nap(error, tries=MAX_TRIES - 1) is not None
    assert nap(error, tries=MAX_TRIES) is None


def test_passing_trouble_is_tried_again_for_a_bounded_time():
    """Slow failures add up: four time-outs are two minutes."""
    assert nap(ZohoUnavailableError("away"), elapsed=MAX_SECONDS + 1) is None


def test_retry_after_is_honoured():
    """Zoho knows best when it wants to hear from us."""
    assert nap(ZohoUnavailableError("busy", retry_after=7)) >= 7
    assert nap(ZohoRateLimitError("too many", retry_after=7)) >= 7


def test_a_long_wait_is_the_runs_and_not_the_calls():
    """A worker that sleeps for minutes is a worker less."""
    assert nap(ZohoRateLimitError("too many", retry_after=LONGEST_NAP + 1)) is None


@pytest.mark.parametrize("tries", [1, 2, 3, 10])
def test_the_back_off_spreads_over_its_whole_range(tries):
    """Workers that failed together must not come back together."""
    assert full_jitter(tries, uniform=lambda low, high: low) == 0
    assert full_jitter(tries, uniform=lambda low, high: high) == min(
        retry.BACKOFF_CAP, retry.BACKOFF_BASE * 2 ** (tries - 1)
    )


def arrived(error):
    error.arrived = True
    return error


@pytest.mark.parametrize(
    ("error", "repeated"),
    [
        (ZohoUnavailableError("refused connection"), True),
        (ZohoRateLimitError("too many", status=429), True),
        (arrived(ZohoUnavailableError("time-out")), False),
    ],
    ids=lambda value: str(value),
)
def test_a_write_is_repeated_only_when_zoho_certainly_did_nothing(error, repeated):
    """Zoho knows no idempotency key: the second one would be a second change."""
    assert may_repeat(error, writes=True) is repeated
    assert may_repeat(error, writes=False)
