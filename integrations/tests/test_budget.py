import time

import pytest
import redis

from integrations.zoho.budget import SHARE_FOR_PEOPLE, Budget
from integrations.zoho.errors import ZohoRateLimitError, ZohoUnavailableError


@pytest.fixture
def limits(settings):
    """Set limits on an empty budget."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter("zoho-sync:budget*"):
        client.delete(key)

    def set_limits(minute=0, day=0, at_once=0):
        settings.ZOHO_REQUESTS_PER_MINUTE = minute
        settings.ZOHO_REQUESTS_PER_DAY = day
        settings.ZOHO_CONCURRENCY = at_once

    return set_limits


def spend(budget, calls):
    for _ in range(calls):
        with budget.call():
            pass


def test_the_101st_call_of_a_minute_waits(limits):
    """Zoho would block the organisation, its people at their own screens included."""
    limits(minute=100)
    budget = Budget()
    spend(budget, 100)

    with pytest.raises(ZohoRateLimitError) as caught:
        spend(budget, 1)

    assert 50 < caught.value.retry_after <= 60


def test_a_share_of_the_day_is_kept_for_people(limits):
    """A schedule must not use up the calls that somebody at a screen needs."""
    limits(day=20)
    kept_back = int(20 * SHARE_FOR_PEOPLE)
    spend(Budget(), 20 - kept_back)

    with pytest.raises(ZohoRateLimitError, match="scheduled work"):
        spend(Budget(), 1)
    spend(Budget(by_person=True), kept_back)
    with pytest.raises(ZohoRateLimitError):
        spend(Budget(by_person=True), 1)


def test_calls_in_flight_are_capped_over_all_workers(limits):
    """Zoho refuses the sixth call at once; the slot comes back when a call ends."""
    limits(at_once=2)
    naps = []
    budget = Budget(sleep=naps.append)

    with budget.call(), Budget().call(), pytest.raises(ZohoRateLimitError), budget.call():
        pass
    assert naps

    spend(budget, 1)


def test_a_failed_call_gives_its_slot_back(limits):
    """Otherwise every time-out would cost a slot for a minute."""
    limits(at_once=1)

    for _ in range(3):
        with pytest.raises(ValueError, match="boom"), Budget().call():
            raise ValueError("boom")


def test_when_zoho_asks_for_a_pause_everybody_pauses(limits):
    """Knocking on keeps the block alive."""
    limits(minute=100)
    Budget().pause_everyone(30)

    with pytest.raises(ZohoRateLimitError) as caught:
        spend(Budget(by_person=True), 1)

    assert 25 < caught.value.retry_after <= 30


def test_without_redis_no_call_is_made_and_the_reason_is_said(limits, settings):
    """Nobody knows what the other workers have spent, so spending is not safe."""
    limits(minute=100)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(ZohoUnavailableError, match="Redis does not answer"):
        spend(Budget(), 1)


def test_without_limits_redis_is_not_asked(limits, settings):
    """0 means no limit."""
    limits()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    began = time.monotonic()
    spend(Budget(), 1000)

    assert time.monotonic() - began < 5
