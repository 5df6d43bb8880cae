"""One call to Zoho and what came back, and what all of Zoho's products have in common there."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoAuthError,
    ZohoError,
    ZohoPermissionError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.records import Listing, read_body

_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True)
class Request:
    """A call, as it can be made any number of times.

    `body` is sent as JSON; bytes are taken for JSON already. `writes`: making it twice is not the
    same as once. `cost` is in the product's own coin, calls or credits. `into`: a file that takes
    the place of a JSON answer, written from its beginning.
    """

    url: str
    params: Mapping[str, Any] = field(default_factory=dict)
    method: str = "GET"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    listing: Listing | None = None
    writes: bool = False
    cost: int = 1
    into: BinaryIO | None = None

    @property
    def path(self) -> str:
        """Without host and query: "crm/v8/Accounts". Holds ids at most, never a value."""
        return self.url.split("?", 1)[0].split("/", 3)[-1]


@dataclass(frozen=True)
class Reply:
    """What came over the wire. `content` is empty where it went into a file; `headers` are found
    in any case of letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Answer(Reply):
    """A reply that was found good, and its JSON; {} where Zoho sent none."""

    body: dict[str, Any]


# Reads a reply to a request: the JSON of a good one; raises an error of errors.py for the others.
Judge = Callable[[Reply, Request], dict[str, Any]]


class UnauthorizedError(ZohoAuthError):
    """The token was refused: worth one newer token, then final."""


def read_json(reply: Reply, request: Request) -> dict[str, Any]:
    """The JSON object of a reply, whatever it says.

    Raises UnauthorizedError for redirects and sign-in pages, ZohoUnavailableError for what is no
    JSON; where the status alone says what to do about a page that is no JSON, the error for that.
    """
    status = reply.status
    if 300 <= status < 400:
        raise UnauthorizedError(
            "Zoho redirected the call, as it does when a sign-in is needed. Check the connection.",
            status=status,
        )
    try:
        body = read_body(reply.content, request.listing)
    except ValueError as error:
        # A page in answer to a write may come from anywhere on the way: it proves nothing.
        if status == 200 and reply.content.lstrip()[:1] == b"<" and not request.writes:
            raise UnauthorizedError(
                "Zoho answered with a web page instead of data, as it does when a sign-in is "
                "needed. Check the connection.",
                status=status,
            ) from error
        raise _without_json(reply) from error
    if not isinstance(body, dict):
        raise ZohoUnavailableError("Zoho's answer had an unknown form.", status=status)
    return body


PLAN_ENDED = (
    "Zoho refuses this organization: its plan or trial has ended, or it is not active. Have an "
    "administrator look at Subscription in Zoho. Everything already synced is kept."
)


def _without_json(reply: Reply) -> ZohoError:
    """What a reply means that is no JSON: a page of a gateway, a proxy or a firewall."""
    status = reply.status
    if status == 429:
        return ZohoRateLimitError(
            "Zoho asks us to slow down.", retry_after=retry_after(reply) or 60, status=status
        )
    if status in (402, 403, 407, 451):
        return ZohoPermissionError(
            "The request was refused on its way to Zoho, by a proxy or a firewall. Ask the person "
            "who runs your network to allow this server to reach Zoho's API hosts.",
            status=status,
        )
    if 400 <= status < 500 and status not in (401, 408, 425):
        return ZohoAPIError(
            "The request was refused on its way to Zoho, or by Zoho, without a reason.",
            status=status,
        )
    return ZohoUnavailableError(
        "Zoho's answer could not be read: it was not complete JSON.", status=status
    )


def date_of(header: str | None) -> dt.datetime | None:
    """The moment of an HTTP date; None for none."""
    try:
        moment = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def ahead_of_us(header: str | None, otherwise: float | None = None) -> float | None:
    """Seconds by which the clock that wrote this Date header is ahead of ours."""
    date = date_of(header)
    return otherwise if date is None else (date - dt.datetime.now(dt.UTC)).total_seconds()


# Zoho's longest limit is a day. A longer wait is a mistake, and would look like a standstill.
LONGEST_WAIT = 24 * 3600.0


def retry_after(reply: Reply) -> float | None:
    """The seconds of its Retry-After; None without one that says how long to wait.

    A moment is held against the reply's own Date: our clock may be another. Zero and what has
    passed are no wait; retrying at once is what the limit is about.
    """
    header = (reply.headers.get("Retry-After") or "").strip()
    if _SECONDS.fullmatch(header):
        seconds = float(header)
    elif until := date_of(header):
        now = date_of(reply.headers.get("Date")) or dt.datetime.now(dt.UTC)
        seconds = (until - now).total_seconds()
    else:
        return None
    return min(seconds, LONGEST_WAIT) if seconds > 0 else None
