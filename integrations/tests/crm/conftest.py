"""Fixtures for the CRM client: one Zoho, reached in every way there is."""

import pytest

from integrations.zoho.crm import answers
from integrations.zoho.crm.cache import ACCOUNTS, FIELDS
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.crm.sdk import SdkCrm

TIERS = {"rest": RestCrm, "sdk": SdkCrm}


@pytest.fixture(autouse=True)
def empty_caches():
    """Another test's records are not this one's."""
    ACCOUNTS.forget()
    FIELDS.forget()


@pytest.fixture
def short_crm_limits(monkeypatch):
    """CRM's limits clear at once."""
    monkeypatch.setattr(answers, "CONCURRENCY_WAIT", 0.05)


@pytest.fixture(params=TIERS)
def crm(request, credential):
    """A client of each tier, for what they all must do alike."""
    client = TIERS[request.param].from_database()
    yield client
    client.close()


@pytest.fixture
def rest(credential):
    client = RestCrm.from_database()
    yield client
    client.close()


@pytest.fixture
def add_accounts(zoho):
    """Add so many accounts; returns their ids, oldest first."""

    def add(count, **fields):
        return [
            zoho.add_account(Account_Name=f"Account {number:04}", **fields)
            for number in range(count)
        ]

    return add
