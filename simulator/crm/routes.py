"""CRM's paths: which scopes each asks for, what it costs, and whether the sub-limit counts it.

Sources: https://www.zoho.com/crm/developer/docs/api/v8/scopes.html, …/api-limits.html, Kaizen #203
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from simulator.crm import bulk, coql, deletions, listing, metadata, search, writing
from simulator.crm.answers import RefusedError, authenticate, bad, refuse
from simulator.crm.limits import TOO_MANY_REQUESTS

if TYPE_CHECKING:
    from simulator.zoho import Zoho

API = "/crm/v8"
BULK = "/crm/bulk/v8"
ACCOUNTS = "ZohoCRM.modules.accounts"
READ = (f"{ACCOUNTS}.READ",)
SEARCH = (*READ, "ZohoSearch.securesearch.READ")
COUNT = (*SEARCH, "ZohoCRM.settings.layouts.READ")
COQL = (*READ, "ZohoCRM.coql.READ")
BULK_READ = (*READ, "ZohoCRM.bulk.READ")
FIELDS_READ = ("ZohoCRM.settings.fields.READ",)
UPSERT = (f"{ACCOUNTS}.CREATE", f"{ACCOUNTS}.UPDATE")


def one(request: Request) -> int:
    return 1


def never(request: Request) -> bool:
    return False


def records_sent(request: Request) -> int:
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        return len(json.loads(request.get_data())["data"])
    return len(request.args.get("ids", "").split(","))


def of_a_list(request: Request) -> int:
    return 3 if "cvid" in request.args else 1


def of_a_write(request: Request) -> int:
    return max(1, -(-records_sent(request) // 10))


def of_a_query(request: Request) -> int:
    rows = coql.rows_asked(request)
    return 1 if rows <= 200 else 2 if rows <= 1000 else 3


def of_a_job(request: Request) -> int:
    return 50


def always(request: Request) -> bool:
    return True


def sorted_or_viewed(request: Request) -> bool:
    return "cvid" in request.args or "sort_by" in request.args


def many_records(request: Request) -> bool:
    return records_sent(request) > 10


@dataclass(frozen=True)
class Route:
    answer: Callable[..., Response]
    scopes: tuple[str, ...]
    cost: Callable[[Request], int] = one
    heavy: Callable[[Request], bool] = never  # at most ten of these at once


def _write(answer: Callable[..., Response], *scopes: str) -> Route:
    def alone(zoho: "Zoho", request: Request, **values: Any) -> Response:
        with zoho.crm.lock:  # of two writes with If-Unmodified-Since, one is second
            return answer(zoho, request, **values)

    return Route(alone, scopes, of_a_write, many_records)


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", f"{API}/Accounts"): Route(listing.accounts, READ, of_a_list, sorted_or_viewed),
    ("PUT", f"{API}/Accounts"): _write(writing.update_many, f"{ACCOUNTS}.UPDATE"),
    ("POST", f"{API}/Accounts"): _write(writing.create, f"{ACCOUNTS}.CREATE"),
    ("DELETE", f"{API}/Accounts"): _write(writing.delete, f"{ACCOUNTS}.DELETE"),
    ("POST", f"{API}/Accounts/upsert"): _write(writing.upsert, *UPSERT),
    ("GET", f"{API}/Accounts/deleted"): Route(deletions.deleted, READ),
    ("GET", f"{API}/Accounts/search"): Route(search.search, SEARCH),
    ("GET", f"{API}/Accounts/actions/count"): Route(search.count, COUNT),
    ("GET", f"{API}/Accounts/<account_id>"): Route(listing.account, READ),
    ("PUT", f"{API}/Accounts/<account_id>"): _write(writing.update_one, f"{ACCOUNTS}.UPDATE"),
    ("DELETE", f"{API}/Accounts/<account_id>"): _write(writing.delete, f"{ACCOUNTS}.DELETE"),
    ("POST", f"{API}/coql"): Route(coql.query, COQL, of_a_query, always),
    ("POST", f"{BULK}/read"): Route(bulk.create, BULK_READ, of_a_job),
    ("GET", f"{BULK}/read/<job_id>"): Route(bulk.job, BULK_READ),
    ("GET", f"{BULK}/read/<job_id>/result"): Route(bulk.result, BULK_READ),
    ("GET", f"{API}/settings/fields"): Route(metadata.fields, FIELDS_READ),
    ("GET", f"{API}/settings/fields/<field_id>"): Route(metadata.field, FIELDS_READ),
    ("GET", f"{API}/settings/modules"): Route(metadata.modules, ("ZohoCRM.settings.modules.READ",)),
    ("GET", f"{API}/settings/modules/<name>"): Route(
        metadata.module, ("ZohoCRM.settings.modules.READ",)
    ),
    ("GET", f"{API}/org"): Route(metadata.org, ("ZohoCRM.org.READ",)),
    ("GET", f"{API}/users"): Route(metadata.users, ("ZohoCRM.users.READ",)),
    ("GET", f"{API}/users/<user_id>"): Route(metadata.user, ("ZohoCRM.users.READ",)),
}
PATHS = Map([Rule(path, endpoint=path, methods=[method]) for method, path in ROUTES])


def handle(zoho: "Zoho", request: Request, delay: float) -> Response:
    """A slow call is in flight all the time, and so counts against the limits."""
    limits = zoho.crm.limits
    try:
        route, values = _matched(request)
        authenticate(zoho, request, route.scopes)
    except RefusedError as refusal:
        zoho.stopping.wait(delay)
        return refuse(refusal, zoho.crm.wrapped_errors)
    heavy = route.heavy(request)
    allowed = limits.enter(route.cost(request), heavy)
    try:
        if not allowed:
            raise RefusedError(429, *TOO_MANY_REQUESTS)
        if delay:
            zoho.stopping.wait(delay)
        response = route.answer(zoho, request, **values)
    except RefusedError as refusal:
        response = refuse(refusal, zoho.crm.wrapped_errors)
    finally:
        limits.leave(heavy)
    response.headers.update(limits.headers())
    return response


def _matched(request: Request) -> tuple[Route, dict[str, Any]]:
    try:
        path, values = PATHS.bind_to_environ(request.environ).match()
        return ROUTES[(request.method if request.method != "HEAD" else "GET"), path], dict(values)
    except MethodNotAllowed:
        raise bad(
            "INVALID_REQUEST_METHOD", "The http request method type is not a valid one"
        ) from None
    except HTTPException:
        parts = request.path.removeprefix(f"{API}/").split("/")
        if request.path.startswith(f"{API}/") and len(parts) <= 2 and parts[0] != "Accounts":
            words = "the module name given seems to be invalid"
            raise bad("INVALID_MODULE", words, resource_path_index=0) from None
        words = "Please check if the URL trying to access is a correct one"
        raise RefusedError(404, "INVALID_URL_PATTERN", words) from None
