"""What was read from Zoho not long ago, in the memory of this process.

Other processes have their own, and one process's write empties only its own: for showing, never
for deciding what to write.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from copy import deepcopy
from typing import Any


class Cache:
    """At most `most` values, each for `seconds`; the longest unused goes first. Gives copies.

    A key is a tuple; `forget` takes the beginning of keys. A value that was asked for before a
    `forget` and arrives after it is not kept: hand `put` the `version` of when it was asked for.
    """

    def __init__(
        self,
        most: int = 100,
        seconds: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most = most
        self.seconds = seconds
        self.clock = clock
        self.version = 0
        self._values: OrderedDict[tuple[Hashable, ...], tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: tuple[Hashable, ...]) -> Any:
        """A copy of the value; None where there is none."""
        with self._lock:
            until, value = self._values.get(key, (0.0, None))
            if value is None or self.clock() >= until:
                self._values.pop(key, None)
                return None
            self._values.move_to_end(key)
            return deepcopy(value)

    def put(self, key: tuple[Hashable, ...], value: Any, version: int) -> None:
        with self._lock:
            if version != self.version:
                return
            self._values[key] = (self.clock() + self.seconds, deepcopy(value))
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)

    def forget(self, *beginning: Hashable) -> None:
        """Everything, or what has a key that begins so."""
        with self._lock:
            self.version += 1
            for key in [key for key in self._values if key[: len(beginning)] == beginning]:
                del self._values[key]


ACCOUNTS = Cache()  # (organisation, id, fields)
FIELDS = Cache(most=10)  # (organisation,)


def forget_account(organisation: str, account_id: str) -> None:
    """Somebody wrote it: what is known of it here is old."""
    ACCOUNTS.forget(organisation, account_id)
