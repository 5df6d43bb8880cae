"""One way to talk to Zoho's APIs: signed, budgeted, timed out, retried and logged.

Answers leave here as parsed JSON with `Decimal` numbers, or as one of the errors of errors.py.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any

import requests
import structlog
from django.conf import settings
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from integrations.models import ZohoUsage
from integrations.zoho.budget import LONGEST_NAP, Budget
from integrations.zoho.data_centers import is_trusted_url
from integrations.zoho.errors import (
    TryAgain,
    ZohoAPIError,
    ZohoAuthError,
    ZohoConfigError,
    ZohoError,
    ZohoNotFoundError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.records import Listing, read_body
from integrations.zoho.retry import nap_before_retry
from integrations.zoho.session import open_session
from integrations.zoho.tokens import ZohoTokens

log = structlog.get_logger(__name__)

# Zoho Inventory's code → seconds to wait when the answer brings no Retry-After. 45 is the day's
# quota, whose reset hour is not documented: asking once an hour finds it at 24 calls' cost at most.
# Source: https://www.zoho.com/inventory/api/v1/introduction/ and live reports.
RATE_LIMIT_WAITS = {1070: 3, 44: 60, 43: 120, 45: 3600}
RATE_LIMIT_WORDS = {
    1070: "Zoho is handling too many of our calls at once.",
    44: "Zoho's limit of calls a minute is reached.",
    43: "Zoho asks us to slow down.",
    45: "Zoho's limit of calls a day is reached.",
}
AT_A_TIME = 1 << 20  # bytes of an answer
UNAUTHORIZED_CODES = {14, 57}
ORGANISATION_CODES = {6024, 6041, 4029}


class _Unauthorized(ZohoAuthError):
    """The token was refused: worth one newer token, then final."""


class Transport:
    """Holds the one `requests.Session`.

    Calls are prepared and judged in the thread that owns the transport, where the database is;
    only the sending and the reading happen in threads of their own, so that several calls can be
    under way. `close` it at the end. `tell` hears why a call is repeated.
    """

    def __init__(
        self,
        tokens: ZohoTokens,
        budget: Budget,
        *,
        tell: Callable[[TryAgain], None] = lambda error: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.tokens = tokens
        self.budget = budget
        self.tell = tell
        self.sleep = sleep
        self.calls = 0
        self.session: requests.Session | None = None  # opened by the first call, then kept
        self._threads: ThreadPoolExecutor | None = None

    def get(
        self, url: str, params: Mapping[str, Any], listing: Listing | None = None
    ) -> dict[str, Any]:
        """GET `url`; the body of a good answer (`code` 0), the list of `listing` as Records.

        Repeats what may pass within the bounds of retry.py. Raises TryAgain, ZohoAuthError,
        ZohoConfigError or ZohoAPIError.
        """
        return Call(self, url, params, listing).result()

    def begin(self, url: str, params: Mapping[str, Any], listing: Listing | None = None) -> "Call":
        """GET `url` while the caller does something else; ask the Call for its `result`.

        When there is no room for the call just now, it is made when its result is asked for.
        """
        call = Call(self, url, params, listing)
        with suppress(ZohoError):
            call.send(longest_nap=0)
        return call

    def close(self) -> None:
        """Return what is held: connections, threads, booked calls."""
        if self._threads:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        if self.session:
            self.session.close()
            self.session = None
        self.budget.close()

    def send(
        self, url: str, params: Mapping[str, Any], listing: Listing | None, longest_nap: float
    ) -> "tuple[str, Future[dict[str, Any]]]":
        """Put a call under way: the token it goes with, and its answer to come."""
        if not is_trusted_url(url.split("?")[0]):
            raise ZohoConfigError("That address is not a Zoho host; no token was sent to it.")
        if self.session is None:
            self.session = open_session(url, connections=max(1, settings.ZOHO_CONCURRENCY))
        if self._threads is None:
            self._threads = ThreadPoolExecutor(
                max(1, settings.ZOHO_CONCURRENCY), thread_name_prefix="zoho"
            )
        token = self.tokens.current()
        slot = self.budget.take(longest_nap)
        self.calls += 1
        exchange = partial(self._exchange, self.session, url, params, listing, token, slot)
        answer = self._threads.submit(copy_context().run, exchange)
        # One that is never sent has nobody else to return its slot.
        answer.add_done_callback(lambda it: self.budget.give_back(slot) if it.cancelled() else None)
        return token, answer

    def _exchange(
        self,
        session: requests.Session,
        url: str,
        params: Mapping[str, Any],
        listing: Listing | None,
        token: str,
        slot: str,
    ) -> dict[str, Any]:
        """One request and its answer, in a thread without database."""
        began = time.monotonic()
        status: int | str = "no answer"
        try:
            response = session.get(
                url,
                params=params,
                headers={"Authorization": f"Zoho-oauthtoken {token}"},
                timeout=settings.ZOHO_TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
            status = response.status_code
            # In large pieces: `requests` by itself reads 10 kB at a time.
            content = b"".join(response.iter_content(AT_A_TIME))
        except requests.RequestException as error:
            raise ZohoUnavailableError(f"Zoho did not answer ({type(error).__name__}).") from error
        finally:
            self.budget.give_back(slot)
            log.info(
                "GET",
                path=url.split("/", 3)[-1],
                page=params.get("page"),
                status=status,
                ms=round((time.monotonic() - began) * 1000),
            )
        try:
            return read_answer(response, content, listing)
        except ZohoRateLimitError as error:
            self.budget.pause_everyone(error.retry_after or 0)
            raise


class Call:
    """One GET on its way, with all the tries it may need."""

    def __init__(
        self,
        transport: Transport,
        url: str,
        params: Mapping[str, Any],
        listing: Listing | None = None,
    ) -> None:
        self.transport = transport
        self.url = url
        self.params = params
        self.listing = listing
        self._token = ""
        self._answer: Future[dict[str, Any]] | None = None

    def send(self, longest_nap: float = LONGEST_NAP) -> None:
        self._token, self._answer = self.transport.send(
            self.url, self.params, self.listing, longest_nap
        )

    def result(self) -> dict[str, Any]:
        """The body of a good answer. Repeats and raises as `Transport.get` says."""
        began = time.monotonic()
        tries = 0
        refreshed = False
        while True:
            try:
                if self._answer is None:
                    self.send()
                assert self._answer is not None
                answer, self._answer = self._answer, None
                return answer.result()
            except _Unauthorized:
                if refreshed:  # a fresh token was refused too: a person must act
                    raise
                refreshed = True
                self.transport.tokens.refresh(rejected=self._token)
            except TryAgain as error:
                if isinstance(error, ZohoRateLimitError) and error.status:
                    ZohoUsage.count(self.transport.budget.purpose, rate_limited=1)
                tries += 1
                nap = nap_before_retry(error, tries=tries, elapsed=time.monotonic() - began)
                if nap is None:
                    raise
                log.warning(
                    "Zoho call will be repeated", reason=error.message, seconds=round(nap, 1)
                )
                self.transport.tell(error)
                self.transport.sleep(nap)


def read_answer(
    response: requests.Response, content: bytes, listing: Listing | None = None
) -> dict[str, Any]:
    """The JSON body of a good answer; everything else raised as what the caller does next.

    Good means HTTP 2xx and `code` 0: Zoho sends errors with HTTP 200, too.
    """
    status = response.status_code
    if 300 <= status < 400:
        raise _Unauthorized(
            "Zoho redirected the call, as it does when a sign-in is needed. Check the connection.",
            status=status,
        )
    try:
        body = read_body(content, listing)
    except ValueError as error:
        if status == 200 and content.lstrip()[:1] == b"<":
            raise _Unauthorized(
                "Zoho answered with a web page instead of data, as it does when a sign-in is "
                "needed. Check the connection.",
                status=status,
            ) from error
        raise ZohoUnavailableError(
            "Zoho's answer could not be read: it was not complete JSON.", status=status
        ) from error
    if not isinstance(body, dict):
        raise ZohoUnavailableError("Zoho's answer had an unknown form.", status=status)
    if 200 <= status < 300 and body.get("code") == 0:
        return body
    raise _translated(status, body.get("code"), response)


def _translated(status: int, code: Any, response: requests.Response) -> ZohoError:
    code = code if isinstance(code, int) else None
    if status == 429 or code in RATE_LIMIT_WAITS:
        wait = _retry_after(response)
        return ZohoRateLimitError(
            RATE_LIMIT_WORDS.get(code or 0, "Zoho asks us to slow down."),
            retry_after=RATE_LIMIT_WAITS.get(code or 0, 60) if wait is None else wait,
            status=status,
            code=code,
        )
    if status == 401 or code in UNAUTHORIZED_CODES:
        return _Unauthorized(
            "Zoho refuses this even with a fresh token: the connection lacks the permission "
            "ZohoInventory.items.READ, or the Zoho user's role does. Nothing was changed here.",
            status=status,
            code=code,
        )
    if code in ORGANISATION_CODES:
        return ZohoConfigError(
            "Zoho does not accept the organisation ID for this user. Correct it under "
            "Integrations → Zoho Credentials.",
            status=status,
            code=code,
        )
    if status == 404 or code == 1002:
        return ZohoNotFoundError("Zoho has no such record.", status=status, code=code)
    if 400 <= status < 500:
        return ZohoAPIError("Zoho refused the request.", status=status, code=code)
    return ZohoUnavailableError(
        "Zoho reports an error of its own.",
        retry_after=_retry_after(response),
        status=status,
        code=code,
    )


def _retry_after(response: requests.Response) -> float | None:
    header = response.headers.get("Retry-After")
    try:
        return None if header is None else Retry().parse_retry_after(header)
    except InvalidHeader:
        return None
