"""Pure decisions: may this call be repeated here and now, and after how many seconds.

Short trouble is slept through where it happens. Long waits are handed up, so that the worker can
do something else meanwhile.
"""

import random
from collections.abc import Callable

from integrations.zoho.errors import TryAgain, ZohoRateLimitError

MAX_TRIES = 4
MAX_SECONDS = 90.0  # from the first try of one call to the start of its last
LONGEST_NAP = 10.0  # seconds; a longer wait is the run's to take, not the call's
BACKOFF_BASE, BACKOFF_CAP = 1.0, 8.0  # seconds


def full_jitter(tries: int, uniform: Callable[[float, float], float] = random.uniform) -> float:
    """Exponential back-off, spread over its whole range so that workers do not return together."""
    return uniform(0, min(BACKOFF_CAP, BACKOFF_BASE * 2 ** (tries - 1)))


def may_repeat(error: TryAgain, *, writes: bool) -> bool:
    """Whether the call can be made again without doing anything twice.

    A read always can. A write only when Zoho certainly did nothing: it never heard of it, or said
    "too many". Zoho knows no idempotency key.
    """
    return not writes or isinstance(error, ZohoRateLimitError) or not error.arrived


def nap_before_retry(
    error: TryAgain,
    *,
    tries: int,
    elapsed: float,
    jitter: Callable[[int], float] = full_jitter,
) -> float | None:
    """Seconds to sleep before trying the same call again; None to give up here.

    `tries` have failed so far, in `elapsed` seconds. Zoho's own `Retry-After` is a minimum.
    """
    wait = error.retry_after or 0
    if tries >= MAX_TRIES or wait > LONGEST_NAP:
        return None
    # After a limit everybody is told the same moment; they should not all come at it.
    limited = isinstance(error, ZohoRateLimitError)
    nap = wait + jitter(1) if limited else max(wait, jitter(tries))
    return nap if elapsed + nap <= MAX_SECONDS else None
