"""What an answer of Zoho Inventory means.

Source: https://www.zoho.com/inventory/api/v1/introduction/ and live reports.
"""

from typing import Any

from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoConfigError,
    ZohoError,
    ZohoNotFoundError,
    ZohoPermissionError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.exchange import (
    PLAN_ENDED,
    Reply,
    Request,
    UnauthorizedError,
    read_json,
    retry_after,
)

# Zoho Inventory's code → seconds to wait when the answer brings no Retry-After. 45 is the day's
# quota, whose reset hour is not documented: asking once an hour finds it at 24 calls' cost at most.
RATE_LIMIT_WAITS = {1070: 3, 44: 60, 43: 120, 45: 3600}
RATE_LIMIT_WORDS = {
    1070: "Zoho is handling too many of our calls at once.",
    44: "Zoho's limit of calls a minute is reached.",
    43: "Zoho asks us to slow down.",
    45: "Zoho's limit of calls a day is reached.",
}
UNAUTHORIZED_CODES = {14, 57}
NO_SUCH_RECORD = 1002
ORGANISATION_CODES = {6024, 6041, 4029}


def inventory_answer(reply: Reply, request: Request) -> dict[str, Any]:
    """The JSON body of a good answer; everything else raised as what the caller does next.

    Good means HTTP 2xx and `code` 0: Zoho sends errors with HTTP 200, too.
    """
    body = read_json(reply, request)
    if 200 <= reply.status < 300 and body.get("code") == 0:
        return body
    raise _translated(reply, body.get("code"))


def _translated(reply: Reply, code: Any) -> ZohoError:
    status = reply.status
    code = code if isinstance(code, int) else None
    if status == 429 or code in RATE_LIMIT_WAITS:
        wait = retry_after(reply)
        return ZohoRateLimitError(
            RATE_LIMIT_WORDS.get(code or 0, "Zoho asks us to slow down."),
            retry_after=RATE_LIMIT_WAITS.get(code or 0, 60) if wait is None else wait,
            status=status,
            code=code,
        )
    if status == 401 or code in UNAUTHORIZED_CODES:
        return UnauthorizedError(
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
    if code == NO_SUCH_RECORD:  # 404 alone may be a wrong address, or a proxy's word
        return ZohoNotFoundError("Zoho has no such record.", status=status, code=code)
    if status in (402, 403):
        return ZohoPermissionError(PLAN_ENDED, status=status, code=code)
    if 400 <= status < 500:
        return ZohoAPIError("Zoho refused the request.", status=status, code=code)
    return ZohoUnavailableError(
        "Zoho reports an error of its own.",
        retry_after=retry_after(reply),
        status=status,
        code=code,
    )
