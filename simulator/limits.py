"""Zoho Inventory's limits, with Zoho's own codes.

Source: https://www.zoho.com/inventory/api/v1/introduction/ (100 calls a minute, a number a day by
plan, 5 or 10 at once), and answers seen live.
"""

import threading
from collections import deque
from collections.abc import Callable

MINUTE_BLOCKED = (
    44,
    "For security reasons your organization has been blocked as it have exceeded the maximum "
    "number of requests per minute that can originate from an organization.",
)
AT_ONCE = (
    1070,
    "You have reached the maximum number of in process requests allowed. Kindly try again after "
    "some time.",
)
SLOW_DOWN = (43, "You have made too many requests.")  # Zoho's own words are not on record
DAY = 24 * 60 * 60


def day_exceeded(limit: int) -> tuple[int, str]:
    return (
        45,
        f"The API call for this organization has exceeded the maximum call rate limit of {limit}.",
    )


MESSAGES = dict((SLOW_DOWN, MINUTE_BLOCKED, day_exceeded(1000), AT_ONCE))


class Limits:
    """0 means no limit. Blocked calls count, too: a client that knocks on stays blocked."""

    def __init__(
        self, per_minute: int, per_day: int, at_once: int, clock: Callable[[], float]
    ) -> None:
        self.per_minute = per_minute
        self.per_day = per_day
        self.at_once = at_once
        self.clock = clock
        self.refused = 0
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self._day = 0
        self._today = 0
        self._in_flight = 0
        self._lock = threading.Lock()

    def enter(self) -> tuple[int, str] | None:
        """Begin a call; the code and message of the limit it breaks, or None. Then `leave`."""
        now = self.clock()
        with self._lock:
            self._in_flight += 1
            refusal = self._refusal(now)
            self.refused += refusal is not None
            return refusal

    def count_refusal(self) -> None:
        """A refusal that a test scripted is a 429 like any other."""
        with self._lock:
            self.refused += 1

    def leave(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def _refusal(self, now: float) -> tuple[int, str] | None:
        if self._day != int(now // DAY):
            self._day, self._today = int(now // DAY), 0
        self._today += 1
        while self._recent and self._recent[0] <= now - 60:
            self._recent.popleft()
        self._recent.append(now)
        if self.per_day and self._today > self.per_day:
            return day_exceeded(self.per_day)
        if self.per_minute:
            if now < self._blocked_until:
                return MINUTE_BLOCKED
            if len(self._recent) > self.per_minute:
                self._blocked_until = self._recent[0] + 60
                return MINUTE_BLOCKED
        if self.at_once and self._in_flight > self.at_once:
            return AT_ONCE
        return None

    def headers(self) -> dict[str, str]:
        """As seen on Zoho Books; they describe the day."""
        left = max(0, self.per_day - self._today)
        seconds = DAY - int(self.clock() % DAY)
        return {
            "X-Rate-Limit-Limit": str(self.per_day),
            "X-Rate-Limit-Remaining": str(left),
            "X-Rate-Limit-Reset": str(seconds),
        }
