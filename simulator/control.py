"""The handles of zoho.py over HTTP, under /_simulator/: for tests in other processes, and people.

Loopback only. Bodies and answers are JSON.

    GET    state                     counts: items, mints, requests, refused_by_limits
    GET    requests                  the log                  DELETE requests
    GET    items                     every listed row         POST   items  {fields} → {"item_id"}
    PATCH  items/ID  {fields}        DELETE items/ID          POST   items/ID/stock  {"by": "-2"}
    POST   items/ID/restore          POST   items/raw  ROW    lists exactly this row
    GET    accounts                  every account            POST   accounts  {fields} → {"id"}
    PATCH  accounts/ID  {fields}     DELETE accounts/ID       DELETE accounts/ID/forever
    POST   accounts/ID/restore       POST   accounts/merge  {"winner", "loser"}
    GET    crm/writes                writing calls, their triggers and outcomes
    POST   crm/settings {name: value}  the switches of crm/crm.py; a_day, at_once, heavy_at_once
    POST   crm/credits  {"spend": 9} as if others had spent them
    POST   settings  {name: value}   latency, limits, switches, redirect_uris
    POST   faults    {kind, path, page, times, after, …}      DELETE faults
    POST   tokens/expire             POST tokens/revoke       POST   code  {scope, lifetime}
    POST   reset                     as new                          → {"code"}
"""

from dataclasses import asdict
from ipaddress import ip_address
from typing import Any
from zoneinfo import available_timezones

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.wrappers import Request, Response

from simulator.crm.crm import USERS
from simulator.payloads import dumps
from simulator.zoho import Zoho

CRM_LIMITS = ("a_day", "at_once", "heavy_at_once")
CRM_CHOICES: dict[str, tuple[object, ...]] = {
    "mixed_status": (200, 202, 207),
    "conflicts": ("batch", "record"),
    "pick_list_policy": ("added", "kept", "refused"),
    "read_only_fields": ("ignored", "refused"),
    "user": tuple(USERS),
    "coql_rows": (200, 2000),
    "org_type": ("production", "sandbox", "developer"),
}
CRM_SWITCHES = (
    "sees_only_own",
    "wrapped_errors",
    "more_after_the_end",
    "info_page_stays_1",
    "token_keys_absent",
    "numeric_big_integers",
    "extra_keys",
    "same_second_edits",
    "search_equals_is_contains",
    "bulk_fails",
    "omit_json_type",
)
CRM_NUMBERS = (
    "short_pages",
    "page_limit",
    "token_limit",
    "max_ids",
    "search_lag",
    "count_lag",
    "coql_reach",
    "bulk_delay",
    "bulk_rows",
)
LIMITS = ("per_minute", "per_day", "at_once")
SWITCHES = (  # on or off; `auto_consent` also null
    "auto_consent",
    "omit_expires_in",
    "unknown_ids_are_404",
    "stock_touches_modified",
    "rate_headers",
)


def handle(zoho: Zoho, request: Request) -> Response:
    if not ip_address(request.remote_addr or "0.0.0.0").is_loopback:
        return _answer({"error": "only from this machine"}, 403)
    try:
        parts = request.path.removeprefix("/_simulator/").split("/")
        body = request.get_json() if request.method in ("POST", "PATCH") and request.data else {}
        return _answer(_do(zoho, request.method, parts, body))
    except HTTPException as error:
        return _answer({"error": error.description}, error.code or 400)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        return _answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _answer(body: Any, status: int = 200) -> Response:
    return Response(dumps(body), status, mimetype="application/json")


def _do(zoho: Zoho, method: str, parts: list[str], body: dict[str, Any]) -> Any:
    match method, *parts:
        case "GET", "state":
            return zoho.state()
        case "GET", "requests":
            return [asdict(request) for request in zoho.requests]
        case "DELETE", "requests":
            zoho.clear_requests()
        case "GET", "items":
            return list(zoho.items.values())
        case "POST", "items":
            return {"item_id": zoho.add_item(**body)}
        case "POST", "items", "raw":
            zoho.put_raw_item(body)
        case "POST", "items", item_id, "restore":
            zoho.restore_item(item_id)
        case "PATCH", "items", item_id:
            zoho.edit_item(item_id, **body)
        case "DELETE", "items", item_id:
            zoho.remove_item(item_id)
        case "POST", "items", item_id, "stock":
            zoho.move_stock(item_id, body["by"])
        case "GET", "accounts":
            return list(zoho.accounts.values())
        case "POST", "accounts":
            return {"id": zoho.add_account(**body)}
        case "POST", "accounts", "merge":
            zoho.crm.merge_accounts(**body)
        case "POST", "accounts", account_id, "restore":
            zoho.restore_account(account_id)
        case "PATCH", "accounts", account_id:
            zoho.edit_account(account_id, **body)
        case "DELETE", "accounts", account_id:
            zoho.delete_account(account_id)
        case "DELETE", "accounts", account_id, "forever":
            zoho.delete_account(account_id, permanent=True)
        case "GET", "crm", "writes":
            return [asdict(write) for write in zoho.crm.writes]
        case "POST", "crm", "settings":
            _set_crm(zoho, body)
        case "POST", "crm", "credits":
            zoho.crm.limits.spend(body["spend"])
        case "POST", "settings":
            _set(zoho, body)
        case "POST", "faults":
            zoho.faults.add(**body)
        case "DELETE", "faults":
            zoho.faults.clear()
        case "POST", "tokens", "expire":
            zoho.expire_access_tokens()
        case "POST", "tokens", "revoke":
            zoho.revoke_refresh_token()
        case "POST", "code":
            return {"code": zoho.make_self_client_code(**body)}
        case "POST", "reset":
            zoho.reset()
        case _:
            raise NotFound
    return {}


def _set(zoho: Zoho, settings: dict[str, Any]) -> None:
    """Change all of these, or none."""
    for name, value in settings.items():
        if not _fits(name, value):
            raise BadRequest(f"no such setting, or not with this value: {name}")
    for name, value in settings.items():
        if name == "redirect_uris":
            zoho.redirect_uris = set(value)
        else:
            setattr(zoho.limits if name in LIMITS else zoho, name, value)


def _set_crm(zoho: Zoho, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        if not _fits_crm(name, value):
            raise BadRequest(f"no such setting, or not with this value: {name}")
    for name, value in settings.items():
        setattr(zoho.crm.limits if name in CRM_LIMITS else zoho.crm, name, value)


def _fits_crm(name: str, value: Any) -> bool:
    if name in CRM_CHOICES:
        return value in CRM_CHOICES[name]
    if name in CRM_SWITCHES:
        return isinstance(value, bool)
    if name in CRM_NUMBERS:
        return type(value) in (int, float) and value >= 0
    if name == "time_zone":
        return value in available_timezones()
    return name in CRM_LIMITS and type(value) is int and value >= 0


def _fits(name: str, value: Any) -> bool:
    if name in SWITCHES:
        return isinstance(value, bool) or (name == "auto_consent" and value is None)
    if name in (*LIMITS, "max_ids"):
        return type(value) is int and value >= 0
    match name:
        case "latency":
            return type(value) in (int, float) and value >= 0
        case "access_denied_status":
            return value in (200, 400)
        case "modified_filter":
            return value in ("after", "at_or_after", "ignored")
        case "api_domain":
            return isinstance(value, str)
        case "redirect_uris":
            return isinstance(value, list) and all(isinstance(uri, str) for uri in value)
    return False
