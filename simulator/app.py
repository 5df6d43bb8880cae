"""The WSGI application: routes, limits, faults and log around oauth.py, inventory.py and crm/."""

import gzip
import json
import traceback
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from simulator import control, inventory, oauth
from simulator.crm import listing
from simulator.crm import routes as crm
from simulator.crm.answers import RefusedError, refuse
from simulator.crm.limits import TOO_MANY_REQUESTS
from simulator.crm.paging import page_number
from simulator.faults import Fault
from simulator.limits import MESSAGES
from simulator.payloads import dumps
from simulator.zoho import Request as Logged
from simulator.zoho import Zoho

API = "/inventory/v1"
ACCOUNTS = f"{crm.API}/Accounts"
ITEMS_READ = "ZohoInventory.items.READ"
SETTINGS_READ = "ZohoInventory.settings.READ"

ROUTES = Map(
    [
        Rule("/oauth/v2/auth", endpoint="authorize", methods=["GET", "POST"]),
        Rule("/oauth/v2/token", endpoint="token", methods=["POST"]),
        Rule("/oauth/v2/token/revoke", endpoint="revoke", methods=["POST"]),
        Rule("/oauth/serverinfo", endpoint="server_info", methods=["GET"]),
        Rule(f"{API}/organizations", endpoint="organizations", methods=["GET"]),
        Rule(f"{API}/organizations/<id>", endpoint="organization", methods=["GET"]),
        Rule(f"{API}/items", endpoint="items", methods=["GET"]),
        Rule(f"{API}/items/<id>", endpoint="item", methods=["GET"]),
        Rule(f"{API}/itemdetails", endpoint="item_details", methods=["GET"]),
    ]
)
LOGIN_PAGE = "<!DOCTYPE html><html><title>Zoho Accounts</title><form>Sign in</form></html>"
GATEWAY_PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"


CHANGED_LISTS = ("cut", "no_has_more", "endless")


class ConnectionDroppedError(Exception):
    """The connection is to be closed without an answer."""


class App:
    """`zoho` over WSGI."""

    def __init__(self, zoho: Zoho) -> None:
        self.zoho = zoho
        self.endless_rows = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["PATH_INFO"] = _usual(environ["PATH_INFO"])
        request = Request(environ)
        if request.path.startswith("/_simulator/"):
            return control.handle(self.zoho, request)(environ, start_response)
        try:
            response = self.respond(request)
        except ConnectionDroppedError:
            self.log(request, 0)
            environ["simulator.close"]()
            return Response(status=500)(environ, start_response)
        except Exception:  # noqa: BLE001 (whatever it is: our own mistakes must not look like calm)
            traceback.print_exc()
            response = _error(request, 500, 1000, "Internal Error")
        self.log(request, response.status_code, response)
        return response(environ, start_response)

    def log(self, request: Request, status: int, response: Response | None = None) -> None:
        code = None
        small = response is not None and response.is_json and not response.is_streamed
        if response is not None and small and len(response.data) < 2000:
            # An answer may be truncated on purpose, and CRM may wrap its errors in a list.
            with suppress(AttributeError, IndexError, KeyError, ValueError):
                body = json.loads(response.data)
                code = body.get("code")
                if code is None and status >= 400:
                    code = body["data"][0]["code"]
        self.zoho.record(
            Logged(
                method=request.method,
                path=request.path,
                query={k: v for k, v in request.args.items() if not _is_secret(k)},
                has_auth="Authorization" in request.headers,
                status=status,
                code=code,
            )
        )

    def respond(self, request: Request) -> Response:
        fault = self.zoho.faults.strike(request.path, self.page_of(request))
        if fault is not None:
            struck = self.before(fault, request)
            if struck is not None:
                return struck
        delay = 0.0 if fault is None else fault.delay
        if _is_crm(request):
            response = crm.handle(self.zoho, request, delay + self.zoho.latency)
        elif request.path.startswith("/inventory/"):
            response = self.limited(request, delay)
        else:
            self.zoho.stopping.wait(delay)
            response = self.dispatch(request)
        return response if fault is None else self.after(fault, request, response)

    def page_of(self, request: Request) -> int | None:
        """Which page of a list this asks for; None where it is no list."""
        if request.path == ACCOUNTS:
            return page_number(self.zoho.crm, request.args) if request.method == "GET" else None
        page = request.args.get("page", "1" if request.path == f"{API}/items" else "")
        return int(page) if page.isdecimal() else None

    def limited(self, request: Request, delay: float) -> Response:
        """A slow call is in flight all the time, and so counts against the limits."""
        zoho = self.zoho
        delay += zoho.latency
        broken = zoho.limits.enter()
        try:
            if broken:
                code, message = broken
                return inventory.answer({"code": code, "message": message}, 429)
            if delay:
                zoho.stopping.wait(delay)
            response = self.dispatch(request)
            if zoho.rate_headers and zoho.limits.per_day:
                response.headers.update(zoho.limits.headers())
            return response
        finally:
            zoho.limits.leave()

    def dispatch(self, request: Request) -> Response:
        zoho = self.zoho
        try:
            endpoint, values = ROUTES.bind_to_environ(request.environ).match()
        except (NotFound, MethodNotAllowed) as error:
            if not request.path.startswith("/inventory/"):
                return error.get_response()  # type: ignore[return-value]
            status = 405 if isinstance(error, MethodNotAllowed) else 404
            return inventory.answer({"code": 5, "message": "Invalid URL Passed"}, status)
        except HTTPException as error:
            return error.get_response()  # type: ignore[return-value]
        try:
            if endpoint in ("authorize", "token", "revoke"):
                return getattr(oauth, endpoint)(zoho, request)
            if endpoint == "server_info":
                return oauth.server_info(zoho)
            if endpoint.startswith("organization"):
                inventory.authenticate(zoho, request, SETTINGS_READ)
                if endpoint == "organizations":
                    return inventory.organizations(zoho)
                return inventory.organization(zoho, values["id"])
            inventory.authenticate(zoho, request, ITEMS_READ)
            inventory.check_organization(zoho, request)
            if endpoint == "items":
                return inventory.items(zoho, request)
            if endpoint == "item":
                return inventory.item(zoho, request, values["id"])
            return inventory.item_details(zoho, request)
        except inventory.RefusedError as refusal:
            return inventory.answer(refusal.body, refusal.status)

    # --- faults ---------------------------------------------------------------------------------

    def before(self, fault: Fault, request: Request) -> Response | None:
        """What this fault answers instead of Zoho; None when Zoho is to answer after all."""
        options = fault.options
        match fault.kind:
            case "answer":
                return inventory.answer(options["body"], options.get("status", 200))
            case "status":
                return _error(request, options["status"], options.get("code", 1000), "scripted")
            case "rate_limit":
                return self.rate_limited(options, request)
            case "html_502":
                return Response(GATEWAY_PAGE, 502, mimetype="text/html")
            case "login_page":
                return Response(LOGIN_PAGE, 200, mimetype="text/html")
            case "redirect":
                return Response(status=302, headers={"Location": f"{self.zoho.url}/signin"})
            case "unauthorized":
                if _is_crm(request):
                    return _error(request, 401, "INVALID_TOKEN", "invalid oauth token")
                return _error(request, *inventory.NOT_AUTHORIZED)
            case "http":
                return Response(
                    options.get("body", ""),
                    options["status"],
                    options.get("headers"),
                    content_type=options.get("content_type", "application/json;charset=UTF-8"),
                )
            case "large":
                return _large(options["megabytes"], bool(options.get("gzip")))
            case "expire_tokens":
                self.zoho.expire_access_tokens()
            case "drop":
                raise ConnectionDroppedError
        return None

    def rate_limited(self, options: dict[str, Any], request: Request) -> Response:
        code = options["code"]
        if _is_crm(request):
            response = _error(request, 429, *TOO_MANY_REQUESTS)
        else:
            response = _error(request, 429, code, MESSAGES.get(code, "scripted"))
        if options.get("retry_after") is not None:
            response.headers["Retry-After"] = str(options["retry_after"])
        self.zoho.limits.count_refusal()
        return response

    def after(self, fault: Fault, request: Request, response: Response) -> Response:
        """What this fault makes of Zoho's own answer."""
        if fault.kind == "lost_answer":
            raise ConnectionDroppedError
        if fault.kind == "truncated":
            return Response(response.data[: len(response.data) // 2], mimetype="application/json")
        if fault.kind == "drip":
            return self.dripping(response, fault.options.get("seconds", 1.0))
        if fault.kind == "replace":
            old, new = (fault.options[name].encode("latin-1") for name in ("old", "new"))
            response.data = response.data.replace(old, new)
            return response
        if response.status_code != 200:
            return response  # an error has no page to spoil
        if fault.kind == "repeat_page":
            return self.first_page(request)
        if fault.kind in ("no_page_context", "no_items", "bad_record", *CHANGED_LISTS):
            rows, context = ("data", "info") if _is_crm(request) else ("items", "page_context")
            body = json.loads(response.data, parse_float=Decimal)
            if fault.kind == "bad_record":
                body.get(rows, []).append(fault.options["record"])
            elif fault.kind == "cut":
                del body.get(rows, [])[fault.options["rows"] :]
            elif fault.kind == "no_has_more":
                body.get(context, {}).pop("more_records" if _is_crm(request) else "has_more_page")
            elif fault.kind == "endless":
                self.endless_rows += 1
                number = self.endless_rows
                row = {"id": f"99{number:017}", "Account_Name": f"Junk {number}"}
                if not _is_crm(request):
                    row = {"item_id": f"99{number:017}", "name": f"Junk {number}"}
                body[rows] = [row]
                body[context] |= {"has_more_page": True, "more_records": True}
                body[context] |= {"next_page_token": f"{number:064}"} if _is_crm(request) else {}
            else:
                body.pop({"no_page_context": context, "no_items": rows}[fault.kind], None)
            return Response(dumps(body), response.status_code, mimetype="application/json")
        return response

    def dripping(self, response: Response, seconds: float) -> Response:
        """A server that is alive and gets nowhere; it stops with the simulator."""

        def bytes_of(data: bytes) -> Iterable[bytes]:
            for at in range(len(data)):
                if self.zoho.stopping.wait(seconds):
                    return
                yield data[at : at + 1]

        length = {"Content-Length": str(len(response.data))}
        return Response(
            bytes_of(response.data), response.status_code, length, mimetype=response.mimetype
        )

    def first_page(self, request: Request) -> Response:
        """And a promise of more."""
        if _is_crm(request):
            asked = {k: v for k, v in request.args.items() if k not in ("page", "page_token")}
            request.args = asked  # type: ignore[assignment]
            first = json.loads(listing.accounts(self.zoho, request).data, parse_float=Decimal)
            first["info"] |= {"more_records": True}
        else:
            request.args = {**request.args, "page": "1"}  # type: ignore[assignment]
            first = json.loads(inventory.items(self.zoho, request).data, parse_float=Decimal)
            first["page_context"] |= {"has_more_page": True}
        return inventory.answer(first)


def _large(megabytes: int, is_gzip: bool) -> Response:
    """JSON of so many megabytes, of zeros: packed, a thousandth of that travels."""
    chunk = b" " * 2**20
    if not is_gzip:
        body = (chunk for _ in range(megabytes))
        return Response(body, 200, mimetype="application/json")
    packed = gzip.compress(chunk * megabytes)
    return Response(packed, 200, {"Content-Encoding": "gzip"}, mimetype="application/json")


def _usual(path: str) -> str:
    """The path as it is written here. Zoho takes a slash at the end of Inventory's paths, its older
    base, and the name of a CRM module in any case."""
    if path.startswith("/api/v1/"):  # at inventory.zoho.com, of old
        path = f"{API}/{path.removeprefix('/api/v1/')}"
    if path.startswith("/inventory/"):
        return path.rstrip("/")
    parts = path.split("/")
    if path.startswith(f"{crm.API}/") and parts[3].lower() == "accounts":
        return "/".join([*parts[:3], "Accounts", *parts[4:]])
    return path


def _is_crm(request: Request) -> bool:
    return request.path.startswith("/crm/")


def _error(request: Request, status: int, code: int | str, message: str) -> Response:
    """In the envelope of the API that was asked."""
    if not _is_crm(request):
        return inventory.answer({"code": code, "message": message}, status)
    if code == 1000:  # Inventory's number for it
        code = "INTERNAL_ERROR"
    return refuse(RefusedError(status, str(code), message), wrapped=False)


def _is_secret(name: str) -> bool:
    return name in ("client_secret", "refresh_token", "access_token", "code", "token")
