"""Zoho Accounts: authorize, token, revoke.

Zoho answers most errors of the token endpoint with HTTP 200 and {"error": …}.
Sources: https://www.zoho.com/accounts/protocol/oauth/web-apps/authorization.html and the OAuth
pages of the CRM, Books and Inventory APIs.
"""

from html import escape
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from simulator.payloads import dumps
from simulator.tokens import ACCESS_LIFETIME, TooManyTokensError
from simulator.zoho import Zoho

ACCESS_DENIED = {
    "error_description": "You have made too many requests continuously. Please try again after "
    "some time.",
    "error": "Access Denied",
    "status": "failure",
}
LOCATIONS = {
    "us": "https://accounts.zoho.com",
    "eu": "https://accounts.zoho.eu",
    "in": "https://accounts.zoho.in",
    "au": "https://accounts.zoho.com.au",
    "jp": "https://accounts.zoho.jp",
    "ca": "https://accounts.zohocloud.ca",
    "cn": "https://accounts.zoho.com.cn",
    "sa": "https://accounts.zoho.sa",
}


def answer(body: dict[str, Any], status: int = 200) -> Response:
    return Response(dumps(body), status, mimetype="application/json")


def authorize(zoho: Zoho, request: Request) -> Response:
    """The consent page; its decision goes back to the redirect URI, `state` untouched."""
    asked = request.values
    if asked.get("client_id") != zoho.client_id:
        return _error_page("invalid_client")
    if asked.get("redirect_uri") not in zoho.redirect_uris:
        return _error_page("invalid_redirect_uri")
    decision = asked.get("decision")
    if zoho.auto_consent is not None:
        decision = "accept" if zoho.auto_consent else "deny"
    if decision is None:
        return _consent_page(request)
    back: dict[str, str] = {"state": asked["state"]} if "state" in asked else {}
    if decision == "accept":
        code = zoho.tokens.make_code(
            asked.get("scope", ""),
            asked["redirect_uri"],
            offline=asked.get("access_type") == "offline",
            prompted=asked.get("prompt") == "consent",
        )
        back |= {"code": code, "location": zoho.location, "accounts-server": zoho.url}
    else:
        back["error"] = "access_denied"
    address = asked["redirect_uri"]
    separator = "&" if "?" in address else "?"
    return Response(status=302, headers={"Location": f"{address}{separator}{urlencode(back)}"})


def _consent_page(request: Request) -> Response:
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in request.args.items()
    )
    scopes = "".join(
        f"<li>{escape(scope)}</li>" for scope in request.args.get("scope", "").split(",")
    )
    return Response(
        f"<!DOCTYPE html><title>Zoho Accounts (simulated)</title><h1>Allow access?</h1>"
        f"<ul>{scopes}</ul><form method=post>{fields}"
        f"<button name=decision value=accept>Accept</button> "
        f"<button name=decision value=deny>Deny</button></form>",
        mimetype="text/html",
    )


def _error_page(name: str) -> Response:
    return Response(
        f"<!DOCTYPE html><title>Error</title><h1>{name}</h1>", 400, mimetype="text/html"
    )


def token(zoho: Zoho, request: Request) -> Response:
    """Codes and refresh tokens become access tokens. Query and form both work; a JSON body does
    not, but its content type does no harm to values in the query."""
    asked = request.values
    has_json = request.mimetype == "application/json" and request.get_data()
    if has_json or asked.get("client_id") != zoho.client_id:
        return answer({"error": "invalid_client"})
    if asked.get("client_secret") != zoho.client_secret:
        return answer({"error": "invalid_client_secret"})
    grant_type = asked.get("grant_type")
    if grant_type == "authorization_code":
        redeemed = zoho.tokens.redeem(asked.get("code", ""), asked.get("redirect_uri", ""))
        if isinstance(redeemed, str):
            return answer({"error": redeemed})
        access, refresh, scope = redeemed
        return answer(_tokens(zoho, access, scope=scope, refresh_token=refresh))
    if grant_type == "refresh_token":
        try:
            refreshed = zoho.tokens.refresh(asked.get("refresh_token", ""))
        except TooManyTokensError:
            return answer(ACCESS_DENIED, zoho.access_denied_status)
        if refreshed is None:
            return answer({"error": "invalid_code"})
        access, _ = refreshed
        return answer(_tokens(zoho, access))  # no refresh token: the old one stays
    return answer({"error": "general_error"})


def _tokens(zoho: Zoho, access: str, **more: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "access_token": access,
        **{name: value for name, value in more.items() if value},
        "api_domain": zoho.api_domain or zoho.url,
        "token_type": "Bearer",  # so it says; the API wants "Zoho-oauthtoken" all the same
        "expires_in": ACCESS_LIFETIME,
    }
    if zoho.omit_expires_in:
        del body["expires_in"]
    return body


def revoke(zoho: Zoho, request: Request) -> Response:
    if zoho.tokens.revoke(request.values.get("token", "")):
        return answer({"status": "success"})
    return answer({"error": "invalid_code"})


def server_info(zoho: Zoho) -> Response:
    return answer({"result": "success", "locations": {**LOCATIONS, zoho.location: zoho.url}})
