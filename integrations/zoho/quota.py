"""What Zoho says is left of an allowance, in the headers of its answers."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

# Seconds. The allowance is a day's; a longer time to its end is no such time.
LONGEST_RESET = 25 * 3600


@dataclass(frozen=True)
class Quota:
    """`remaining` of `limit` calls until `resets_at`, as of `seen_at`. CRM says neither the limit
    nor when it ends."""

    remaining: int
    seen_at: dt.datetime
    limit: int | None = None
    resets_at: dt.datetime | None = None

    @classmethod
    def said_by(cls, headers: Mapping[str, str]) -> "Quota | None":
        """None where the answer says nothing of it, or nothing that makes sense: a missing header
        is unknown, not zero.

        Source: answers of Zoho Books (https://github.com/Weble/ZohoBooksApi/issues/38), which
        describe the day, and https://www.zoho.com/crm/developer/docs/api/v8/api-limits.html
        """
        now = timezone.now()
        limit, remaining, seconds = (
            _number(headers.get(f"X-Rate-Limit-{name}")) for name in ("Limit", "Remaining", "Reset")
        )
        if limit and remaining is not None and seconds is not None and seconds <= LONGEST_RESET:
            return cls(remaining, now, limit, now + dt.timedelta(seconds=seconds))
        credits = _number(headers.get("X-API-CREDITS-REMAINING"))
        return None if credits is None else cls(credits, now)

    def seconds_to_wait(self, cost: int, kept: float = 0.0) -> float:
        """Until a call that costs so much fits in, when the share `kept` of the limit is for
        others; 0 when it fits in now, or nobody knows."""
        if self.resets_at is None or self.limit is None:
            return 0
        if self.remaining - cost >= int(self.limit * kept):
            return 0
        return max(0.0, (self.resets_at - timezone.now()).total_seconds())


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 9 else None
