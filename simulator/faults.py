"""Scripted trouble: what real networks, gateways and Zoho itself have been seen to do."""

import threading
from dataclasses import dataclass, field
from typing import Any

from simulator.crm.limits import TOO_MANY_REQUESTS
from simulator.limits import MESSAGES

KINDS = {
    "answer": "this JSON body, with this status (200): body, status",
    "status": "an error in Zoho's envelope; 200 is an error, too: status, code (1000)",
    "rate_limit": "429 with one of Zoho's codes 43, 44, 45, 1070, in CRM TOO_MANY_REQUESTS: code, "
    "retry_after (none)",
    "html_502": "a gateway's web page",
    "login_page": "a sign-in page with HTTP 200",
    "redirect": "302 to the sign-in page",
    "unauthorized": "401 with code 57, in CRM INVALID_TOKEN",
    "expire_tokens": "all access tokens end just before the answer",
    "truncated": "JSON that stops in the middle",
    "drop": "the connection closes without an answer",
    "lost_answer": "what was asked is done, and the connection closes without an answer",
    "hang": "no answer for so long that nobody waits for it: seconds (60)",
    "slow": "the right answer after some seconds: seconds (1)",
    "no_page_context": "a list without its paging",
    "no_items": "a list without its rows",
    "repeat_page": "the first page, whatever page was asked for, and always more to come",
    "bad_record": "one row more on the page: record",
    "http": "just this answer: status, body (text), content_type (JSON), headers",
    "replace": "Zoho's own answer with one text in place of another, in Latin-1: old, new",
    "drip": "the right answer, a byte at a time: seconds between two (1)",
    "large": "an answer that is too large: megabytes, gzip (no)",
    "cut": "a list of so many rows at most: rows",
    "no_has_more": "a list that does not tell whether there is more",
    "endless": "rows that no other page has, and always more to come",
}
RATE_LIMIT_CODES = (*MESSAGES, TOO_MANY_REQUESTS[0])
NEEDED = {
    "answer": {"body"},
    "status": {"status"},
    "rate_limit": {"code"},
    "bad_record": {"record"},
    "http": {"status"},
    "replace": {"old", "new"},
    "large": {"megabytes"},
    "cut": {"rows"},
}
OPTIONAL = {
    "answer": {"status"},
    "status": {"code"},
    "rate_limit": {"retry_after"},
    "hang": {"seconds"},
    "slow": {"seconds"},
    "drip": {"seconds"},
    "http": {"body", "content_type", "headers"},
    "large": {"gzip"},
}
DELAYS = {"hang": 60.0, "slow": 1.0}


@dataclass
class Fault:
    """Strikes requests under `path` (and of `page`), after `after` of them, `times` times."""

    kind: str
    path: str = "/inventory/"
    page: int | None = None
    times: int | None = None
    after: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def matches(self, path: str, page: int | None) -> bool:
        return path.startswith(self.path) and self.page in (None, page)

    @property
    def delay(self) -> float:
        """Seconds before Zoho begins to answer."""
        return self.options.get("seconds", DELAYS[self.kind]) if self.kind in DELAYS else 0.0


class Faults:
    """The faults that are switched on. The first that strikes a request is the one it gets."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        kind: str,
        *,
        path: str = "/inventory/",
        page: int | None = None,
        times: int | None = None,
        after: int = 0,
        **options: Any,
    ) -> None:
        """Switch a fault on. Raises ValueError for what KINDS does not describe."""
        _check(kind, options)
        with self._lock:
            self._faults.append(Fault(kind, path, page, times, after, options))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def active(self) -> list[Fault]:
        """The faults that may still strike."""
        with self._lock:
            return [fault for fault in self._faults if fault.times != 0]

    def strike(self, path: str, page: int | None) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if not fault.matches(path, page):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times is not None:
                    if fault.times <= 0:
                        continue
                    fault.times -= 1
                return fault
        return None


def _check(kind: str, options: dict[str, Any]) -> None:
    # A typo in a test must not pass for calm.
    if kind not in KINDS:
        raise ValueError(f"no such fault: {kind}; there are {', '.join(KINDS)}")
    needed = NEEDED.get(kind, set())
    if missing := needed - options.keys():
        raise ValueError(f"{kind} needs {', '.join(sorted(missing))}")
    if unknown := options.keys() - needed - OPTIONAL.get(kind, set()):
        raise ValueError(f"{kind} has no {', '.join(sorted(unknown))}")
    if kind == "rate_limit" and options["code"] not in RATE_LIMIT_CODES:
        raise ValueError(f"rate_limit knows {', '.join(map(str, RATE_LIMIT_CODES))}")
