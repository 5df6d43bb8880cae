"""Connect with Zoho: the browser's road to consent and back, and every way it can end."""

import datetime as dt
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.auth.models import Permission
from django.utils import timezone

from integrations.models import ConnectAttempt, ZohoCredential
from integrations.zoho.scopes import scopes_of

pytestmark = pytest.mark.django_db

START, CALLBACK = "/oauth/start", "/oauth/callback"


@pytest.fixture
def client(client, staff):
    client.force_login(staff)
    return client


@pytest.fixture
def console(zoho):
    """A client registered at Zoho, whose owner says yes."""
    zoho.redirect_uris = {"http://testserver/oauth/callback"}
    zoho.auto_consent = True
    return zoho


@pytest.fixture
def form(console):
    return {
        "data_center": "us",
        "client_id": console.client_id,
        "client_secret": console.client_secret,
    }


def consent(client, form):
    """Press the button, and let Zoho send the browser back: the address of the callback."""
    to_zoho = client.post(START, form)
    assert to_zoho.status_code == 302, to_zoho.content.decode()
    back = requests.get(to_zoho["Location"], allow_redirects=False, timeout=5)
    assert back.status_code == 302, back.text
    return back.headers["Location"].removeprefix("http://testserver")


def told(response):
    return " ".join(str(message) for message in response.context["messages"])


def test_from_the_form_to_a_connection(client, console, form):
    """The whole road: form, consent, code, tokens, the organisation by its name."""
    page = client.get(consent(client, form), follow=True)
    assert "Monsoon Solar Retail" in page.content.decode()

    path = page.request["PATH_INFO"]
    page = client.post(path, {"organization_id": console.organization_id}, follow=True)

    assert "Connected to Zoho organisation" in told(page)
    credential = ZohoCredential.objects.get()
    assert credential.organization_id == console.organization_id
    assert credential.state() == "connected"
    assert credential.api_domain == console.url
    assert not ConnectAttempt.objects.exists()


def test_zoho_is_asked_for_reading_only_and_for_a_lasting_token(client, form):
    """A scope that is not needed is a risk that is not needed."""
    asked = parse_qs(urlsplit(client.post(START, form)["Location"]).query)

    assert asked["scope"] == ["ZohoInventory.items.READ,ZohoInventory.settings.READ"]
    assert (asked["access_type"], asked["prompt"]) == (["offline"], ["consent"])
    assert asked["redirect_uri"] == ["http://testserver/oauth/callback"]
    assert len(asked["state"][0]) >= 32


@pytest.mark.parametrize(
    ("features", "more"),
    [
        ([], set()),
        (["crm-read"], {"ZohoCRM.modules.accounts.READ", "ZohoCRM.coql.READ"}),
        (["crm-write"], {"ZohoCRM.modules.accounts.UPDATE", "ZohoCRM.modules.accounts.READ"}),
        (["notifications"], {"ZohoCRM.notifications.ALL", "ZohoCRM.modules.accounts.READ"}),
    ],
)
def test_zoho_is_asked_for_what_was_chosen_and_what_it_goes_with(client, form, features, more):
    """Each scope has its reason; writing is never asked for by the way."""
    to_zoho = client.post(START, {**form, "features": features})["Location"]
    asked = set(parse_qs(urlsplit(to_zoho).query)["scope"][0].split(","))

    assert {"ZohoInventory.items.READ", "ZohoInventory.settings.READ", *more} <= asked
    writing = {scope for scope in asked if not scope.endswith(".READ")}
    assert writing == more & {"ZohoCRM.modules.accounts.UPDATE", "ZohoCRM.notifications.ALL"}


def test_a_reconnect_proposes_what_was_allowed_before(client, credential):
    """Nobody should lose a feature by renewing."""
    ZohoCredential.objects.update(scope=" ".join(scopes_of(["crm-write"])).upper())

    page = client.get(START)

    checked = {feature.key: chosen for feature, chosen in page.context["choices"]}
    assert checked == {"crm-read": True, "crm-write": True, "notifications": False}


def test_what_nobody_knows_is_proposed_rather_than_lost(client, credential):
    """A connection that was entered by hand says nothing of its scopes."""
    ZohoCredential.objects.update(scope="")

    page = client.get(START)

    checked = {feature.key: chosen for feature, chosen in page.context["choices"]}
    assert checked == {"crm-read": True, "crm-write": True, "notifications": False}


def test_only_what_is_always_asked_for_cannot_be_chosen(client):
    """The other boxes are there to be ticked."""
    page = client.get(START).content.decode()

    boxes = re.findall(r'<input[^>]*name="features" value="([^"]*)"([^>]*)>', page)
    fixed = {value for value, attributes in boxes if " disabled" in attributes}
    assert len(boxes) == 4
    assert fixed == {"inventory"}


def test_a_scope_that_was_chosen_draws_no_warning(credential):
    """A warning for what one wanted is one that nobody reads."""
    credential.scope = ",".join(scopes_of(["crm-write", "notifications"]))

    assert credential.excess_scopes() == []


def test_a_self_clients_code_is_taken_on_the_page_too(client, console, form):
    """Not every installation has an address that Zoho accepts; nobody should need a terminal."""
    code = console.make_self_client_code("ZohoInventory.items.READ,ZohoInventory.settings.READ")

    page = client.post(START, {**form, "grant_code": code, "with_code": 1}, follow=True)
    page = client.post(
        page.request["PATH_INFO"], {"organization_id": console.organization_id}, follow=True
    )

    assert "Connected to Zoho organisation" in told(page)
    assert ZohoCredential.objects.get().state() == "connected"
    assert code not in page.content.decode()


def test_the_button_for_a_code_wants_one(client, form):
    """It must not lead to Zoho's consent by mistake."""
    page = client.post(START, {**form, "with_code": 1})

    assert "Paste the code that Zoho" in page.content.decode()


def test_a_code_that_is_too_old_is_refused_and_nothing_is_changed(client, form):
    """Its life is counted in minutes."""
    page = client.post(START, {**form, "grant_code": "1000.old.code", "with_code": 1})
    shown = page.content.decode()

    assert "Zoho no longer accepts the code" in shown
    assert "Generate a new code" in shown
    assert f'value="{form["client_id"]}"' in shown, "what was typed need not be typed again"
    assert not ZohoCredential.objects.exists()


def test_the_page_shows_the_exact_redirect_address_and_the_scopes(client):
    """One character off, and Zoho shows an error page of its own."""
    page = client.get(START).content.decode()

    assert 'value="http://testserver/oauth/callback"' in page
    assert "ZohoInventory.items.READ" in page


def test_the_browser_may_be_sent_to_zoho_by_this_form_only(client, settings):
    """The content policy names where forms may lead."""
    settings.ZOHO_ACCOUNTS_URL = ""

    policy = client.get(START)["Content-Security-Policy"]
    elsewhere = client.get("/admin/")["Content-Security-Policy"]

    assert "https://accounts.zoho.eu" in policy
    assert "accounts.zoho" not in elsewhere


def test_an_answer_is_good_for_once(client, form):
    """A reload must neither burn a code nor report a false failure."""
    back = consent(client, form)
    client.get(back)

    page = client.get(back, follow=True)

    assert "was used already" in told(page)


def test_an_answer_belongs_to_the_person_and_session_that_asked(client, form, django_user_model):
    """Otherwise somebody could plant their own Zoho account here."""
    back = consent(client, form)
    client.force_login(django_user_model.objects.create_superuser("eve"))

    page = client.get(back, follow=True)

    assert "does not belong to a connection that you began" in told(page)
    assert not ZohoCredential.objects.exists()


def test_an_answer_without_a_known_state_is_refused(client, console):
    """Forged, or from yesterday."""
    page = client.get(CALLBACK, {"code": "1000.abc", "state": "made up"}, follow=True)

    assert "does not belong" in told(page)
    assert not [r for r in console.requests if r.path == "/oauth/v2/token"]


def test_after_ten_minutes_the_answer_is_too_late(client, form):
    """The page was left open over lunch."""
    back = consent(client, form)
    ConnectAttempt.objects.update(created_at=timezone.now() - dt.timedelta(minutes=11))

    assert "More than ten minutes have passed" in told(client.get(back, follow=True))


def test_a_refusal_changes_nothing_and_says_so(client, console, credential, form):
    """Somebody pressed Deny."""
    console.auto_consent = False

    page = client.get(consent(client, form), follow=True)

    assert "Zoho was not allowed the access. Nothing was changed." in told(page)
    assert ZohoCredential.objects.get().refresh_token == credential.refresh_token


def test_a_code_that_zoho_no_longer_accepts_is_explained(client, console, form):
    """It lives for a minute or two."""
    back = consent(client, form)
    console.tokens = type(console.tokens)(console.refresh_token, console.clock)

    assert "Zoho no longer accepts the code" in told(client.get(back, follow=True))


def test_a_consent_without_a_refresh_token_is_told_at_once(client, form, console):
    """An hour later everything would stop without a word."""
    back = consent(client, form)
    body = {"access_token": "1000.a.b", "expires_in": 3600}
    console.faults.add("answer", path="/oauth/v2/token", body=body)

    assert "no refresh token" in told(client.get(back, follow=True))


def test_an_account_in_another_data_centre_is_named(client, form, settings):
    """Its codes and secrets work there only."""
    settings.ZOHO_ACCOUNTS_URL = ""
    client.post(START, form)
    state = parse_qs(urlsplit(client.post(START, form)["Location"]).query)["state"][0]
    answer = {
        "state": state,
        "code": "1000.abc",
        "location": "in",
        "accounts-server": "https://accounts.zoho.in",
    }

    assert "lives in India (.in), not in United States" in told(
        client.get(CALLBACK, answer, follow=True)
    )


def test_a_foreign_server_gets_no_secret(client, form, console):
    """It comes through the browser, so anybody may have put it there."""
    state = parse_qs(urlsplit(client.post(START, form)["Location"]).query)["state"][0]
    answer = {"state": state, "code": "1000.abc", "accounts-server": "https://evil.example"}

    assert "not Zoho's" in told(client.get(CALLBACK, answer, follow=True))
    assert not [r for r in console.requests if r.path == "/oauth/v2/token"]


def test_a_reconnect_keeps_the_organisation_and_asks_before_another_one(
    client, console, credential, form
):
    """Connected as somebody else, every product would vanish from the list."""
    blank = {**form, "client_id": "", "client_secret": ""}

    page = client.get(consent(client, blank), follow=True).content.decode()

    assert f"Connected so far: organisation {console.organization_id}" in page
    assert ZohoCredential.objects.get().refresh_token == credential.refresh_token


def test_where_zoho_lists_no_organisations_the_id_is_typed(client, console, form):
    """Somebody took that permission away on the consent page."""
    console.faults.add("unauthorized", path="/inventory/v1/organizations")
    page = client.get(consent(client, form), follow=True)
    assert "did not let us list" in page.content.decode()

    path = page.request["PATH_INFO"]
    assert "digits only" in client.post(path, {"organization_id": "abc"}).content.decode()
    client.post(path, {"organization_id": "12345678"})

    assert ZohoCredential.objects.get().organization_id == "12345678"


def test_what_is_missing_in_the_form_is_said(client):
    """Before a consent that could only fail."""
    page = client.post(START, {"data_center": "us", "client_id": "abc"}).content.decode()

    assert "begins with 1000." in page
    assert "Zoho&#x27;s API console shows it" in page
    assert not ConnectAttempt.objects.exists()


def test_disconnect_tells_zoho_and_keeps_the_data(client, console, credential, sync):
    """The access must end there, too."""
    console.add_item(name="Desk")
    sync()

    page = client.post("/oauth/disconnect", follow=True)

    assert "Disconnected, and Zoho was told so. Everything that was synced is kept" in told(page)
    stored = ZohoCredential.objects.get()
    assert (stored.refresh_token, stored.state()) == ("", "not_connected")
    assert stored.client_id
    assert [r.path for r in console.requests][-1] == "/oauth/v2/token/revoke"


def test_a_disconnect_that_zoho_did_not_hear_says_what_to_do(client, console, credential):
    """The token is still alive there."""
    console.faults.add("drop", path="/oauth/")

    assert "Remove the access in Zoho too" in told(client.post("/oauth/disconnect", follow=True))


def test_the_connection_can_be_tested_for_one_call(client, console, credential):
    """Does it work? is a question with an answer."""
    assert "The connection works" in told(client.post("/oauth/test", follow=True))

    console.revoke_refresh_token()
    console.expire_access_tokens()
    assert "does not work at the moment" in told(client.post("/oauth/test", follow=True))


def test_a_connection_that_may_do_more_than_read_draws_a_warning(client, credential):
    """Scopes are easily granted and never looked at again."""
    ZohoCredential.objects.update(scope="ZohoInventory.items.READ ZohoInventory.items.UPDATE")

    page = client.get("/admin/integrations/zohocredential/1/change/").content.decode()

    assert "may do more in Zoho than is needed here: ZohoInventory.items.UPDATE" in page


@pytest.mark.parametrize("path", [START, CALLBACK, "/oauth/organisation/1"])
def test_connecting_is_a_right_of_its_own(client, path, django_user_model):
    """Anonymous → login; staff without the right → 403."""
    client.logout()
    assert "/admin/login/" in client.get(path)["Location"]
    viewer = django_user_model.objects.create_user("ada", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)

    assert client.get(path).status_code == 403


def test_no_secret_is_in_the_database_in_clear_or_on_a_page(client, console, form):
    """An attempt holds the client's secret and the first tokens."""
    page = client.get(consent(client, form), follow=True)

    attempt = ConnectAttempt.objects.get()
    sealed = json.loads(attempt.sealed)
    raw = ConnectAttempt.objects.extra(select={"raw": "sealed"}).values_list("raw", flat=True)[0]
    for secret in ("client_secret", "refresh_token", "access_token"):
        assert sealed[secret]
        assert sealed[secret] not in raw
        assert sealed[secret] not in page.content.decode()


def test_an_attempt_that_nobody_finished_is_forgotten(client, form):
    """It holds tokens, and would hold them for ever."""
    page = client.get(consent(client, form), follow=True)
    ConnectAttempt.objects.update(created_at=timezone.now() - dt.timedelta(minutes=61))

    client.get(page.request["PATH_INFO"])

    assert not ConnectAttempt.objects.exists()
