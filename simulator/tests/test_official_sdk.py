"""Zoho's own SDK, unpatched, works against the simulator: it is not made to our measure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import Zoho, serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def zoho():
    return Zoho(accounts=450)


@pytest.fixture(scope="module")
def sdk(zoho, tmp_path_factory):
    """What the SDK reports; see official_sdk.py."""
    pytest.importorskip("zohocrmsdk")
    folder = str(tmp_path_factory.mktemp("sdk"))
    secrets = [zoho.client_id, zoho.client_secret, zoho.refresh_token]
    with serve(zoho) as server:
        done = subprocess.run(
            [sys.executable, "-m", "simulator.tests.official_sdk", server.url, *secrets, folder],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_it_lists_every_account_by_page_tokens(sdk, zoho):
    """Three pages, oldest first."""
    assert [str(each) for each in sdk["listed"]] == list(zoho.accounts)


def test_it_reads_one_account_with_its_types(sdk):
    """By the metadata it fetched: numbers, users, multiple values."""
    assert sdk["first"] == {
        "Account_Name": "Helios Holding",
        "Annual_Revenue": "120000000.0",
        "Employees": "4200",
    }
    assert sdk["owner"] == "Asha Rao"
    assert sdk["products"] == ["Panels", "Maintenance, on site"]
    assert sdk["unknown"] == [204, None]


def test_it_searches_and_queries(sdk):
    """By criteria and by COQL."""
    assert sdk["found"] == ["Helios GmbH", "Helios Holding"]
    assert sdk["queried"][:2] == ["Helios Holding", "Helios GmbH"]
    assert len(sdk["queried"]) == 5


def test_it_updates_one_and_a_hundred(sdk, zoho):
    """Each with its outcome, in order."""
    rows = list(zoho.accounts.values())

    assert sdk["one"] == ["SUCCESS"]
    assert (rows[0]["Industry"], float(rows[0]["Annual_Revenue"])) == ("Retail", 12.5)
    assert sdk["many"] == [207, ["SUCCESS"] * 99 + ["INVALID_DATA"]]
    assert {row["Account_Site"] for row in rows[20:119]} == {"seen"}
    assert [write.trigger for write in zoho.crm.writes] == [[], []]


def test_it_reads_in_bulk(sdk, zoho):
    """A job, its state, the zip."""
    assert sdk["bulk"][0] == "Id,Account_Name"
    assert len(sdk["bulk"]) == 451


def test_nothing_it_asked_for_was_refused(sdk, zoho):
    """Apart from the record that is not there."""
    assert {request.status for request in zoho.requests} <= {200, 201, 204, 207}
