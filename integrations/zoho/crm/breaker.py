"""A circuit breaker for each way to reach Zoho, shared by all workers.

A tier that fails five times in a row with an outage is left alone for a minute; then a few calls
may try it, and two answers close the breaker again. The caller's own mistakes, Zoho's limits and
a refused token say nothing about the tier and count for nothing.

What is decided is pure and stands in `State`; where it is kept is Redis. Without Redis a breaker
counts as closed: no call can be made then anyway, because the call budget refuses it.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import redis
import structlog
from django.conf import settings

from integrations.zoho.errors import ZohoAPIError, ZohoUnavailableError, ZohoUnknownOutcome

log = structlog.get_logger(__name__)

FAILURES_OPEN = 5
OPEN_SECONDS = 60.0
TRIALS = 3  # calls that may try a tier at once when its minute is over
SUCCESSES_CLOSE = 2
# Nobody asks for a tier this long, in seconds, and its breaker forgets what it knew.
REMEMBERED = 24 * 60 * 60


@dataclass(frozen=True)
class State:
    """Closed while `until` is 0; open up to that moment; half-open, on trial, after it."""

    failures: int = 0  # outages in a row
    until: float = 0.0  # seconds, by Redis's clock
    trials: int = 0  # calls that were let through to try the tier and have not ended
    successes: int = 0

    def asked(self, now: float) -> "tuple[bool, State]":
        """May a call be made? And the state with that call under way."""
        if not self.until:
            return True, self
        if now < self.until:
            return False, self
        if self.trials < TRIALS:
            return True, replace(self, trials=self.trials + 1)
        if now >= self.until + OPEN_SECONDS:  # whoever tried was killed before it could tell
            return True, replace(self, until=now, trials=1)
        return False, self

    def answered(self, now: float) -> "State":
        if not self.until:
            return State()
        if now < self.until:  # a call from before the breaker opened
            return self
        if self.successes + 1 >= SUCCESSES_CLOSE:
            return State()
        return replace(self, trials=max(0, self.trials - 1), successes=self.successes + 1)

    def failed(self, now: float) -> "State":
        if not self.until and self.failures + 1 < FAILURES_OPEN:
            return replace(self, failures=self.failures + 1)
        if self.until and now < self.until:
            return self
        return State(failures=FAILURES_OPEN, until=now + OPEN_SECONDS)

    def ended(self) -> "State":
        """A call ended that says nothing about the tier."""
        return replace(self, trials=max(0, self.trials - 1))


class Breaker:
    """Ask `allows` before a call by this tier, and tell `note` how the call ended."""

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.key = f"zoho-sync:breaker:{tier}"

    def allows(self) -> bool:
        allowed = True

        def ask(state: State, now: float) -> State:
            nonlocal allowed
            allowed, state = state.asked(now)
            return state

        self._change(ask)
        return allowed

    def note(self, error: BaseException | None) -> None:
        """How the call ended: None for an answer."""
        if isinstance(error, ZohoUnknownOutcome):
            error = error.cause or error
        if error is None or isinstance(error, ZohoAPIError):
            self._change(State.answered)  # a refusal is an answer: the tier is well
        elif isinstance(error, ZohoUnavailableError):
            self._change(State.failed)
        else:
            self._change(lambda state, now: state.ended())

    def opens_in(self) -> float:
        """Seconds until the tier may be tried; 0 when it may be now."""
        seconds = 0.0

        def look(state: State, now: float) -> State:
            nonlocal seconds
            seconds = max(0.0, state.until - now)
            return state

        self._change(look)
        return seconds

    def _change(self, change: Callable[[State, float], State]) -> None:
        """Replace the state by what `change` makes of it, in one step for everybody."""

        def update(pipe: redis.client.Pipeline) -> None:
            held = pipe.get(self.key)
            before = State(**json.loads(held)) if held else State()
            seconds, micros = pipe.time()
            after = change(before, seconds + micros / 1_000_000)
            pipe.multi()
            if after == State():
                pipe.delete(self.key)
            elif after != before:
                pipe.set(self.key, json.dumps(asdict(after)), ex=REMEMBERED)
            if bool(after.until) != bool(before.until):
                word = "is left alone for a minute" if after.until else "works again"
                log.warning(f"A way to reach Zoho {word}", tier=self.tier)

        try:
            _redis(settings.REDIS_URL).transaction(update, self.key)
        except redis.RedisError:
            log.warning("The breakers cannot be read: Redis is away", tier=self.tier)


@lru_cache(maxsize=4)
def _redis(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=5)
