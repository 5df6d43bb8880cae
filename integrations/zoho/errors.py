"""
What can go wrong with Zoho, named for what the caller does next.

ZohoError
├── TryAgain                    wait `retry_after` seconds, then repeat
│   ├── ZohoRateLimitError          Zoho's limit, or our own call budget, is spent
│   ├── ZohoNotReadyError           Zoho still prepares what was asked for
│   └── ZohoUnavailableError        5xx, time-out, refused connection, an unreadable answer
├── ZohoUnknownOutcome          a write may have been carried out: read it back and compare, never
│                               repeat it
├── ZohoAuthError               a person must approve the connection again
│   └── ZohoPermissionError         a person must allow more: what, the message says
├── ZohoConfigError             a setting is missing or wrong: named, its value never
├── ZohoAPIError                the request is wrong; repeating cannot help
│   ├── ZohoNotFoundError           the record is gone
│   ├── ZohoConflictError           the record was changed meanwhile: read it and ask the person
│   └── ZohoPageExpiredError        the page token has ended: go on from the last id, or anew
├── ZohoDatabaseError           our own storage refused: wait, as for any trouble with the database
└── BadRecord                   one record is unreadable: skip it, count it, go on

Messages are written for staff: what happened, and what to do. They never hold a secret, a
record's values, or Zoho's raw answer. Nor do `details`: {"api_name": "Annual_Revenue"}.
"""

from collections.abc import Mapping
from typing import Any


class ZohoError(Exception):
    """Something about Zoho went wrong.

    `status` is HTTP's, `code` Zoho's own, `details` the names it gave with it, `request_id` its
    number for the request: each where there is one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | int | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str = "",
    ):
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.request_id = request_id

    @property
    def cause(self) -> BaseException | None:
        """What it was translated from."""
        return self.__cause__

    @property
    def codes(self) -> str:
        """The small print: "HTTP 429, code 45", or as much of it as there is."""
        parts = ((self.status, "HTTP"), (self.code, "code"))
        return ", ".join(f"{name} {value}" for value, name in parts if value not in (None, ""))


class TryAgain(ZohoError):
    """It may work later. `retry_after` is in seconds; None leaves the choice to the caller.

    `arrived` is whether Zoho may have acted on the call all the same; `is_planned`, whether waiting
    is how it is meant to go, and no failure.
    """

    arrived = False
    is_planned = False

    def __init__(self, message: str, *, retry_after: float | None = None, **more: Any):
        super().__init__(message, **more)
        self.retry_after = retry_after


class ZohoRateLimitError(TryAgain):
    """Too many calls. Waiting is the plan, not a failure.

    `if_it_lasts`: seconds to wait instead, when waiting for `retry_after` has not helped.
    """

    is_planned = True

    def __init__(self, message: str, *, if_it_lasts: float = 0, **more: Any):
        super().__init__(message, **more)
        self.if_it_lasts = if_it_lasts


class ZohoNotReadyError(TryAgain):
    """Zoho works on what was asked for. Waiting is the plan."""

    is_planned = True


class ZohoUnavailableError(TryAgain):
    """Zoho could not be reached or did not answer as an API does."""


class ZohoUnknownOutcome(ZohoError):
    """A write was sent and its answer never came, or said nothing."""


class ZohoAuthError(ZohoError):
    """The connection is not, or no longer, allowed. Nothing is retried until a person acts."""


class ZohoPermissionError(ZohoAuthError):
    """The connection is good, and not allowed this."""


class ZohoConfigError(ZohoError):
    """Something is not set up."""


class ZohoAPIError(ZohoError):
    """Zoho understood the request and refused it."""


class ZohoNotFoundError(ZohoAPIError):
    """Zoho has no such record, or no longer."""


class ZohoConflictError(ZohoAPIError):
    """Somebody changed the record after the moment that was given. Nothing was written."""


class ZohoPageExpiredError(ZohoAPIError):
    """Zoho no longer accepts the page token: it is a day old, or another user's."""


class ZohoDatabaseError(ZohoError):
    """Our own database did not give or did not take what a call to Zoho needs. No call that it was
    needed for was made."""


class BadRecord(ZohoError):
    """One record cannot be mirrored; `remedy` says what to do about it in Zoho. `zoho_id` is ""
    when even that is missing, `field` where it is no single field's fault.

    Records that fail alike have the same message: it names the field, never its value or length.
    """

    def __init__(self, message: str, *, remedy: str, zoho_id: str = "", field: str = ""):
        super().__init__(message)
        self.remedy = remedy
        self.zoho_id = zoho_id
        self.field = field
