"""What comes out of every tier: what JSON has, at every depth, and nothing of a tier's own."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from integrations.tests.crm.conftest import TIERS
from integrations.zoho.crm.interface import DEFAULT_FIELDS
from integrations.zoho.errors import ZohoAPIError, ZohoUnavailableError
from integrations.zoho.records import dumps, loads

GOLDEN = json.loads(
    (Path(__file__).parent / "golden_account.json").read_text(), parse_float=Decimal
)
PLAIN = (dict, list, str, int, Decimal, bool, type(None))
BORN = dt.datetime(2026, 3, 28, 22, 0, tzinfo=dt.UTC)  # an hour that some zones do not have
AUDITED = dt.datetime(2025, 10, 26, 1, 0, tzinfo=dt.UTC)
READS = {
    "one account": lambda crm: crm.get_account(GOLDEN["id"], fresh=True),
    "a list": lambda crm: crm.get_accounts(),
    "pages": lambda crm: [r.parsed() for page in crm.iter_account_pages() for r in page.records],
    "everything": lambda crm: crm.bulk_read_accounts(),
    "a search": lambda crm: crm.search_accounts("(Industry:equals:Energy)"),
    "a query": lambda crm: crm.query_accounts(
        "select Account_Name, Annual_Revenue, Owner, Last_Audit, Key_Account, Products_Used "
        "from Accounts where Industry = 'Energy'"
    ),
    "a walk": lambda crm: list(crm.iter_query()),
    "an update": lambda crm: crm.update_account(GOLDEN["id"], {"Phone": "1"}),
    "deleted ones": lambda crm: list(crm.deleted_accounts()),
    "fields": lambda crm: crm.fields(),
    "users": lambda crm: crm.users(),
    "the organisation": lambda crm: crm.organisation(),
}


@pytest.fixture
def golden(zoho):
    """An account with a value of every kind that Zoho has."""
    zoho.crm.clock = BORN.timestamp
    parent = zoho.add_account(Account_Name="Helios Holding")
    zoho.add_account(
        Account_Name=GOLDEN["Account_Name"],
        Account_Number=GOLDEN["Account_Number"],
        Account_Type="Customer",
        Industry="Energy",
        Parent_Account=parent,
        Annual_Revenue=Decimal("9999999999999999.999999999"),
        Employees=0,
        SIC_Code=999999999,
        Description=GOLDEN["Description"],
        Tag=GOLDEN["Tag"],
        Locked__s=False,
        Credit_Limit=Decimal("-250000.50"),
        Customer_Segment="Enterprise",
        Products_Used=GOLDEN["Products_Used"],
        Key_Account=True,
        Customer_Since="2024-02-29",
        Last_Audit=int(AUDITED.timestamp()),
        Discount=Decimal("12.5"),
        Billing_Email="billing@helios.example",
        Company_Profile="<p>Family firm</p>",
    )
    zoho.delete_account(zoho.add_account(Account_Name="Gone"))
    return GOLDEN


def strange(value):
    """What in it is no plain value, with its type."""
    if type(value) not in PLAIN:
        return [(type(value), value)]
    if isinstance(value, dict):
        return [odd for pair in value.items() for each in pair for odd in strange(each)]
    return [odd for each in value for odd in strange(each)] if isinstance(value, list) else []


def test_an_account_comes_exactly_as_zoho_wrote_it(crm, golden):
    """Every kind of value, nested ones too: no digit, no offset and no character is lost."""
    account = crm.get_account(golden["id"])

    (listed,) = (row for row in crm.get_accounts() if row["id"] == golden["id"])

    # By their text, in which 1, 1.0 and True are three things, and 0.5 and 0.50 are two.
    assert repr(account) == repr(golden)
    assert {*DEFAULT_FIELDS, "id"} <= listed.keys()
    assert repr(listed) == repr({name: golden[name] for name in listed})


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_every_tier_gives_the_same_and_all_of_it_is_plain(zoho, credential, golden, read):
    """Whoever asks must not see which tier has answered."""
    answers = []
    for tier in TIERS.values():
        client = tier.from_database()
        answers.append(read(client))
        client.close()

    assert answers[0]
    assert strange(answers) == []
    assert len({repr(answer) for answer in answers}) == 1


def test_what_came_can_be_written_as_json_without_losing_a_digit(crm, golden):
    """For a log, a file or an agent: a number stays a number, and the one that it was."""
    text = dumps(crm.get_account(golden["id"]))

    assert b"9999999999999999.999999999" in text
    assert loads(text) == golden


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_an_error_and_never_a_value(crm, zoho, golden, word):
    """A number that equals nothing, itself included, would look changed in every sync."""
    body = {"data": [{"id": "1", "Annual_Revenue": float(word)}]}
    zoho.faults.add("answer", path="/crm/v8/Accounts", status=200, body=body)

    with pytest.raises(ZohoUnavailableError, match="not complete JSON"):
        crm.get_accounts()


@pytest.mark.parametrize(
    "value",
    [float("nan"), Decimal("Infinity"), {"a", "b"}, b"text", object(), {1: "x"}, [{"a": object()}]],
    ids=["nan", "infinity", "set", "bytes", "object", "number as a key", "object within"],
)
def test_what_json_does_not_have_is_not_written(crm, zoho, golden, value):
    """Left to the encoder, "not a number" would become null and empty the field."""
    with pytest.raises(ZohoAPIError, match="Annual_Revenue") as caught:
        crm.update_account(golden["id"], {"Annual_Revenue": value})
    told = crm.bulk_update_accounts([{"id": golden["id"], "Annual_Revenue": value}])

    assert caught.value.details == {"api_name": "Annual_Revenue"}
    assert told["data"][0]["status"] == "error"
    assert not zoho.crm.writes


def test_dates_and_moments_are_written_as_zoho_has_them(crm, zoho, golden):
    """At every depth; a moment without its zone is refused."""
    account = crm.update_account(
        golden["id"], {"Customer_Since": dt.date(2020, 2, 29), "Last_Audit": AUDITED}
    )

    assert account["Customer_Since"] == "2020-02-29"
    assert dt.datetime.fromisoformat(account["Last_Audit"]) == AUDITED
    with pytest.raises(ZohoAPIError, match="time zone"):
        crm.update_account(golden["id"], {"Last_Audit": AUDITED.replace(tzinfo=None)})
