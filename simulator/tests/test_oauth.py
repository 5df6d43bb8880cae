import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from simulator import Zoho, serve
from simulator.tests.conftest import Caller

REDIRECT = "http://localhost:8000/oauth/callback"


def authorize(call, decision="accept", **more):
    asked = {
        "response_type": "code",
        "client_id": call.zoho.client_id,
        "scope": "ZohoInventory.items.READ",
        "redirect_uri": REDIRECT,
        "access_type": "offline",
        "state": "xyz",
        **more,
    }
    return call.session.post(
        f"{call.url}/oauth/v2/auth", data={**asked, "decision": decision}, allow_redirects=False
    )


def redirected_with(response):
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def exchange(call, code, **more):
    form = call.client(grant_type="authorization_code", code=code, **more)
    return call.session.post(f"{call.url}/oauth/v2/token", data=form)


def test_the_same_seed_gives_the_same_connection():
    """A restarted simulator must accept the refresh token that was stored."""
    first, second = Zoho(seed=7), Zoho(seed=7)

    assert first.refresh_token == second.refresh_token
    assert first.organization_id == second.organization_id
    assert Zoho(seed=8).refresh_token != first.refresh_token
    assert re.fullmatch(r"1000\.[0-9a-f]{32}\.[0-9a-f]{32}", first.refresh_token)


def test_a_refresh_answers_with_a_token_and_no_refresh_token(call):
    """Clients that save the whole answer lose theirs, as with the real one."""
    body = call.refresh().json()

    assert set(body) == {"access_token", "api_domain", "token_type", "expires_in"}
    assert (body["api_domain"], body["token_type"], body["expires_in"]) == (
        call.url,
        "Bearer",
        3600,
    )


def test_query_and_form_both_work_json_and_get_do_not(call):
    """Zoho's pages print the query, its SDK sends the form; a JSON body is "invalid_client"."""
    fields = call.client(grant_type="refresh_token", refresh_token=call.zoho.refresh_token)
    url = f"{call.url}/oauth/v2/token"

    assert "access_token" in requests.post(url, params=fields).json()
    assert requests.post(url, json=fields).json() == {"error": "invalid_client"}
    assert requests.get(url, params=fields).status_code == 405


def test_errors_of_the_token_endpoint_come_with_http_200(call):
    """The status proves nothing."""
    wrong_client = call.session.post(
        f"{call.url}/oauth/v2/token", data={"client_id": "1000.X", "grant_type": "refresh_token"}
    )
    wrong_secret = call.refresh(client_secret="wrong")
    call.zoho.revoke_refresh_token()
    revoked = call.refresh()

    for answer, error in (
        (wrong_client, "invalid_client"),
        (wrong_secret, "invalid_client_secret"),
        (revoked, "invalid_code"),
    ):
        assert (answer.status_code, answer.json()) == (200, {"error": error})


def test_consent_leads_back_with_a_code_the_state_and_where_to_use_it(call):
    """`accounts-server` is the only host that accepts the code."""
    back = redirected_with(authorize(call))

    assert (back["state"], back["location"], back["accounts-server"]) == ("xyz", "us", call.url)
    tokens = exchange(call, back["code"], redirect_uri=REDIRECT).json()
    assert {"access_token", "refresh_token", "scope"} <= tokens.keys()


def test_refusal_leads_back_with_access_denied(call):
    """People change their minds."""
    assert redirected_with(authorize(call, "deny")) == {"error": "access_denied", "state": "xyz"}


def test_the_consent_page_asks_and_names_the_scopes(call):
    """A person, or a browser test, decides here."""
    page = call.session.get(
        f"{call.url}/oauth/v2/auth",
        params={"client_id": call.zoho.client_id, "redirect_uri": REDIRECT, "scope": "a,b"},
    )

    assert "<li>a</li><li>b</li>" in page.text
    assert "Accept" in page.text


def test_consent_can_answer_itself(call):
    """For tests without a browser."""
    call.zoho.auto_consent = False
    page = call.session.get(
        f"{call.url}/oauth/v2/auth",
        params={"client_id": call.zoho.client_id, "redirect_uri": REDIRECT},
        allow_redirects=False,
    )

    assert redirected_with(page) == {"error": "access_denied"}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"client_id": "1000.X"}, "invalid_client"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_redirect_uri"),
    ],
)
def test_a_wrong_client_or_address_gets_zohos_own_page(call, wrong, error):
    """Nothing goes back to an address that was not registered."""
    response = authorize(call, **wrong)

    assert response.status_code == 400
    assert error in response.text


def test_a_code_is_single_use(call):
    """A reload of the callback page burns it."""
    code = redirected_with(authorize(call))["code"]
    exchange(call, code, redirect_uri=REDIRECT)

    assert exchange(call, code, redirect_uri=REDIRECT).json() == {"error": "invalid_code"}


def test_a_code_lives_two_minutes(call, clock):
    """Exchange at once."""
    code = redirected_with(authorize(call))["code"]
    clock.pass_by(121)

    assert exchange(call, code, redirect_uri=REDIRECT).json() == {"error": "invalid_code"}


def test_a_self_clients_code_lives_as_long_as_the_console_was_told(call, clock):
    """A person has to carry it over by hand: three minutes, or up to ten."""
    short = call.zoho.make_self_client_code()
    long = call.zoho.make_self_client_code(lifetime=600)
    clock.pass_by(181)

    assert exchange(call, short).json() == {"error": "invalid_code"}
    assert "access_token" in exchange(call, long).json()


def test_a_code_is_bound_to_its_redirect_address(call):
    """Another address is another application."""
    code = redirected_with(authorize(call))["code"]

    assert exchange(call, code, redirect_uri="http://x/").json() == {
        "error": "invalid_redirect_uri"
    }


def test_a_self_clients_code_needs_no_redirect_address(call):
    """It was made by hand in the console."""
    assert "refresh_token" in exchange(call, call.zoho.make_self_client_code()).json()


def test_without_offline_access_there_is_no_refresh_token(call):
    """`online` is Zoho's default."""
    code = redirected_with(authorize(call, access_type="online"))["code"]

    assert "refresh_token" not in exchange(call, code, redirect_uri=REDIRECT).json()


@pytest.mark.parametrize("status", [400, 200])
def test_the_eleventh_token_in_ten_minutes_is_denied(call, clock, status):
    """Zoho's guard against clients that refresh in every process."""
    call.zoho.access_denied_status = status
    for _ in range(10):
        assert "access_token" in call.refresh().json()

    denied = call.refresh()
    assert (denied.status_code, denied.json()["error"]) == (status, "Access Denied")

    clock.pass_by(601)
    assert "access_token" in call.refresh().json()


def test_the_sixteenth_token_silently_kills_the_oldest(call, clock):
    """The victim learns of it by a 401."""
    oldest = call.refresh().json()["access_token"]
    for _ in range(15):
        clock.pass_by(61)
        newest = call.refresh().json()["access_token"]

    call.token = oldest
    assert call.get("items").json()["code"] == 57
    call.token = newest
    assert call.get("items").json()["code"] == 0


def test_an_access_token_lives_an_hour(call, clock):
    """Then it is refused like any dead one."""
    call.get("items")
    clock.pass_by(3601)

    assert call.get("items").status_code == 401


def test_expires_in_can_be_missing(call):
    """It has been, now and then."""
    call.zoho.omit_expires_in = True

    assert "expires_in" not in call.refresh().json()


def test_revoking_ends_the_refresh_token_and_its_access_tokens(call):
    """What "disconnect" has to do."""
    call.get("items")

    revoked = call.session.post(
        f"{call.url}/oauth/v2/token/revoke", data={"token": call.zoho.refresh_token}
    )

    assert revoked.json() == {"status": "success"}
    assert call.get("items").status_code == 401
    assert call.refresh().json() == {"error": "invalid_code"}


def test_two_data_centres_refuse_each_others_tokens(call):
    """The right client in the wrong place."""
    with serve(Zoho(location="eu")) as europe:
        other = Caller(Zoho(location="eu"), europe.url)
        call.get("items")
        other.token = call.token

        assert other.get("items").status_code == 401
        other.session.close()


def test_server_info_names_the_accounts_servers(call):
    """Linked from Zoho's multi-DC page."""
    info = call.session.get(f"{call.url}/oauth/serverinfo").json()

    assert info["locations"]["us"] == call.url
    assert info["locations"]["in"] == "https://accounts.zoho.in"


def test_a_repeated_consent_brings_a_refresh_token_only_when_prompted(call):
    """Clients that forget prompt=consent work until the second click on "Connect"."""

    def connect(**more):
        code = redirected_with(authorize(call, **more))["code"]
        return exchange(call, code, redirect_uri=REDIRECT).json()

    assert "refresh_token" in connect()
    assert "refresh_token" not in connect()
    assert "refresh_token" in connect(prompt="consent")


def test_the_eleventh_code_in_ten_minutes_is_denied(call, clock):
    """Codes are rationed, too."""
    codes = [call.zoho.make_self_client_code() for _ in range(11)]

    assert exchange(call, codes[10]).json() == {"error": "access_denied"}
    assert "access_token" in exchange(call, codes[9]).json()
    clock.pass_by(601)
    assert "access_token" in exchange(call, call.zoho.make_self_client_code()).json()


def test_the_21st_refresh_token_ends_the_oldest_and_its_access_tokens(call, clock):
    """Staging and production that share one client take each other down."""
    call.get("items")
    for number in range(20):
        if number == 10:
            clock.pass_by(601)
        exchange(call, call.zoho.make_self_client_code())

    assert call.get("items").json()["code"] == 57
    assert call.refresh().json() == {"error": "invalid_code"}


def test_a_client_has_one_id_and_a_secret_for_each_data_centre(call):
    """The right id with the wrong secret is what a wrong data centre looks like."""
    europe = Zoho(location="eu")

    assert europe.client_id == call.zoho.client_id
    assert europe.client_secret != call.zoho.client_secret
    answer = call.refresh(client_secret=europe.client_secret)
    assert answer.json() == {"error": "invalid_client_secret"}


def test_a_redirect_address_keeps_its_own_query(call):
    """A second question mark would hide the code."""
    address = "http://localhost:8000/back?from=zoho"
    call.zoho.redirect_uris = {address}

    back = redirected_with(authorize(call, redirect_uri=address))
    assert back["from"] == "zoho"
    assert back["code"].startswith("1000.")
