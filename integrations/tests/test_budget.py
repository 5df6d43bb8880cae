import datetime as dt
import time

import pytest
import redis
from django.utils import timezone

from integrations.models import ZohoUsage
from integrations.zoho.budget import BOOKED_FOR, MINUTE, SHARE_FOR_PEOPLE, Budget
from integrations.zoho.errors import ZohoRateLimitError, ZohoUnavailableError

pytestmark = pytest.mark.django_db

Purpose = ZohoUsage.Purpose


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
        budget.give_back(budget.take())


def test_the_101st_call_of_a_minute_waits(limits):
    """Zoho would block the organisation, its people at their own screens included."""
    limits(minute=100)
    budget = Budget()
    spend(budget, 100)

    with pytest.raises(ZohoRateLimitError) as caught:
        spend(budget, 1)

    assert 50 < caught.value.retry_after <= 61


def test_a_call_that_was_long_on_its_way_still_counts(limits, monkeypatch):
    """Zoho counts arrivals: the minute here must be a little longer than the one there."""
    limits(minute=3)
    zoho_minute, late = 0.5, 0.2
    monkeypatch.setattr("integrations.zoho.budget.MINUTE", zoho_minute + 2 * late)
    budget = Budget()
    arrivals = []
    for call in range(6):
        budget.give_back(budget.take())
        # The first ones are slow, the later ones quick.
        arrivals.append(time.monotonic() + (late if call < 3 else 0))

    for third in arrivals[3:]:
        assert sum(third - zoho_minute < at <= third for at in arrivals) <= 3


def test_a_share_of_the_day_is_kept_for_people(limits):
    """A schedule must not use up the calls that somebody at a screen needs."""
    limits(day=20)
    kept_back = int(20 * SHARE_FOR_PEOPLE)
    spend(Budget(Purpose.SCHEDULE), 20 - kept_back)

    with pytest.raises(ZohoRateLimitError, match="nobody started by hand"):
        spend(Budget(Purpose.SCHEDULE), 1)
    spend(Budget(), kept_back)
    with pytest.raises(ZohoRateLimitError):
        spend(Budget(), 1)


def test_calls_in_flight_are_capped_over_all_workers(limits):
    """Zoho refuses the sixth call at once; the slot comes back when a call ends."""
    limits(at_once=2)
    naps = []
    budget = Budget(sleep=naps.append)

    slots = [budget.take(), Budget().take()]
    with pytest.raises(ZohoRateLimitError):
        budget.take()
    assert naps

    budget.give_back(slots[0])
    spend(budget, 1)


def test_when_zoho_asks_for_a_pause_everybody_pauses(limits):
    """Knocking on keeps the block alive."""
    limits(minute=100)
    Budget().pause_everyone(30)

    with pytest.raises(ZohoRateLimitError) as caught:
        spend(Budget(), 1)

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


def test_a_redis_that_lost_its_memory_makes_everybody_wait(limits, settings):
    """Who knows what was spent in the last minute? The ledger knows that something was."""
    limits(minute=100)
    spend(Budget(), 3)
    redis.Redis.from_url(settings.REDIS_URL).flushdb()

    with pytest.raises(ZohoRateLimitError) as caught:
        spend(Budget(), 1)

    assert 50 < caught.value.retry_after <= 61


def test_a_redis_that_is_new_makes_nobody_wait(limits, settings):
    """The first sync of a new installation starts at once."""
    limits(minute=100)
    ZohoUsage.objects.all().delete()
    redis.Redis.from_url(settings.REDIS_URL).flushdb()

    spend(Budget(), 1)


def test_calls_booked_early_and_made_late_are_not_forgotten_with_redis(limits, settings):
    """The ledger is written when calls are booked; the last of them may be made much later."""
    limits(minute=100)
    spend(Budget(), 3)
    booked = timezone.now() - dt.timedelta(seconds=MINUTE + BOOKED_FOR / 2)
    ZohoUsage.objects.filter(calls__gt=0).update(last_call_at=booked)
    redis.Redis.from_url(settings.REDIS_URL).flushdb()

    with pytest.raises(ZohoRateLimitError):
        spend(Budget(), 1)


def test_a_booking_that_grows_old_is_made_anew(limits, monkeypatch):
    """So that the ledger's last call is never far behind the truth."""
    limits(day=1000)
    budget = Budget()
    spend(budget, 4)  # seven are booked
    ZohoUsage.objects.update(last_call_at=None)
    monkeypatch.setattr("integrations.zoho.budget.BOOKED_FOR", 0)

    spend(budget, 1)

    assert ZohoUsage.last_call() is not None
    budget.close()
    assert ZohoUsage.calls_today() == 5
