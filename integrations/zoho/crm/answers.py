"""What an answer of Zoho CRM means, by its HTTP status first and its code second.

Source: https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html and the OpenAPI files;
errors come bare or inside {"data": […]}.
"""

import re
from collections.abc import Mapping
from typing import Any

from integrations.zoho.crm.interface import Outcome
from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoConflictError,
    ZohoError,
    ZohoNotFoundError,
    ZohoPageExpiredError,
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
from integrations.zoho.records import Record
from integrations.zoho.scopes import feature_with

# Seconds to wait after a 429 without Retry-After. Too many at once clears at once; if it does not,
# it may have been the credits after all, of which Zoho tells only when half are used.
CONCURRENCY_WAIT, IF_IT_LASTS, CREDITS_WAIT = 3.0, 300.0, 3600.0
FEW_CREDITS = 50  # fewer than these left: it is the credits
CREDITS_HEADER = "X-API-CREDITS-REMAINING"
REQUEST_ID_HEADERS = ("X-Zoho-Request-Id", "X-Request-Id")

TOO_MANY = {"TOO_MANY_REQUESTS", "RATE_LIMIT_EXCEEDED"}
SCOPE_MISSING = {"OAUTH_SCOPE_MISMATCH"}
NOT_PERMITTED = {"NO_PERMISSION", "AUTHORIZATION_FAILED"}
PAGE_EXPIRED = {"EXPIRED_VALUE", "TOKEN_BOUND_DATA_MISMATCH"}
# What a batch of writes may come with: one outcome for each record.
OUTCOMES = {200, 201, 202, 207, 400, 412}

WORDS = {
    "INVALID_DATA": "Zoho does not accept a value",
    "MANDATORY_NOT_FOUND": "Zoho misses a mandatory field",
    "DUPLICATE_DATA": "Another record in Zoho has this value already",
    "DEPENDENT_FIELD_MISSING": "Zoho misses a field that this one depends on",
    "RECORD_LOCKED": "The record is locked in Zoho",
    "NOT_APPROVED": "The record waits for approval in Zoho",
    "RECORD_IN_BLUEPRINT": "The record is in a blueprint in Zoho, which must be finished there",
    "LIMIT_EXCEEDED": "That is more than Zoho allows",
    "LIMIT_REACHED": "That is further than Zoho's search reaches",
    "DISCRETE_PAGINATION_LIMIT_EXCEEDED": "That is further than Zoho's pages reach",
    "PAGINATION_LIMIT_EXCEEDED": "Zoho lists no more than 100,000 records; read them in bulk",
    "SYNTAX_ERROR": "Zoho does not understand the query",
    "INVALID_QUERY": "Zoho does not accept the query",
}
# Of Zoho's details, those that name things. Its texts and the query's own words ("near") may hold
# values, and so may anything new.
NAMES = {
    "api_name",
    "json_path",
    "expected_data_type",
    "maximum_length",
    "param_name",
    "param_names",
    "expected_fields",
    "dependee",
    "limit",
    "max_limit",
    "operator",
    "clause",
    "column_name",
    "line",
    "column",
    "index",
    "module",
    "resource",
    "resource_path_index",
    "permissions",
    "id",
}
_NAME = re.compile(r"[\w.$\[\] \-]{1,200}", re.ASCII)
_CODE = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


def crm_answer(reply: Reply, request: Request) -> dict[str, Any]:
    """The JSON of a good answer, {} for nothing found or not modified (204, 304) and for a file;
    everything else raised as what the caller does next.

    The outcomes of a batch are an answer, whatever they say and with whatever status they come:
    `outcome` reads them one by one.
    """
    is_file = request.into is not None and reply.status == 200 and not reply.content
    if reply.status in (204, 304) or is_file:
        return {}
    body = read_json(reply, request)
    if request.writes and reply.status in OUTCOMES and _all_outcomes(body.get("data")):
        return body
    envelope = _envelope(body)
    if 200 <= reply.status < 300 and envelope.get("status") != "error":
        return body
    raise refusal(reply, envelope, request)


def outcome(record_id: str, entry: Any) -> Outcome:
    """What one entry of a batch's answer says."""
    details = entry.get("details") or {}
    success = entry.get("status") == "success" and entry.get("code") == "SUCCESS"
    code = _code(entry.get("code")) or "UNKNOWN"
    told = Outcome(
        id=record_id,
        status="success" if success else "error",
        code=str(code),
        message="Written." if success else _words(code, names_of(details)),
        details={} if success else names_of(details),
    )
    if success and isinstance(details.get("Modified_Time"), str):
        told["modified_time"] = details["Modified_Time"]
    return told


def refusal(reply: Reply, envelope: Mapping[str, Any], request: Request) -> ZohoError:
    """The error that Zoho's {"code", "details", …} of this reply is."""
    status, code = reply.status, _code(envelope.get("code"))
    details = names_of(envelope.get("details"))
    request_id = next((reply.headers[h] for h in REQUEST_ID_HEADERS if reply.headers.get(h)), "")
    more: dict[str, Any] = {
        "status": status,
        "code": code,
        "details": details,
        "request_id": request_id if _NAME.fullmatch(request_id) else "",
    }
    if status == 429 or code in TOO_MANY:
        return _too_many(reply, more)
    if code in SCOPE_MISSING:
        return ZohoPermissionError(scope_missing(request.method, request.path), **more)
    if status == 401:
        return UnauthorizedError(
            "Zoho CRM refuses even a fresh token. Connect Zoho again under Integrations → "
            "Zoho Credentials. Nothing was changed.",
            **more,
        )
    if status == 402:
        return ZohoPermissionError(PLAN_ENDED, **more)
    if code in NOT_PERMITTED or (status == 403 and code != "NOT_SUPPORTED"):
        return ZohoPermissionError(_not_permitted(details), **more)
    if status == 412 or code == "ALREADY_MODIFIED":
        return ZohoConflictError(
            "Somebody changed the record in Zoho meanwhile. Nothing was written.", **more
        )
    if status == 404 and code != "INVALID_URL_PATTERN":
        return ZohoNotFoundError("Zoho has no such record.", **more)
    if code in PAGE_EXPIRED or (code == "INVALID_DATA" and _about(details) == "page_token"):
        return ZohoPageExpiredError(
            "Zoho no longer accepts the place in its list where we were.", **more
        )
    if 400 <= status < 500 or 200 <= status < 300:
        return ZohoAPIError(_words(code, details), **more)
    return ZohoUnavailableError(
        "Zoho reports an error of its own.", retry_after=retry_after(reply), **more
    )


def error_of(told: Outcome, status: int) -> ZohoAPIError:
    """The error that the outcome of a single write is."""
    kind = ZohoAPIError
    if told["code"] == "ALREADY_MODIFIED":
        kind = ZohoConflictError
    elif told["code"] == "INVALID_DATA" and told["details"].get("api_name") == "id":
        kind = ZohoNotFoundError
    return kind(told["message"], status=status, code=told["code"], details=told["details"])


def names_of(details: Any) -> dict[str, Any]:
    """What Zoho names in an error's details; never a value."""
    if not isinstance(details, Mapping):
        return {}
    return {
        key: value for key, value in details.items() if key in NAMES and _is_name(value, depth=1)
    }


def scope_missing(method: str, path: str) -> str:
    """What has to be allowed so that this call can be made, and where."""
    scope = scope_for(method, path)
    feature = feature_with(scope)
    where = f"choose “{feature.name}” there" if feature else "allow it there"
    return (
        f"Zoho refuses this: the connection lacks the permission {scope}. Open Connect with Zoho "
        f"and {where}. Nothing was changed."
    )


def scope_for(method: str, path: str) -> str:
    """The permission that a call needs beyond reading accounts, or that one."""
    if method != "GET" and path.endswith("/coql"):
        return "ZohoCRM.coql.READ"
    if "/bulk/" in f"/{path}":
        return "ZohoCRM.bulk.READ"
    if method != "GET":
        return "ZohoCRM.modules.accounts.UPDATE"
    for ending, scope in (
        ("/settings/fields", "ZohoCRM.settings.fields.READ"),
        ("/org", "ZohoCRM.org.READ"),
        ("/users", "ZohoCRM.users.READ"),
        ("/search", "ZohoSearch.securesearch.READ"),
        ("/actions/count", "ZohoSearch.securesearch.READ"),
    ):
        if path.endswith(ending):
            return scope
    return "ZohoCRM.modules.accounts.READ"


def credits_left(reply: Reply) -> int | None:
    """What is left of the credits; None when Zoho does not say, which is not zero."""
    text = reply.headers.get(CREDITS_HEADER, "")
    return int(text) if text.isdecimal() else None


def _too_many(reply: Reply, more: dict[str, Any]) -> ZohoRateLimitError:
    left, wait = credits_left(reply), retry_after(reply)
    if left is not None and left < FEW_CREDITS:
        return ZohoRateLimitError(
            "Zoho's CRM credits of the last 24 hours are used up.",
            retry_after=CREDITS_WAIT if wait is None else wait,
            **more,
        )
    return ZohoRateLimitError(
        "Zoho CRM is handling too many of our calls at once.",
        retry_after=CONCURRENCY_WAIT if wait is None else wait,
        if_it_lasts=IF_IT_LASTS,
        **more,
    )


def _not_permitted(details: Mapping[str, Any]) -> str:
    named = details.get("permissions")
    permissions = ", ".join(named) if isinstance(named, list) else ""
    return (
        "Zoho CRM does not let the connection's user do this. An administrator there has to allow "
        f"it in the user's profile{f' ({permissions})' if permissions else ''}."
    )


def _words(code: str | int | None, details: Mapping[str, Any]) -> str:
    words = WORDS.get(str(code), "Zoho refused the request")
    about = _about(details)
    return f"{words}: {about}." if about else f"{words}."


def _about(details: Mapping[str, Any]) -> str:
    return str(
        details.get("api_name") or details.get("param_name") or details.get("column_name") or ""
    )


def _envelope(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """{"code", "status", "details", …} of an error, bare or inside `data`; {} where there is none.

    Records that were cut out of their page unread are looked into only where there is one.
    """
    if "code" in body:
        return body
    rows = body.get("data")
    entry: Any = rows[0] if isinstance(rows, list) and len(rows) == 1 else None
    entry = entry.parsed() if isinstance(entry, Record) else entry
    is_error = isinstance(entry, Mapping) and entry.get("status") == "error" and "code" in entry
    return entry if is_error else {}


def _all_outcomes(rows: Any) -> bool:
    return (
        isinstance(rows, list)
        and bool(rows)
        and all(isinstance(row, Mapping) and "code" in row and "status" in row for row in rows)
    )


def _code(code: Any) -> str | int | None:
    if isinstance(code, str):
        return code if _CODE.fullmatch(code) else None
    return code if isinstance(code, int) else None


def _is_name(value: Any, depth: int) -> bool:
    if isinstance(value, list) and depth:
        return all(_is_name(each, depth - 1) for each in value)
    return isinstance(value, int) or (isinstance(value, str) and bool(_NAME.fullmatch(value)))
