"""The long way, as a person or a program goes it: list, get, search, bulk."""

import os

import pytest

from integrations.zoho.crm.criteria import criteria

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]


def go_the_long_way(client, is_real):
    """Ten listed, one read, five found, then many at once."""
    assert client.tier == "sdk", f"this is a {client.tier}: invented accounts prove nothing"
    listed = client.get_accounts(limit=10)
    first = client.get_account(listed[0]["id"], fresh=True)
    assert first["Account_Name"] == listed[0]["Account_Name"]

    wanted = criteria("Account_Name", "equals", first["Account_Name"])
    found = client.search_accounts(wanted, limit=5)
    assert 0 < len(found) <= 5

    everything = client.bulk_read_accounts(fields=["Account_Name"])
    assert {row["id"] for row in listed} <= {row["id"] for row in everything}

    # Of a real organisation, only an account that was named for it is written: as it is.
    may_write = [os.environ["ZOHO_E2E_WRITE"]] if "ZOHO_E2E_WRITE" in os.environ else []
    ids = may_write if is_real else [row["id"] for row in everything]
    current = {row["id"]: row["Account_Name"] for row in everything}
    records = [{"id": one, "Account_Name": current[one]} for one in ids]
    if records:
        told = client.bulk_update_accounts(records, trigger=[])
        assert (told["succeeded"], told["failed"]) == (len(records), 0)


def test_list_get_search_bulk(client, is_real):
    """The whole road, once."""
    go_the_long_way(client, is_real)


@pytest.mark.parametrize("client", [True], indirect=True)
def test_on_a_mock_it_fails(client, is_real):
    """A guard that skips, or looks for the wrong name, lets invented data pass for Zoho's."""
    with pytest.raises(AssertionError, match="this is a mock"):
        go_the_long_way(client, is_real)
