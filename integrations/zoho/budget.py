"""The call budget: one for all workers on all machines, kept in Redis.

Zoho allows an organisation about 100 calls a minute, a number a day that depends on the plan, and
five or ten at once. Breaking the minute limit locks people out of Zoho's own pages too, so we stop
short of it ourselves. When Zoho says "too many" all the same, everybody pauses together.

Source: https://www.zoho.com/inventory/api/v1/introduction/ (limits), read through two write-ups.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import redis
import structlog
from django.conf import settings
from django.utils import timezone
from redis.commands.core import Script

from integrations.zoho.errors import ZohoRateLimitError, ZohoUnavailableError

log = structlog.get_logger(__name__)

# Of the day's calls, this share is left for what people start by hand.
SHARE_FOR_PEOPLE = 0.1
# A slot whose holder was killed frees itself after this many seconds: longer than any one call.
SLOT_SECONDS = 60
LONGEST_NAP = 2.0  # seconds to wait here for a slot; a longer wait is the caller's

# Every clock is Redis's own, so that machines whose clocks differ agree.
_TAKE = """
local per_minute, at_once, per_day = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local slot, slot_ms = ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pause = redis.call('PTTL', KEYS[4])
if pause > 0 then return {'pause', pause} end
if per_day > 0 and tonumber(redis.call('GET', KEYS[3]) or '0') >= per_day then
  return {'day', 0}
end
if per_minute > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - 60000)
  if redis.call('ZCARD', KEYS[1]) >= per_minute then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    return {'minute', oldest[2] + 60000 - now}
  end
end
if at_once > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], 0, now)
  if redis.call('ZCARD', KEYS[2]) >= at_once then return {'at once', 100} end
  redis.call('ZADD', KEYS[2], now + slot_ms, slot)
  redis.call('PEXPIRE', KEYS[2], slot_ms)
end
if per_minute > 0 then
  redis.call('ZADD', KEYS[1], now, slot)
  redis.call('PEXPIRE', KEYS[1], 61000)
end
redis.call('INCR', KEYS[3])
redis.call('EXPIRE', KEYS[3], 172800)
return {'ok', 0}
"""

_PREFIX = "zoho-sync:budget"


@lru_cache(maxsize=4)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5)


@lru_cache(maxsize=4)
def _script(url: str) -> Script:
    return _redis(url).register_script(_TAKE)


class Budget:
    """Ask it before each call: `with budget.call(): …`.

    `by_person` marks work that somebody is waiting for; it may use the share that is kept back.
    """

    def __init__(
        self, *, by_person: bool = False, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.by_person = by_person
        self.sleep = sleep

    @contextmanager
    def call(self) -> Iterator[None]:
        """Hold a slot for one call.

        Raises ZohoRateLimitError when the budget is spent for longer than a nap, and
        ZohoUnavailableError when Redis cannot be asked: without it nobody knows what the other
        workers have spent, so no call is made.
        """
        if not self._limited():
            yield
            return
        slot = uuid.uuid4().hex
        try:
            self._take(slot)
        except redis.RedisError as error:
            raise ZohoUnavailableError(
                "The shared call budget cannot be read because Redis does not answer, so Zoho was "
                "not called. What was synced is kept; this goes on when Redis is back.",
                retry_after=30,
            ) from error
        try:
            yield
        finally:
            try:
                _redis(settings.REDIS_URL).zrem(f"{_PREFIX}:at-once", slot)
            except redis.RedisError:
                log.warning("A call slot could not be returned; it frees itself in a minute")

    def pause_everyone(self, seconds: float) -> None:
        """Zoho said "too many": nobody calls for this long."""
        if not self._limited():
            return
        try:
            _redis(settings.REDIS_URL).set(f"{_PREFIX}:pause", 1, px=max(1, int(seconds * 1000)))
        except redis.RedisError:
            log.warning("The other workers could not be told of Zoho's limit: Redis is away")

    @staticmethod
    def calls_today() -> int:
        """Calls made since midnight UTC. Raises redis.RedisError."""
        return int(_redis(settings.REDIS_URL).get(_day_key()) or 0)

    @staticmethod
    def _limited() -> bool:
        return bool(
            settings.ZOHO_REQUESTS_PER_MINUTE
            or settings.ZOHO_REQUESTS_PER_DAY
            or settings.ZOHO_CONCURRENCY
        )

    def _take(self, slot: str) -> None:
        keys = [f"{_PREFIX}:minute", f"{_PREFIX}:at-once", _day_key(), f"{_PREFIX}:pause"]
        waited = 0.0
        while True:
            arguments: list[int | str] = [
                settings.ZOHO_REQUESTS_PER_MINUTE,
                settings.ZOHO_CONCURRENCY,
                self._allowed_today(),
                slot,
                SLOT_SECONDS * 1000,
            ]
            answer = _script(settings.REDIS_URL)(keys=keys, args=arguments)
            reason, seconds = answer[0].decode(), float(answer[1]) / 1000
            if reason == "ok":
                return
            if reason == "day":
                raise ZohoRateLimitError(
                    f"The {self._allowed_today():,} Zoho calls allowed today"
                    f"{'' if self.by_person else ' for scheduled work'} are used up.",
                    retry_after=_until_midnight(),
                )
            if waited + seconds > LONGEST_NAP:
                raise ZohoRateLimitError(_WAITS[reason], retry_after=seconds)
            self.sleep(seconds)
            waited += seconds

    def _allowed_today(self) -> int:
        limit = settings.ZOHO_REQUESTS_PER_DAY
        return limit if self.by_person else max(limit and 1, int(limit * (1 - SHARE_FOR_PEOPLE)))


_WAITS = {
    "minute": "The calls allowed in a minute are used up for the moment.",
    "at once": "As many Zoho calls as allowed at once are under way.",
    "pause": "Zoho asked for a pause.",
}


def _day_key() -> str:
    return f"{_PREFIX}:day:{timezone.now().astimezone(dt.UTC):%Y-%m-%d}"


def _until_midnight() -> float:
    now = timezone.now().astimezone(dt.UTC)
    midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), dt.UTC)
    return (midnight - now).total_seconds()
