"""The call budget: one for all workers on all machines.

Zoho allows an organisation about 100 calls a minute, a number a day that depends on the plan, and
five or ten at once. Breaking the minute limit locks people out of Zoho's own pages too, so we stop
short of it ourselves. When Zoho says "too many" all the same, everybody pauses together.

Zoho CRM has a budget of its own: credits over the last 24 hours, of which a call costs one or
more, and calls at once; no minute.

The minute and the calls in flight live in Redis, where everybody's are counted in one step; the
day lives in PostgreSQL (`ZohoUsage`), because it must outlive a restart of Redis.

Source: https://www.zoho.com/inventory/api/v1/introduction/ (limits), read through two write-ups,
and https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import redis
import structlog
from django.conf import settings
from django.utils import timezone
from redis.commands.core import Script

from integrations.models import ZohoQuota, ZohoUsage
from integrations.models.usage import utc_today
from integrations.zoho.errors import ZohoRateLimitError, ZohoUnavailableError
from integrations.zoho.quota import Quota
from integrations.zoho.storage import our_database

log = structlog.get_logger(__name__)

# Of the day's calls, this share is left for what people start by hand.
SHARE_FOR_PEOPLE = 0.1
# A slot whose holder was killed frees itself after this many seconds: longer than any one call.
SLOT_SECONDS = 60
# Seconds between two looks at what other workers have heard of Zoho's own count.
QUOTA_SHARED_EVERY = 15.0
LONGEST_NAP = 2.0  # seconds to wait here for a slot; a longer wait is the caller's
# Calls of the day's ledger booked at a time: it starts with one and doubles. Those of a worker
# that is killed stay booked, so the ledger may count some too many, never one too few.
MOST_BOOKED = 16
# What is booked is used within this many seconds, or returned and booked anew: the ledger's "last
# call" is never further behind the truth.
BOOKED_FOR = 30.0
# Zoho counts a call when it arrives, we when it leaves: one that was long on its way still counts
# there when it no longer would here.
MINUTE = 61.0

# Every clock is Redis's own, so that machines whose clocks differ agree.
_TAKE = """
local per_minute, at_once = tonumber(ARGV[1]), tonumber(ARGV[2])
local slot, slot_ms, minute_ms = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if redis.call('EXISTS', KEYS[4]) == 0 then return {'forgot', 0} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pause = redis.call('PTTL', KEYS[3])
if pause > 0 then return {'pause', pause} end
if per_minute > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - minute_ms)
  if redis.call('ZCARD', KEYS[1]) >= per_minute then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    return {'minute', oldest[2] + minute_ms - now}
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
  redis.call('PEXPIRE', KEYS[1], minute_ms)
end
return {'ok', 0}
"""

Product = ZohoUsage.Product
_PREFIXES = {Product.INVENTORY: "zoho-sync:budget", Product.CRM: "zoho-sync:budget:crm"}


@dataclass(frozen=True)
class Limits:
    """What a product allows; 0 is no limit. `per_day` is calls, for CRM credits."""

    per_minute: int
    per_day: int
    at_once: int

    @classmethod
    def of(cls, product: ZohoUsage.Product) -> "Limits":
        if product == Product.CRM:
            return cls(0, settings.ZOHO_CRM_CREDITS_PER_DAY, settings.ZOHO_CRM_CONCURRENCY)
        return cls(
            settings.ZOHO_REQUESTS_PER_MINUTE,
            settings.ZOHO_REQUESTS_PER_DAY,
            settings.ZOHO_CONCURRENCY,
        )


@lru_cache(maxsize=4)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5)


@lru_cache(maxsize=4)
def _script(url: str) -> Script:
    return _redis(url).register_script(_TAKE)


class Budget:
    """Ask it before each call: `slot = budget.take()`, and `budget.give_back(slot)` after it.

    Each `product` has a budget of its own. `purpose` says whose calls these are; a person's may
    use the share that is kept back. What it has booked and not used is returned by `close`. `take`
    and `close` need the database and belong to one thread; `give_back` and `pause_everyone` to any.
    """

    def __init__(
        self,
        purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON,
        product: ZohoUsage.Product = Product.INVENTORY,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.purpose = purpose
        self.product = product
        self.sleep = sleep
        self._booked = 0
        self._booked_on = utc_today()
        self._booked_at = time.monotonic()
        self._book_next = 1
        self._quota: Quota | None = None  # the newest that is known here
        self._shared_quota_at: float | None = None  # when it was last shared with other workers
        names = ("minute", "at-once", "pause", "remembers")
        self._keys = [f"{_PREFIXES[product]}:{name}" for name in names]
        _, self._at_once, self._pause, self._remembers = self._keys

    @property
    def at_once(self) -> int:
        """How many calls may be under way, over all workers; 0 is no limit."""
        return Limits.of(self.product).at_once

    @our_database("The call could not be booked, so Zoho was not called.")
    def take(self, longest_nap: float = LONGEST_NAP, cost: int = 1) -> str:
        """The right to make one call that costs so much, as a slot to give back.

        Raises ZohoRateLimitError when the budget is spent for longer than a nap, and
        ZohoUnavailableError when Redis cannot be asked: without it nobody knows what the other
        workers have spent, so no call is made.
        """
        slot = uuid.uuid4().hex
        if self._shared():
            try:
                self._take_slot(slot, longest_nap)
            except redis.RedisError as error:
                raise ZohoUnavailableError(
                    "The shared call budget cannot be read because Redis does not answer, so Zoho "
                    "was not called. What was synced is kept; this goes on when Redis is back.",
                    retry_after=30,
                ) from error
        try:
            self._take_from_day(cost)
        except BaseException:
            self.give_back(slot)
            raise
        return slot

    def give_back(self, slot: str) -> None:
        """The call has ended: another may be made at the same time."""
        if not self.at_once:
            return
        try:
            _redis(settings.REDIS_URL).zrem(self._at_once, slot)
        except redis.RedisError:
            log.warning("A call slot could not be returned; it frees itself in a minute")

    def hear(self, headers: Mapping[str, str]) -> None:
        """What Zoho's answer says is left. Any thread may call this."""
        if quota := Quota.said_by(headers):
            self._quota = quota

    @our_database("Calls that were booked and not made could not be returned.")
    def close(self) -> None:
        """Return what was booked and not used, and say what Zoho has last said is left."""
        self._share_quota()
        self._return_booked()

    def _return_booked(self) -> None:
        if self._booked and self._booked_on == utc_today():
            ZohoUsage.give_back(self.purpose, self._booked, self.product)
        self._booked = 0

    def pause_everyone(self, seconds: float) -> None:
        """Zoho said "too many": nobody calls for this long."""
        if not self._shared():
            return
        try:
            _redis(settings.REDIS_URL).set(self._pause, 1, px=max(1, int(seconds * 1000)))
        except redis.RedisError:
            log.warning("The other workers could not be told of Zoho's limit: Redis is away")

    def _shared(self) -> bool:
        """Whether there is a limit that Redis keeps."""
        limits = Limits.of(self.product)
        return bool(limits.per_minute or limits.at_once)

    def _take_slot(self, slot: str, longest_nap: float) -> None:
        waited = 0.0
        limits = Limits.of(self.product)
        while True:
            arguments: list[int | str] = [
                limits.per_minute,
                limits.at_once,
                slot,
                SLOT_SECONDS * 1000,
                int(MINUTE * 1000),
            ]
            answer = _script(settings.REDIS_URL)(keys=self._keys, args=arguments)
            reason, seconds = answer[0].decode(), float(answer[1]) / 1000
            if reason == "ok":
                return
            if reason == "forgot":
                self._remember()
                continue
            if waited + seconds > longest_nap:
                raise ZohoRateLimitError(_WAITS[reason], retry_after=seconds)
            self.sleep(seconds)
            waited += seconds

    def _remember(self) -> None:
        """Redis is new or has lost its memory: what was spent in the last minute is not known.

        The day's ledger knows when calls were last booked. If any of them may have been made
        within the last minute, nobody calls for a whole one.
        """
        last = ZohoUsage.last_call(self.product)
        recent = timezone.now() - dt.timedelta(seconds=MINUTE + BOOKED_FOR)
        if last and last > recent and Limits.of(self.product).per_minute:
            log.warning("Redis has lost the call budget's memory; nobody calls for a minute")
            self.pause_everyone(MINUTE)
        _redis(settings.REDIS_URL).set(self._remembers, 1)

    def _take_from_day(self, cost: int) -> None:
        if self._booked_on != utc_today() or time.monotonic() - self._booked_at > BOOKED_FOR:
            self._return_booked()
        now = time.monotonic()
        if self._shared_quota_at is None or now - self._shared_quota_at > QUOTA_SHARED_EVERY:
            self._share_quota()
        self._respect_quota(cost)
        if self._booked < cost:
            allowed = allowed_a_day(self.purpose, self.product)
            missing = cost - self._booked
            wanted = missing + self._book_next - 1
            if not self._booked:
                self._booked_on, self._booked_at = utc_today(), time.monotonic()
            booked = ZohoUsage.book(self.purpose, wanted, allowed, self.product, missing)
            self._booked += booked
            self._book_next = min(2 * self._book_next, MOST_BOOKED)
            if not booked:
                raise self._used_up(allowed or 0, missing)
        self._booked -= cost

    def _share_quota(self) -> None:
        self._shared_quota_at = time.monotonic()
        heard = self._quota
        if heard:
            ZohoQuota.note(self.product, heard)
        stored = ZohoQuota.latest(self.product)
        if stored and (heard is None or stored.seen_at > heard.seen_at):
            self._quota = stored

    def _respect_quota(self, cost: int) -> None:
        """Stop before Zoho does: what it says counts other programs' calls, too."""
        person = self.purpose == ZohoUsage.Purpose.PERSON
        quota = self._quota
        if quota and (seconds := quota.seconds_to_wait(cost, 0 if person else SHARE_FOR_PEOPLE)):
            raise ZohoRateLimitError(
                f"Zoho says that only {quota.remaining:,} of its {quota.limit:,} calls are left"
                f"{'' if person else ', and those are kept for people'}.",
                retry_after=seconds,
            )

    def _used_up(self, allowed: int, missing: int) -> ZohoRateLimitError:
        person = self.purpose == ZohoUsage.Purpose.PERSON
        if self.product == Product.CRM:
            return ZohoRateLimitError(
                f"The {allowed:,} Zoho CRM credits allowed in 24 hours"
                f"{'' if person else _NOT_PERSON} are used up.",
                retry_after=ZohoUsage.seconds_until(self.product, missing, allowed),
            )
        return ZohoRateLimitError(
            f"The {allowed:,} Zoho calls allowed today{'' if person else _NOT_PERSON} are used up.",
            retry_after=_until_midnight(),
        )


def allowed_a_day(
    purpose: ZohoUsage.Purpose, product: ZohoUsage.Product = Product.INVENTORY
) -> int | None:
    """Up to which of the day's calls this purpose may make the next one; None is no limit."""
    limit = Limits.of(product).per_day
    if not limit:
        return None
    if purpose == ZohoUsage.Purpose.PERSON:
        return limit
    return max(1, int(limit * (1 - SHARE_FOR_PEOPLE)))


_NOT_PERSON = " for work that nobody started by hand"
_WAITS = {
    "minute": "The calls allowed in a minute are used up for the moment.",
    "at once": "As many Zoho calls as allowed at once are under way.",
    "pause": "Zoho asked for a pause.",
}


def _until_midnight() -> float:
    now = timezone.now().astimezone(dt.UTC)
    midnight = dt.datetime.combine(now.date() + dt.timedelta(days=1), dt.time(), dt.UTC)
    return (midnight - now).total_seconds()
