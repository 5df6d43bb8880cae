"""One way to talk to Zoho's APIs: signed, budgeted, timed out, retried and logged.

Answers leave here as parsed JSON with `Decimal` numbers, or as one of the errors of errors.py.
"""

import json
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import requests
import structlog
from django.conf import settings
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from integrations.zoho.budget import Budget
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
UNAUTHORIZED_CODES = {14, 57}
ORGANISATION_CODES = {6024, 6041, 4029}


class _Unauthorized(ZohoAuthError):
    """The token was refused: worth one newer token, then final."""


class Transport:
    """Holds the one `requests.Session`. Not for sharing between threads."""

    def __init__(
        self,
        tokens: ZohoTokens,
        budget: Budget,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.tokens = tokens
        self.budget = budget
        self.sleep = sleep
        self.calls = 0
        self.session: requests.Session | None = None  # opened by the first call, then kept

    def get(self, url: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """GET `url`; the body of a good answer (`code` 0).

        Repeats what may pass within the bounds of retry.py. Raises TryAgain, ZohoAuthError,
        ZohoConfigError or ZohoAPIError.
        """
        if not is_trusted_url(url.split("?")[0]):
            raise ZohoConfigError("That address is not a Zoho host; no token was sent to it.")
        began = time.monotonic()
        tries = 0
        rejected: str | None = None
        while True:
            token = self.tokens.refresh(rejected) if rejected else self.tokens.current()
            try:
                return self._once(url, params, token)
            except _Unauthorized:
                if rejected:  # a fresh token was refused too: a person must act
                    raise
                rejected = token
            except TryAgain as error:
                tries += 1
                nap = nap_before_retry(error, tries=tries, elapsed=time.monotonic() - began)
                if nap is None:
                    raise
                log.warning(
                    "Zoho call will be repeated", reason=error.message, seconds=round(nap, 1)
                )
                self.sleep(nap)

    def _once(self, url: str, params: Mapping[str, Any], token: str) -> dict[str, Any]:
        if self.session is None:
            self.session = open_session(url)
        with self.budget.call():
            self.calls += 1
            began = time.monotonic()
            status: int | str = "no answer"
            try:
                response = self.session.get(
                    url,
                    params=params,
                    headers={"Authorization": f"Zoho-oauthtoken {token}"},
                    timeout=settings.ZOHO_TIMEOUT,
                    allow_redirects=False,
                )
                status = response.status_code
            except requests.RequestException as error:
                raise ZohoUnavailableError(
                    f"Zoho did not answer ({type(error).__name__})."
                ) from error
            finally:
                log.info(
                    "GET",
                    path=url.split("/", 3)[-1],
                    page=params.get("page"),
                    status=status,
                    ms=round((time.monotonic() - began) * 1000),
                )
        try:
            return read_answer(response)
        except ZohoRateLimitError as error:
            self.budget.pause_everyone(error.retry_after or 0)
            raise


def read_answer(response: requests.Response) -> dict[str, Any]:
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
        body = json.loads(response.content, parse_float=Decimal)
    except ValueError as error:
        if status == 200 and response.content.lstrip()[:1] == b"<":
            raise _Unauthorized(
                "Zoho answered with a web page instead of data, as it does when a sign-in is "
                "needed. Check the connection.",
                status=status,
            ) from error
        raise ZohoUnavailableError(
            f"Zoho's answer could not be read (HTTP {status}, not complete JSON).", status=status
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
        return ZohoAPIError(
            f"Zoho refused the request (HTTP {status}, code {code}).", status=status, code=code
        )
    return ZohoUnavailableError(
        f"Zoho reports an error of its own (HTTP {status}, code {code}).",
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
