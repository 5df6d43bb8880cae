"""One way to talk to Zoho's APIs: signed, budgeted, timed out, retried and logged.

Answers leave here as parsed JSON with `Decimal` numbers, or as one of the errors of errors.py.
What is good and what an error, each product says for itself (`Judge`).
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, BinaryIO

import requests
import structlog
from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from integrations.models import ZohoUsage
from integrations.zoho.budget import LONGEST_NAP, Budget
from integrations.zoho.data_centers import is_trusted_url
from integrations.zoho.errors import (
    TryAgain,
    ZohoConfigError,
    ZohoError,
    ZohoRateLimitError,
    ZohoUnavailableError,
    ZohoUnknownOutcome,
)
from integrations.zoho.exchange import Answer, Judge, Reply, Request, UnauthorizedError, ahead_of_us
from integrations.zoho.records import Listing, dumps
from integrations.zoho.retry import MAX_TRIES, may_repeat, nap_before_retry
from integrations.zoho.session import TooLargeError, exchange, open_session
from integrations.zoho.storage import our_database
from integrations.zoho.tokens import ZohoTokens

log = structlog.get_logger(__name__)

# A call has an end, in seconds, though bytes keep coming, and an answer a size, in bytes.
CALL_SECONDS, DOWNLOAD_SECONDS = 90.0, 600.0
MAX_ANSWER, MAX_DOWNLOAD = 20 * 2**20, 100 * 2**20


class Transport:
    """Holds the one `requests.Session`. `judge` knows what the product's answers mean.

    Calls are prepared and judged in the thread that owns the transport, where the database is;
    only the sending and the reading happen in threads of their own, so that several calls can be
    under way. `close` it at the end. `tell` hears why a call is repeated.
    """

    def __init__(
        self,
        tokens: ZohoTokens,
        budget: Budget,
        judge: Judge,
        *,
        tell: Callable[[TryAgain], None] = lambda error: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.tokens = tokens
        self.budget = budget
        self.judge = judge
        self.tell = tell
        self.sleep = sleep
        self.calls = 0
        # Seconds by which Zoho's clock was ahead of ours at the last answer; None before the first.
        self.clock: float | None = None
        self.session: requests.Session | None = None  # opened by the first call, then kept
        self._threads: ThreadPoolExecutor | None = None

    def get(
        self, url: str, params: Mapping[str, Any], listing: Listing | None = None
    ) -> dict[str, Any]:
        """GET `url`; the body of a good answer, the list of `listing` as Records.

        Raises as `ask`.
        """
        return self.ask(Request(url, params, listing=listing)).body

    def ask(self, request: Request) -> Answer:
        """Make this call; its good answer.

        Repeats what may pass and is safe to repeat, within the bounds of retry.py. Raises
        TryAgain, ZohoAuthError, ZohoConfigError, ZohoAPIError or ZohoDatabaseError; for a write of
        which nobody knows whether Zoho carried it out, ZohoUnknownOutcome.
        """
        return Call(self, request).result()

    def begin(self, request: Request) -> "Call":
        """Make this call while the caller does something else; ask the Call for its `result`.

        When there is no room for the call just now, it is made when its result is asked for.
        """
        call = Call(self, request)
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

    def send(self, request: Request, longest_nap: float) -> "tuple[str, Future[Answer]]":
        """Put a call under way: the token it goes with, and its answer to come."""
        if not is_trusted_url(request.url.split("?")[0]):
            raise ZohoConfigError("That address is not a Zoho host; no token was sent to it.")
        if self.session is None:
            self.session = open_session(request.url, connections=max(1, self.budget.at_once))
        if self._threads is None:
            self._threads = ThreadPoolExecutor(
                max(1, self.budget.at_once), thread_name_prefix="zoho"
            )
        token = self.tokens.current()
        slot = self.budget.take(longest_nap, request.cost)
        self.calls += 1
        exchange = partial(self._exchange, self.session, request, token, slot)
        answer = self._threads.submit(copy_context().run, exchange)
        # One that is never sent has nobody else to return its slot.
        answer.add_done_callback(lambda it: self.budget.give_back(slot) if it.cancelled() else None)
        return token, answer

    def _exchange(
        self, session: requests.Session, request: Request, token: str, slot: str
    ) -> Answer:
        """One request and its answer, in a thread without database."""
        began = time.monotonic()
        status: int | str = "no answer"
        headers = {**request.headers, "Authorization": f"Zoho-oauthtoken {token}"}
        body = request.body
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = body if isinstance(body, bytes) else dumps(body)
        try:
            response, content = exchange(
                session,
                request.method,
                request.url,
                seconds=CALL_SECONDS if request.into is None else DOWNLOAD_SECONDS,
                most=MAX_ANSWER if request.into is None else MAX_DOWNLOAD,
                into=partial(_file_for, request),
                params=request.params,
                data=body,
                headers=headers,
                timeout=settings.ZOHO_TIMEOUT,
            )
            status = response.status_code
            self.clock = ahead_of_us(response.headers.get("Date"), self.clock)
            self.budget.hear(response.headers)
            reply = Reply(status, response.headers, content)
        except requests.RequestException as error:
            raise _unavailable(error) from error
        except TooLargeError as error:
            unavailable = ZohoUnavailableError("Zoho's answer was too large to be read.")
            unavailable.arrived = True
            raise unavailable from error
        finally:
            self.budget.give_back(slot)
            # Neither parameters nor bodies: they hold search words and records' values.
            log.info(
                request.method,
                path=request.path,
                page=request.params.get("page"),
                status=status,
                ms=round((time.monotonic() - began) * 1000),
            )
        try:
            judged = self.judge(reply, request)
        except ZohoRateLimitError as error:
            self.budget.pause_everyone(error.retry_after or 0)
            raise
        except TryAgain as error:
            error.arrived = True
            raise
        return Answer(reply.status, reply.headers, reply.content, judged)


class Call:
    """One request on its way, with all the tries it may need."""

    def __init__(self, transport: Transport, request: Request) -> None:
        self.transport = transport
        self.request = request
        self._token = ""
        self._answer: Future[Answer] | None = None

    def send(self, longest_nap: float = LONGEST_NAP) -> None:
        self._token, self._answer = self.transport.send(self.request, longest_nap)

    def result(self) -> Answer:
        """A good answer. Repeats and raises as `Transport.ask` says."""
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
            except UnauthorizedError:
                if refreshed:  # a fresh token was refused too: a person must act
                    raise
                refreshed = True
                self.transport.tokens.refresh(rejected=self._token)
            except TryAgain as error:
                if not may_repeat(error, writes=self.request.writes):
                    raise _unknown_outcome(error) from error
                limited = isinstance(error, ZohoRateLimitError)
                if limited and error.status:
                    budget = self.transport.budget
                    with our_database("Zoho's “too many” could not be counted."):
                        ZohoUsage.count(budget.purpose, budget.product, rate_limited=1)
                tries += 1
                nap = nap_before_retry(error, tries=tries, elapsed=time.monotonic() - began)
                if nap is None:
                    if isinstance(error, ZohoRateLimitError) and tries >= MAX_TRIES:
                        error.retry_after = max(error.retry_after or 0, error.if_it_lasts)
                    raise
                log.warning(
                    "Zoho call will be repeated", reason=error.message, seconds=round(nap, 1)
                )
                self.transport.tell(error)
                self.transport.sleep(nap)


def _file_for(request: Request, response: requests.Response) -> BinaryIO | None:
    """The request's file, written from its beginning, where this answer is what belongs there."""
    is_json = "json" in response.headers.get("Content-Type", "")
    if request.into is None or response.status_code != 200 or is_json:
        return None
    request.into.seek(0)
    request.into.truncate()
    return request.into


def _unavailable(error: requests.RequestException) -> ZohoUnavailableError:
    unavailable = ZohoUnavailableError(f"Zoho did not answer ({type(error).__name__}).")
    # Only a connection that was never made proves that Zoho did not hear of the call.
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else None
    unavailable.arrived = not isinstance(reason, NewConnectionError | ConnectTimeoutError)
    return unavailable


def _unknown_outcome(error: TryAgain) -> ZohoUnknownOutcome:
    return ZohoUnknownOutcome(
        "The change was sent, and Zoho's answer did not come or could not be read: it may or may "
        "not have been carried out. Look at the record before anything is sent again.",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
    )
