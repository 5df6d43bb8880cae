import pytest
import requests

from simulator.tests.test_accounts import refused

FIELDS = {"fields": "Account_Name"}
READ = "ZohoCRM.modules.accounts.READ"
NEEDED = [
    ("GET", "Accounts", READ),
    ("GET", "Accounts", "ZohoCRM.modules.READ"),
    ("GET", "Accounts", "ZohoCRM.modules.ALL"),
    ("GET", "Accounts", "ZohoCRM.modules.Accounts.ALL"),
    ("GET", "Accounts/deleted", READ),
    ("PUT", "Accounts", "ZohoCRM.modules.accounts.UPDATE"),
    ("PUT", "Accounts", "ZohoCRM.modules.accounts.WRITE"),
    ("POST", "Accounts", "ZohoCRM.modules.accounts.CREATE"),
    ("DELETE", "Accounts", "ZohoCRM.modules.accounts.DELETE"),
    ("POST", "Accounts/upsert", "ZohoCRM.modules.accounts.WRITE"),
    ("GET", "Accounts/search", f"{READ},ZohoSearch.securesearch.READ"),
    (
        "GET",
        "Accounts/actions/count",
        f"{READ},ZohoSearch.securesearch.READ,ZohoCRM.settings.layouts.READ",
    ),
    ("POST", "coql", f"{READ},ZohoCRM.coql.READ"),
    ("POST", "/crm/bulk/v8/read", f"{READ},ZohoCRM.bulk.READ"),
    ("GET", "settings/fields", "ZohoCRM.settings.fields.READ"),
    ("GET", "settings/fields", "ZohoCRM.settings.ALL"),
    ("GET", "settings/modules", "ZohoCRM.settings.modules.READ"),
    ("GET", "org", "ZohoCRM.org.READ"),
    ("GET", "users", "ZohoCRM.users.ALL"),
]


@pytest.mark.parametrize(("method", "path", "scope"), NEEDED)
def test_each_call_needs_its_scopes_and_no_more(call, method, path, scope):
    """Staff consent to what is asked for, and a mirror must do with it."""
    call.zoho.tokens.narrow(scope)
    body = {} if method in ("PUT", "POST") else None
    assert call.crm(path, method, json=body).status_code != 401

    for missing in scope.split(","):
        rest = ",".join(part for part in scope.split(",") if part != missing)
        call.zoho.tokens.narrow(rest or "ZohoInventory.fullaccess.all")
        answer = call.crm(path, method, json=body)
        assert refused(answer, 401) == "OAUTH_SCOPE_MISMATCH"


def test_reading_rights_do_not_write(call):
    """Nor the other way round."""
    call.zoho.tokens.narrow(READ)
    assert refused(call.crm("Accounts", "PUT", json={}), 401) == "OAUTH_SCOPE_MISMATCH"
    call.zoho.tokens.narrow("ZohoCRM.modules.accounts.WRITE")
    assert refused(call.crm("Accounts", **FIELDS), 401) == "OAUTH_SCOPE_MISMATCH"


def test_a_missing_token_and_a_dead_one_differ(call):
    """One is a mistake, the other wants a refresh."""
    url = f"{call.url}/crm/v8/org"

    missing = requests.get(url, timeout=5)
    basic = requests.get(url, headers={"Authorization": "Basic x"}, timeout=5)
    call.crm("org")
    call.zoho.expire_access_tokens()
    dead = call.crm("org")

    assert refused(missing, 401) == refused(basic, 401) == "AUTHENTICATION_FAILURE"
    assert refused(dead, 401) == "INVALID_TOKEN"


def test_errors_may_come_wrapped_in_a_list(call, crm):
    """Zoho's files and life disagree."""
    crm.wrapped_errors = True

    body = call.crm("Accounts").json()

    assert body["data"][0]["code"] == "REQUIRED_PARAM_MISSING"
    assert call.zoho.requests[-1].code == "REQUIRED_PARAM_MISSING"


def test_paths_that_are_not_there(call):
    """Module, address and method each have their code."""
    assert refused(call.crm("Desks", **FIELDS)) == "INVALID_MODULE"
    assert refused(call.crm("Accounts/1/no/such"), 404) == "INVALID_URL_PATTERN"
    assert refused(call.crm("/crm/v9/Accounts"), 404) == "INVALID_URL_PATTERN"
    assert refused(call.crm("org", "DELETE")) == "INVALID_REQUEST_METHOD"


def test_faults_strike_crm_in_its_own_envelope(call):
    """As they do Inventory."""
    call.zoho.add_account(Account_Name="Desk")

    def struck(kind, **options):
        call.zoho.faults.clear()
        call.zoho.faults.add(kind, path="/crm/", **options)
        return call.crm("Accounts", **FIELDS)

    assert refused(struck("status", status=500), 500) == "INTERNAL_ERROR"
    assert refused(struck("unauthorized"), 401) == "INVALID_TOKEN"
    limited = struck("rate_limit", code="TOO_MANY_REQUESTS", retry_after=7)
    assert refused(limited, 429) == "TOO_MANY_REQUESTS"
    assert limited.headers["Retry-After"] == "7"
    assert "info" not in struck("no_page_context").json()
    assert "data" not in struck("no_items").json()
    assert struck("bad_record", record={"x": 1}).json()["data"][-1] == {"x": 1}
    assert struck("html_502").text.startswith("<html>")
    assert refused(struck("expire_tokens"), 401) == "INVALID_TOKEN"


def test_a_fault_strikes_the_page_that_a_token_stands_for(call):
    """In mid-walk, where it hurts."""
    for number in range(5):
        call.zoho.add_account(Account_Name=f"Desk {number}")
    call.zoho.faults.add("html_502", path="/crm/v8/Accounts", page=2, times=1)
    asked = {**FIELDS, "per_page": 2}
    token = call.crm("Accounts", **asked).json()["info"]["next_page_token"]

    assert call.crm("Accounts", **asked, page_token=token).status_code == 502
    assert call.crm("Accounts", **asked, page_token=token).status_code == 200


def test_the_first_page_may_come_for_ever(call):
    """A client must notice."""
    for number in range(3):
        call.zoho.add_account(Account_Name=f"Desk {number}")
    asked = {**FIELDS, "per_page": 2}
    first = call.crm("Accounts", **asked).json()
    call.zoho.faults.add("repeat_page", path="/crm/")

    again = call.crm("Accounts", **asked, page_token=first["info"]["next_page_token"]).json()

    assert (again["data"], again["info"]["more_records"]) == (first["data"], True)


def test_accounts_are_handled_over_http(call, crm):
    """For tests in other processes."""
    account_id = call.control("POST", "accounts", Account_Name="Desk", Credit_Limit=1.5).json()[
        "id"
    ]
    call.control("PATCH", f"accounts/{account_id}", Phone="7")
    (row,) = call.control("GET", "accounts").json()
    assert (row["Phone"], row["Credit_Limit"]) == ("7", 1.5)

    call.control("DELETE", f"accounts/{account_id}")
    assert call.control("GET", "accounts").json() == []
    call.control("POST", f"accounts/{account_id}/restore")
    other = call.control("POST", "accounts", Account_Name="Desk too").json()["id"]
    call.control("POST", "accounts/merge", winner=account_id, loser=other)
    assert call.zoho.accounts.keys() == {account_id}
    call.control("DELETE", f"accounts/{account_id}/forever")
    assert call.control("POST", f"accounts/{account_id}/restore").status_code == 400

    assert call.control("POST", "accounts", Fone="7").status_code == 400
    assert call.control("GET", "state").json()["accounts"] == 0


def test_crm_settings_are_set_over_http_and_reset(call):
    """Each with the values it may have."""
    settings = {"mixed_status": 202, "time_zone": "Europe/Berlin", "at_once": 5, "bulk_delay": 2}
    call.control("POST", "crm/settings", **settings)
    assert (call.zoho.crm.mixed_status, call.zoho.crm.limits.at_once) == (202, 5)

    for wrong in (
        {"mixed_status": 500},
        {"time_zone": "Berlin"},
        {"wrapped_errors": 1},
        {"no_such": True},
        {"user": "1"},
        {"bulk_delay": -1},
    ):
        assert call.control("POST", "crm/settings", bulk_fails=True, **wrong).status_code == 400
    assert not call.zoho.crm.bulk_fails

    call.control("POST", "reset")
    assert (call.zoho.crm.mixed_status, call.zoho.crm.limits.at_once) == (207, 0)


def test_writes_can_be_read_over_http(call):
    """What triggers a client sent."""
    call.crm("Accounts", "POST", json={"data": [{"Account_Name": "Desk"}], "trigger": []})

    (write,) = call.control("GET", "crm/writes").json()

    assert (write["method"], write["trigger"], write["outcomes"]) == ("POST", [], ["SUCCESS"])
