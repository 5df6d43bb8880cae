"""Every kind of failure, through the real tiers: none is flattened into another on the way."""

from contextlib import nullcontext

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.transaction import atomic

from integrations.models import ZohoCredential
from integrations.zoho.crm.client import create_zoho_client
from integrations.zoho.crm.tiers import TieredCrm
from integrations.zoho.errors import (
    ZohoAPIError,
    ZohoAuthError,
    ZohoDatabaseError,
    ZohoNotFoundError,
    ZohoPermissionError,
    ZohoRateLimitError,
    ZohoUnavailableError,
    ZohoUnknownOutcome,
)
from integrations.zoho.inventory import ZohoClient
from integrations.zoho.tokens import get_valid_token

ACCOUNTS = "/crm/v8/Accounts"
WORDS = 'connection to "db.internal" failed for user "zoho", password "hunter2"'
TABLES = ("integrations_zohocredential", "integrations_zohousage", "integrations_auditevent")


class Away:
    """A database that does not serve these tables; its own words hold what nobody should read."""

    def __init__(self, *tables, error=OperationalError):
        self.tables = tables
        self.error = error

    def __call__(self, execute, sql, params, many, context):
        if any(table in sql for table in self.tables):
            raise self.error(WORDS)
        return execute(sql, params, many, context)


def away(*tables, **options):
    return connection.execute_wrapper(Away(*tables, **options))


@pytest.mark.parametrize(
    ("fault", "kind", "status", "code"),
    [
        (("status", {"status": 400, "code": "INVALID_DATA"}), ZohoAPIError, 400, "INVALID_DATA"),
        (("unauthorized", {}), ZohoAuthError, 401, "INVALID_TOKEN"),
        (
            ("status", {"status": 403, "code": "NO_PERMISSION"}),
            ZohoPermissionError,
            403,
            "NO_PERMISSION",
        ),
        (
            ("status", {"status": 404, "code": "RESOURCE_NOT_FOUND"}),
            ZohoNotFoundError,
            404,
            "RESOURCE_NOT_FOUND",
        ),
        (
            ("rate_limit", {"code": "TOO_MANY_REQUESTS", "retry_after": 600}),
            ZohoRateLimitError,
            429,
            "TOO_MANY_REQUESTS",
        ),
        (
            ("status", {"status": 500, "code": "INTERNAL_ERROR"}),
            ZohoUnavailableError,
            500,
            "INTERNAL_ERROR",
        ),
    ],
    ids=["400", "401", "403", "404", "429", "500"],
)
def test_each_answer_is_an_error_of_its_own_with_status_and_code(
    crm, zoho, fault, kind, status, code
):
    """What the caller does next depends on it."""
    zoho.add_account(Account_Name="Helios")
    name, options = fault
    zoho.faults.add(name, path=ACCOUNTS, **options)

    with pytest.raises(kind) as caught:
        crm.get_accounts()

    assert (caught.value.status, caught.value.code) == (status, code)
    if kind is ZohoRateLimitError:
        assert caught.value.retry_after == 600


@pytest.mark.parametrize("has_token", [False, True])
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("table", TABLES)
def test_a_database_that_fails_is_told_as_such(crm, zoho, table, error, has_token):
    """Neither as Zoho's fault nor as the caller's; nothing is sent, and no secret is told."""
    account_id = zoho.add_account(Account_Name="Helios")
    if has_token:  # else it has to be renewed, which cannot be within another transaction
        get_valid_token()

    for call in (crm.get_accounts, lambda: crm.update_account(account_id, {"Phone": "1"})):
        within = atomic() if has_token else nullcontext()
        with away(table, error=error), pytest.raises(ZohoDatabaseError) as caught, within:
            call()

        told = str(caught.value)
        assert isinstance(caught.value.cause, error)
        assert told.startswith(f"Our own database failed ({error.__name__}). The ")
        assert "What was synced is kept" in told
        assert "db.internal" not in told
        assert "hunter2" not in told
    assert [request for request in zoho.requests if request.path.startswith("/crm/")] == []


def test_a_database_that_fails_leads_to_no_other_tier(zoho, credential):
    """They all have the same one; and it says nothing about a tier."""
    tiered = TieredCrm.from_database()

    for _ in range(6):
        with away("integrations_zohocredential"), pytest.raises(ZohoDatabaseError):
            tiered.get_accounts()

    assert tiered.get_accounts(limit=1) == []


@pytest.mark.parametrize(
    "make", [ZohoClient.from_database, TieredCrm.from_database, create_zoho_client, dict]
)
def test_no_client_is_made_while_the_connection_cannot_be_read(credential, make):
    """ "Not connected" would be another thing, with another remedy."""
    make = ZohoCredential.load if make is dict else make

    with away("integrations_zohocredential"), pytest.raises(ZohoDatabaseError, match="be read"):
        make()


def test_a_limit_that_cannot_be_counted_is_no_unknown_outcome(crm, zoho, short_crm_limits):
    """Zoho did nothing; the write may be sent again."""
    account_id = zoho.add_account(Account_Name="Helios")
    crm.fields()
    zoho.faults.add("rate_limit", path=ACCOUNTS, code="TOO_MANY_REQUESTS", times=1)

    counted = pytest.raises(ZohoDatabaseError, match="be counted")
    with away('SET "rate_limited"'), counted, atomic():
        crm.update_account(account_id, {"Phone": "1"})

    assert not zoho.crm.writes


def test_a_write_that_cannot_be_read_back_for_want_of_a_database_is_not_called_failed(crm, zoho):
    """It was written; whoever thinks otherwise writes again."""
    account_id = zoho.add_account(Account_Name="Helios")
    crm.fields()

    def once_written(execute, sql, params, many, context):
        if zoho.crm.writes and "integrations_" in sql:
            raise OperationalError(WORDS)
        return execute(sql, params, many, context)

    crm.transport.budget._booked = 1  # enough for the write, not for reading it back
    with connection.execute_wrapper(once_written), pytest.raises(ZohoUnknownOutcome) as caught:
        crm.update_account(account_id, {"Phone": "1"})

    assert "The change was written" in str(caught.value)
    assert isinstance(caught.value.cause, ZohoDatabaseError)


def test_a_refused_connection_is_told_by_each_tier(crm, zoho):
    """The SDK wraps what it is not told of; a person must act, whichever tier was asked."""
    zoho.revoke_refresh_token()

    with pytest.raises(ZohoAuthError, match="Reconnect needed"):
        crm.get_accounts()
