"""What all of CRM's answers share: envelopes, errors, and whether a token may ask at all.

Source: https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html
"""

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.payloads import dumps

if TYPE_CHECKING:
    from simulator.zoho import Zoho

CONTENT_TYPE = "application/json;charset=UTF-8"


class RefusedError(Exception):
    """Zoho's error object. `listed` ones stand inside {"data": […]} whatever the switch says."""

    def __init__(
        self, status: int, code: str, message: str, *, listed: bool = False, **details: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.listed = listed
        self.body = error(code, message, **details)


def error(code: str, message: str, **details: Any) -> dict[str, Any]:
    return {"code": code, "details": details, "message": message, "status": "error"}


def bad(code: str, message: str, **details: Any) -> RefusedError:
    return RefusedError(400, code, message, **details)


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(dumps(body), status, content_type=CONTENT_TYPE)


def refuse(refusal: RefusedError, wrapped: bool) -> Response:
    body = {"data": [refusal.body]} if wrapped or refusal.listed else refusal.body
    return answer(body, refusal.status)


def empty(status: int) -> Response:
    """204 and 304 have no body."""
    response = Response(b"", status)
    response.headers.pop("Content-Type", None)
    return response


def authenticate(zoho: "Zoho", request: Request, scopes: tuple[str, ...]) -> None:
    """The header first, then the token, then every scope."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme not in ("Zoho-oauthtoken", "Bearer") or not token:
        raise RefusedError(401, "AUTHENTICATION_FAILURE", "Authentication failed")
    granted = zoho.tokens.scope_of(token)
    if granted is None:
        raise RefusedError(401, "INVALID_TOKEN", "invalid oauth token")
    have = {part.lower() for part in granted.replace(",", " ").split()}
    if not all(have & _granting(scope) for scope in scopes):
        raise RefusedError(401, "OAUTH_SCOPE_MISMATCH", "Unauthorized")


def _granting(scope: str) -> set[str]:
    """ZohoCRM.modules.accounts.READ is also in ….accounts.ALL, in ZohoCRM.modules.READ and .ALL;
    WRITE holds CREATE and UPDATE."""
    *path, operation = scope.lower().split(".")
    operations = {operation, "all"}
    if operation in ("create", "update"):
        operations.add("write")
    groups = [".".join(path[:size]) for size in range(2, len(path) + 1)]
    return {f"{group}.{each}" for group in groups for each in operations}


def parsed_body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent, numbers exact; the content type is not looked at."""
    try:
        body = json.loads(request.get_data(), parse_float=Decimal)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise bad(
            "UNABLE_TO_PARSE_DATA_TYPE",
            "either the request body or parameters is in wrong format",
        )
    return body


def moment_header(request: Request, name: str) -> int | None:
    """A header's moment, such as 2026-10-05T21:32:21+05:30, in seconds."""
    text = request.headers.get(name)
    if not text:
        return None
    seconds = read_moment(text)
    if seconds is None:
        raise bad("INVALID_DATA", "invalid data", header_name=name, expected_data_type="datetime")
    return seconds


def read_moment(text: str) -> int | None:
    try:
        moment = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    # fromisoformat takes a day for its midnight; Zoho wants the time, and an offset.
    return int(moment.timestamp()) if moment.tzinfo and "T" in text else None
