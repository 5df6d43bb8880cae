"""Scripted trouble: what real networks, gateways and Zoho itself have been seen to do."""

import threading
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "answer": "this status and JSON body: status, body",
    "status": "an error in Zoho's envelope: status, code",
    "rate_limit": "429 with one of Zoho's codes: code, retry_after",
    "html_502": "a gateway's web page",
    "login_page": "a sign-in page with HTTP 200",
    "redirect": "302 to the sign-in page",
    "unauthorized": "401 with code 57",
    "expire_tokens": "all access tokens end just before the answer",
    "truncated": "JSON that stops in the middle",
    "drop": "the connection closes without an answer",
    "hang": "no answer for some seconds: seconds",
    "slow": "the right answer after some seconds: seconds",
    "no_page_context": "a list without its paging",
    "no_items": "a list without its rows",
    "repeat_page": "the first page, whatever page was asked for, and always more to come",
    "bad_record": "one row more on the page: record",
}


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
        if kind not in KINDS:
            raise ValueError(f"no such fault: {kind}; there are {', '.join(KINDS)}")
        with self._lock:
            self._faults.append(Fault(kind, path, page, times, after, options))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

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
