"""One call to Zoho and what came back, and what all of Zoho's products have in common there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from integrations.zoho.errors import ZohoAuthError, ZohoUnavailableError
from integrations.zoho.records import Listing, read_body


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


class Unauthorized(ZohoAuthError):
    """The token was refused: worth one newer token, then final."""


def read_json(reply: Reply, request: Request) -> dict[str, Any]:
    """The JSON object of a reply, whatever it says.

    Raises Unauthorized for redirects and sign-in pages, ZohoUnavailableError for what is no JSON.
    """
    status = reply.status
    if 300 <= status < 400:
        raise Unauthorized(
            "Zoho redirected the call, as it does when a sign-in is needed. Check the connection.",
            status=status,
        )
    try:
        body = read_body(reply.content, request.listing)
    except ValueError as error:
        # A page in answer to a write may come from anywhere on the way: it proves nothing.
        if status == 200 and reply.content.lstrip()[:1] == b"<" and not request.writes:
            raise Unauthorized(
                "Zoho answered with a web page instead of data, as it does when a sign-in is "
                "needed. Check the connection.",
                status=status,
            ) from error
        raise ZohoUnavailableError(
            "Zoho's answer could not be read: it was not complete JSON.", status=status
        ) from error
    if not isinstance(body, dict):
        raise ZohoUnavailableError("Zoho's answer had an unknown form.", status=status)
    return body


def retry_after(reply: Reply) -> float | None:
    """The seconds of its Retry-After; None without one."""
    header = reply.headers.get("Retry-After")
    try:
        return None if header is None else Retry().parse_retry_after(header)
    except InvalidHeader:
        return None
