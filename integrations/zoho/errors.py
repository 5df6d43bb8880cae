"""
What can go wrong with Zoho, named for what the caller does next.

ZohoError
├── TryAgain                    wait `retry_after` seconds, then repeat
│   ├── ZohoRateLimitError          Zoho's limit, or our own call budget, is spent
│   └── ZohoUnavailableError        5xx, time-out, refused connection, an unreadable answer
├── ZohoAuthError               a person must approve the connection again
├── ZohoConfigError             a setting is missing or wrong: named, its value never
├── ZohoAPIError                the request is wrong; repeating cannot help
│   └── ZohoNotFoundError           the record is gone
└── BadRecord                   one record is unreadable: skip it, count it, go on

Messages are written for staff: what happened, and what to do. They never hold a secret, a
record's values, or Zoho's raw answer.
"""


class ZohoError(Exception):
    """Something about Zoho went wrong. `code` is Zoho's own, where there is one."""

    def __init__(self, message: str, *, status: int | None = None, code: str | int | None = None):
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code

    @property
    def codes(self) -> str:
        """The small print: "HTTP 429, code 45", or as much of it as there is."""
        parts = ((self.status, "HTTP"), (self.code, "code"))
        return ", ".join(f"{name} {value}" for value, name in parts if value not in (None, ""))


class TryAgain(ZohoError):
    """It may work later. `retry_after` is in seconds; None leaves the choice to the caller."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        status: int | None = None,
        code: str | int | None = None,
    ):
        super().__init__(message, status=status, code=code)
        self.retry_after = retry_after


class ZohoRateLimitError(TryAgain):
    """Too many calls. Waiting is the plan, not a failure."""


class ZohoUnavailableError(TryAgain):
    """Zoho could not be reached or did not answer as an API does."""


class ZohoAuthError(ZohoError):
    """The connection is not, or no longer, allowed. Nothing is retried until a person acts."""


class ZohoConfigError(ZohoError):
    """Something is not set up."""


class ZohoAPIError(ZohoError):
    """Zoho understood the request and refused it."""


class ZohoNotFoundError(ZohoAPIError):
    """Zoho has no such record, or no longer."""


class BadRecord(ZohoError):
    """One record cannot be mirrored; `remedy` says what to do about it in Zoho. `zoho_id` is ""
    when even that is missing.

    Records that fail alike have the same message: it names the field, never its value or length.
    """

    def __init__(self, message: str, *, remedy: str, zoho_id: str = ""):
        super().__init__(message)
        self.remedy = remedy
        self.zoho_id = zoho_id
