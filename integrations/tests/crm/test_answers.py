"""What CRM's answers mean: the table of statuses, and what of an error may be told."""

import pytest

from integrations.models import ZohoUsage
from integrations.zoho.crm import answers
from integrations.zoho.crm.answers import crm_answer, names_of, scope_for
from integrations.zoho.errors import (
    TryAgain,
    ZohoAPIError,
    ZohoAuthError,
    ZohoConflictError,
    ZohoNotFoundError,
    ZohoPageExpiredError,
    ZohoPermissionError,
    ZohoRateLimitError,
    ZohoUnavailableError,
)
from integrations.zoho.exchange import Reply, Request
from integrations.zoho.records import dumps
from integrations.zoho.retry import MAX_TRIES

ACCOUNTS = "/crm/v8/Accounts"
READ = Request("https://www.zohoapis.com/crm/v8/Accounts")


def reply(status, code, headers=None, wrapped=False, **details):
    body = {"code": code, "details": details, "message": "secret", "status": "error"}
    return Reply(status, headers or {}, dumps({"data": [body]} if wrapped else body))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_DATA", ZohoAPIError),
        (400, "MANDATORY_NOT_FOUND", ZohoAPIError),
        (400, "EXPIRED_VALUE", ZohoPageExpiredError),
        (400, "AUTHORIZATION_FAILED", ZohoPermissionError),
        (400, "NEW_CODE_OF_TOMORROW", ZohoAPIError),
        (401, "INVALID_TOKEN", ZohoAuthError),
        (401, "AUTHENTICATION_FAILURE", ZohoAuthError),
        (401, "OAUTH_SCOPE_MISMATCH", ZohoPermissionError),
        (403, "NO_PERMISSION", ZohoPermissionError),
        (403, "NOT_SUPPORTED", ZohoAPIError),
        (404, "INVALID_URL_PATTERN", ZohoAPIError),
        (404, "RESOURCE_NOT_FOUND", ZohoNotFoundError),
        (412, "ALREADY_MODIFIED", ZohoConflictError),
        (429, "TOO_MANY_REQUESTS", ZohoRateLimitError),
        (400, "TOO_MANY_REQUESTS", ZohoRateLimitError),
        (500, "INTERNAL_ERROR", ZohoUnavailableError),
        (503, "NEW_CODE_OF_TOMORROW", ZohoUnavailableError),
        (200, "INVALID_DATA", ZohoAPIError),
    ],
)
def test_each_status_is_told_by_what_the_caller_does_next(status, code, kind, wrapped):
    """Status, code and the field's name survive the translation; Zoho's words do not."""
    answered = reply(status, code, {"X-Request-Id": "r-1"}, wrapped, api_name="Phone")

    with pytest.raises(kind) as caught:
        crm_answer(answered, READ)

    error = caught.value
    assert type(error) is kind or kind is ZohoAuthError
    assert (error.status, error.code, error.details) == (status, code, {"api_name": "Phone"})
    assert error.request_id == "r-1"
    assert "secret" not in str(error)


@pytest.mark.parametrize("status", [204, 304])
def test_nothing_found_and_not_modified_have_no_body(status):
    """To look for one would be an error."""
    assert crm_answer(Reply(status, {}, b""), READ) == {}


@pytest.mark.parametrize("status", [200, 201, 202, 207, 400, 412])
def test_the_outcomes_of_a_batch_are_an_answer(status):
    """Each entry is judged, not the status."""
    write = Request(READ.url, method="PUT", writes=True)

    assert len(crm_answer(reply(status, "INVALID_DATA", wrapped=True), write)["data"]) == 1
    with pytest.raises(ZohoAPIError):
        crm_answer(reply(400, "INVALID_DATA"), write)


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"data": [', b"[]", b'"x"'])
def test_what_is_no_object_is_not_an_answer(content):
    """Taken for "nothing found", it would make accounts disappear."""
    with pytest.raises((ZohoUnavailableError, ZohoAuthError)):
        crm_answer(Reply(200, {}, content), READ)


def test_of_zohos_details_only_names_are_kept():
    """An account's values have no place in a log or a page of errors."""
    details = {
        "api_name": "Phone",
        "json_path": "$.data[1].Phone",
        "maximum_length": 30,
        "permissions": ["Crm_Implied_View_Accounts"],
        "near": "Acme GmbH",
        "value": "Acme GmbH",
        "column_name": "<b>Acme</b>",
        "duplicate_record": {"id": "1", "Account_Name": "Acme GmbH"},
    }

    assert names_of(details) == {
        "api_name": "Phone",
        "json_path": "$.data[1].Phone",
        "maximum_length": 30,
        "permissions": ["Crm_Implied_View_Accounts"],
    }


@pytest.mark.parametrize(
    ("method", "path", "scope", "choice"),
    [
        ("GET", "crm/v8/Accounts", "ZohoCRM.modules.accounts.READ", "Read Zoho CRM Accounts"),
        ("PUT", "crm/v8/Accounts/1", "ZohoCRM.modules.accounts.UPDATE", "Change Zoho CRM Accounts"),
        ("POST", "crm/v8/coql", "ZohoCRM.coql.READ", "Read Zoho CRM Accounts"),
        ("POST", "crm/bulk/v8/read", "ZohoCRM.bulk.READ", "Read Zoho CRM Accounts"),
        ("GET", "crm/v8/Accounts/search", "ZohoSearch.securesearch.READ", "Read Zoho CRM"),
        ("GET", "crm/v8/settings/fields", "ZohoCRM.settings.fields.READ", "Read Zoho CRM"),
        ("GET", "crm/v8/org", "ZohoCRM.org.READ", "Read Zoho CRM Accounts"),
    ],
)
def test_a_missing_permission_is_named_with_where_to_allow_it(method, path, scope, choice):
    """ "Unauthorized" helps nobody."""
    asked = Request(f"https://www.zohoapis.com/{path}", method=method, writes=method == "PUT")

    with pytest.raises(ZohoPermissionError, match=choice) as caught:
        crm_answer(reply(401, "OAUTH_SCOPE_MISMATCH"), asked)

    assert scope in str(caught.value)
    assert scope_for(method, path) == scope


def test_a_missing_permission_costs_no_new_token(zoho, rest):
    """It is not the token's fault."""
    zoho.faults.add("status", path=ACCOUNTS, status=401, code="OAUTH_SCOPE_MISMATCH")

    with pytest.raises(ZohoPermissionError):
        rest.get_accounts()

    assert zoho.mints == 1


def test_a_token_that_crm_refuses_is_renewed_once(zoho, rest):
    """And the call made again, a write too: refused is not done."""
    account_id = zoho.add_account(Account_Name="Helios")
    rest.get_accounts()
    zoho.expire_access_tokens()

    assert rest.update_account(account_id, {"Phone": "1"})["Phone"] == "1"
    assert zoho.mints == 2

    zoho.faults.add("unauthorized", path=ACCOUNTS)
    with pytest.raises(ZohoAuthError, match="Connect Zoho again"):
        rest.get_accounts()
    assert zoho.mints == 3


@pytest.mark.parametrize(
    ("headers", "wait", "if_it_lasts"),
    [
        ({}, answers.CONCURRENCY_WAIT, answers.IF_IT_LASTS),
        ({"X-API-CREDITS-REMAINING": "2400"}, answers.CONCURRENCY_WAIT, answers.IF_IT_LASTS),
        ({"X-API-CREDITS-REMAINING": "0"}, answers.CREDITS_WAIT, 0),
        ({"X-API-CREDITS-REMAINING": "0", "Retry-After": "17"}, 17, 0),
        ({"Retry-After": "7"}, 7, answers.IF_IT_LASTS),
    ],
)
def test_credits_are_told_from_calls_at_once_by_what_is_left(headers, wait, if_it_lasts):
    """One clears in seconds, the other in hours; Zoho says the same of both. A missing header is
    unknown, not zero."""
    with pytest.raises(ZohoRateLimitError) as caught:
        crm_answer(reply(429, "TOO_MANY_REQUESTS", headers), READ)

    assert (caught.value.retry_after, caught.value.if_it_lasts) == (wait, if_it_lasts)


def test_too_many_at_once_is_slept_through_and_counted(zoho, rest, short_crm_limits):
    """It clears in seconds."""
    zoho.faults.add("rate_limit", path=ACCOUNTS, code="TOO_MANY_REQUESTS", times=1)

    assert rest.get_accounts() == []
    assert ZohoUsage.objects.get(product="crm", purpose="person").rate_limited == 1


def test_too_many_that_does_not_clear_is_waited_for_longer(zoho, rest, short_crm_limits):
    """Then it was the credits after all."""
    zoho.faults.add("rate_limit", path=ACCOUNTS, code="TOO_MANY_REQUESTS")

    with pytest.raises(ZohoRateLimitError) as caught:
        rest.get_accounts()

    assert rest.calls == MAX_TRIES
    assert caught.value.retry_after == answers.IF_IT_LASTS


@pytest.mark.parametrize("kind", ["html_502", "truncated", "drop"])
def test_passing_trouble_with_a_read_is_repeated(zoho, rest, kind):
    """Reading twice is reading once; a query is a POST and reads all the same."""
    zoho.add_account(Account_Name="Helios")
    zoho.faults.add(kind, path="/crm/", times=1)
    assert len(rest.get_accounts()) == 1

    zoho.faults.add(kind, path="/crm/", times=1)
    assert len(rest.query_accounts("select id from Accounts where id is not null")) == 1


def test_a_write_that_never_left_is_no_riddle(zoho, rest, settings):
    """A refused connection proves that Zoho has not heard of it."""
    account_id = zoho.add_account(Account_Name="Helios")
    rest.fields()
    settings.ZOHO_API_URL = "http://127.0.0.1:1"
    rest._refuse_unknown = lambda names: None  # it would ask at the same closed door

    with pytest.raises(ZohoUnavailableError) as caught:
        rest.update_account(account_id, {"Phone": "1"})

    assert isinstance(caught.value, TryAgain)
    assert rest.calls > 2


def test_no_value_and_no_search_word_is_logged(zoho, rest, caplog):
    """Names are enough to find out what happened; values are somebody's data."""
    caplog.set_level("DEBUG")
    account_id = zoho.add_account(Account_Name="Helios")

    rest.update_account(account_id, {"Phone": "+49 topsecret"})
    rest.bulk_update_accounts([{"id": account_id, "Website": "https://topsecret.example"}])
    rest.search_accounts("(Account_Name:equals:topsecret)")
    rest.search_accounts(word="topsecret")
    rest.query_accounts("select id from Accounts where Account_Name = 'topsecret'")
    with pytest.raises(ZohoAPIError):
        rest.update_account(account_id, {"Employees": "topsecret"})

    assert "topsecret" not in caplog.text
    assert "account_updated_successfully" in caplog.text
    assert "'Phone'" in caplog.text
