"""The client that others make, from its connection to its answers."""

import pytest

from integrations.models import ZohoCredential
from integrations.zoho.crm.criteria import criteria
from integrations.zoho.crm.sdk import ZohoSDKClient, started

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_it_initialises_and_finds_its_organisation(client):
    """The first thing to know of a new connection."""
    assert isinstance(client, ZohoSDKClient)
    assert client.organisation()["id"]
    assert started().Initializer.initializer is not None
    assert ZohoCredential.objects.get().access_token


def test_five_accounts_are_listed(client):
    """Plain dicts, ids as text."""
    rows = client.get_accounts(limit=5)

    assert 0 < len(rows) <= 5
    assert all(isinstance(row["id"], str) and row["Account_Name"] for row in rows)


def test_one_account_is_read_by_its_id(client):
    """It is the one that was listed."""
    (listed,) = client.get_accounts(limit=1)

    assert client.get_account(listed["id"])["Account_Name"] == listed["Account_Name"]


def test_an_account_is_found_by_its_name(client):
    """Search, with what people type escaped."""
    (listed,) = client.get_accounts(limit=1)
    wanted = criteria("Account_Name", "equals", listed["Account_Name"])

    assert listed["id"] in [row["id"] for row in client.search_accounts(wanted, limit=200)]
