"""CRM's limits: credits in a rolling day, and calls at once.

Sources: https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html, Kaizen #203.
"""

import threading
from collections import deque
from collections.abc import Callable

DAY = 24 * 60 * 60
TOO_MANY_REQUESTS = (
    "TOO_MANY_REQUESTS",
    "number of API requests for the 24 hour period is exceeded or the concurrency limit of the "
    "user for the app is exceeded",
)  # the same words for both


class Credits:
    """0 means no limit. What is refused costs nothing."""

    def __init__(
        self, a_day: int, at_once: int, clock: Callable[[], float], heavy_at_once: int = 10
    ) -> None:
        self.a_day = a_day
        self.at_once = at_once
        self.heavy_at_once = heavy_at_once
        self.clock = clock
        self.refused = 0
        self.peak = 0  # most calls in flight so far
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._in_flight = 0
        self._heavy = 0
        self._lock = threading.Lock()

    def enter(self, cost: int, heavy: bool) -> bool:
        """Begin a call; False when it breaks a limit. Then `leave`, in either case."""
        with self._lock:
            self._in_flight += 1
            self._heavy += heavy
            self.peak = max(self.peak, self._in_flight)
            self._roll()
            broken = (
                bool(self.a_day and self._sum + cost > self.a_day)
                or bool(self.at_once and self._in_flight > self.at_once)
                or bool(heavy and self.heavy_at_once and self._heavy > self.heavy_at_once)
            )
            if broken:
                self.refused += 1
                return False
            self._spent.append((self.clock(), cost))
            self._sum += cost
            return True

    def leave(self, heavy: bool) -> None:
        with self._lock:
            self._in_flight -= 1
            self._heavy -= heavy

    def count_refusal(self) -> None:
        """A refusal that a test scripted is a 429 like any other."""
        with self._lock:
            self.refused += 1

    def spent(self) -> int:
        """Credits of the last 24 hours."""
        with self._lock:
            self._roll()
            return self._sum

    def spend(self, credits: int) -> None:
        """As if other programs of the organisation had spent them just now."""
        with self._lock:
            self._spent.append((self.clock(), credits))
            self._sum += credits

    def headers(self) -> dict[str, str]:
        """What is left is told only once half is gone."""
        spent = self.spent()
        if not self.a_day or spent * 2 <= self.a_day:
            return {}
        return {"X-API-CREDITS-REMAINING": str(max(0, self.a_day - spent))}

    def _roll(self) -> None:
        now = self.clock()
        while self._spent and self._spent[0][0] <= now - DAY:
            self._sum -= self._spent.popleft()[1]
