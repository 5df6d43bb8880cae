import time
from decimal import Decimal

import pytest

from simulator import Zoho
from simulator.tests.test_accounts import refused


@pytest.fixture
def firms(call):
    """Four accounts, oldest first."""
    holding = call.zoho.add_account(
        Account_Name="Helios Holding", Annual_Revenue=Decimal("1000.5"), Key_Account=True
    )
    rows = {
        "Helios GmbH": {"Parent_Account": holding, "Employees": 7},
        "O'Brien": {"Products_Used": ["Panels"], "Annual_Revenue": 5},
        "Lamp": {"Owner": list(call.zoho.crm.users)[1], "Phone": "1"},
    }
    return [holding, *(call.zoho.add_account(Account_Name=n, **f) for n, f in rows.items())]


def ask(call, query, **more):
    return call.crm("coql", "POST", json={"select_query": query, **more})


def found(call, where, tail=""):
    answer = ask(call, f"select Account_Name from Accounts where {where} {tail}")
    return [row["Account_Name"] for row in answer.json()["data"]] if answer.content else []


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Account_Name = 'helios gmbh'", ["Helios GmbH"]),
        ("Account_Name = 'O''Brien'", ["O'Brien"]),
        ("Account_Name like 'Hel%'", ["Helios Holding", "Helios GmbH"]),
        ("Account_Name not like '%elios%'", ["O'Brien", "Lamp"]),
        ("Account_Name in ('Lamp', 'nobody')", ["Lamp"]),
        ("Account_Name not in ('Lamp', 'O''Brien')", ["Helios Holding", "Helios GmbH"]),
        ("Annual_Revenue >= 1000.5", ["Helios Holding"]),
        ("Annual_Revenue between 1 and 10", ["O'Brien"]),
        ("Annual_Revenue is null", ["Helios GmbH", "Lamp"]),
        ("Parent_Account is not null", ["Helios GmbH"]),
        ("Key_Account = 'true'", ["Helios Holding"]),
        ("Products_Used = 'Panels'", ["O'Brien"]),
        ("Created_Time > '2100-01-01T00:00:00+00:00'", []),
        ("Owner.last_name = 'Groß'", ["Lamp"]),
        ("Parent_Account.Account_Name = 'Helios Holding'", ["Helios GmbH"]),
        ("((Employees = 7 or Annual_Revenue = 5) and Phone is null)", ["Helios GmbH", "O'Brien"]),
        ("(Employees between 1 and 9) or (Phone = '1')", ["Helios GmbH", "Lamp"]),
    ],
)
def test_conditions_find_what_they_say(call, firms, where, expected):
    """By default in the order of ids."""
    assert found(call, where) == expected


def test_rows_have_their_columns_their_id_and_look_ups_as_ids(call, firms):
    """Other than in lists, look-ups have no names."""
    query = (
        "select Account_Name, Parent_Account, Owner, Owner.last_name, Parent_Account.Account_Name "
        "from Accounts where Parent_Account is not null"
    )
    (row,) = ask(call, query).json()["data"]

    assert row == {
        "Account_Name": "Helios GmbH",
        "Parent_Account": {"id": firms[0]},
        "Owner": {"id": call.zoho.crm.user},
        "Owner.last_name": "Rao",
        "Parent_Account.Account_Name": "Helios Holding",
        "id": firms[1],
    }


def test_rows_are_ordered_and_cut(call, firms):
    """With limit, offset, and both in one."""
    everything = "id is not null"

    assert found(call, everything, "order by Account_Name desc limit 2") == ["O'Brien", "Lamp"]
    assert found(call, everything, "limit 1 offset 2") == ["O'Brien"]
    assert found(call, everything, "limit 2, 1") == ["O'Brien"]
    info = ask(call, f"select id from Accounts where {everything} limit 3").json()["info"]
    assert info == {"count": 3, "more_records": True}


def test_a_walk_by_id_finds_everyone_quickly(call, zoho):
    """The way through a large module that needs no offset."""
    zoho.crm = Zoho(accounts=20_000).crm
    began, seen, last = time.monotonic(), 0, 0
    while True:
        query = f"select Account_Name from Accounts where id > {last} order by id asc limit 2000"
        body = ask(call, query).json()
        seen, last = seen + len(body["data"]), body["data"][-1]["id"]
        if not body["info"]["more_records"]:
            break

    assert seen == 20_000
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("query", "code", "details"),
    [
        ("select id from Accounts", "SYNTAX_ERROR", {"clause": "where"}),
        ("select id where id is not null", "SYNTAX_ERROR", {"clause": "from"}),
        (
            "select id from Accounts where a = 1 and b = 2 and c = 3",
            "SYNTAX_ERROR",
            {"line": 1, "column": 47, "near": "and c = 3"},
        ),
        ("select id from Accounts where id <> 1", "SYNTAX_ERROR", {"operator": "<>"}),
        (
            "select id from Accounts where Phone = 'x",
            "SYNTAX_ERROR",
            {"line": 1, "column": 39, "near": "'x"},
        ),
        ("select Fone from Accounts where id > 1", "INVALID_QUERY", {"column_name": "Fone"}),
        ("select id from Accounts where Owner.x = 1", "INVALID_QUERY", {"column_name": "Owner.x"}),
        ("select id from Accounts where Employees = 'x'", "INVALID_QUERY", None),
        ("select id from Accounts where Phone > '1'", "INVALID_QUERY", None),
        ("select id from Accounts where Account_Name not like 'x%'", "INVALID_QUERY", None),
        ("select id from Accounts where id is not null limit 2001", "LIMIT_EXCEEDED", None),
        ("select id from Accounts where id is not null offset 10001", "LIMIT_EXCEEDED", None),
        ("select id, id from Accounts where id > 1", "DUPLICATE_DATA", {"column_name": "id"}),
        ("select id from Desks where id is not null", "INVALID_MODULE", {}),
    ],
)
def test_a_query_that_cannot_be_answered_says_why(call, query, code, details):
    """Conditions go in pairs, strings in single quotes."""
    answer = ask(call, query)

    assert refused(answer) == code
    if details is not None:
        assert answer.json()["details"] == details


def test_an_organisation_may_give_two_hundred_rows_only(call, crm):
    """Zoho's own pages disagree."""
    crm.coql_rows = 200

    answer = ask(call, "select id from Accounts where id is not null limit 201")

    assert refused(answer) == "LIMIT_EXCEEDED"


def test_the_body_names_its_query(call):
    """And may ask for the columns' metadata."""
    assert refused(call.crm("coql", "POST", json={})) == "MANDATORY_NOT_FOUND"
    assert refused(call.crm("coql", "POST", json={"select_query": 7})) == "INVALID_DATA"
    call.zoho.add_account(Account_Name="Desk")
    query = "select Account_Name from Accounts where id is not null"
    body = ask(call, query, include_meta=["fields"]).json()
    assert body["fields"]["Account_Name"]["length"] == 200
    call.zoho.tokens.narrow("ZohoCRM.modules.READ,ZohoCRM.coql.READ")
    assert refused(ask(call, query, include_meta=["fields"]), 401) == "OAUTH_SCOPE_MISMATCH"


@pytest.mark.parametrize("word", ["External", "Order", "Group", "Limit", "From", "Is"])
def test_a_column_called_like_a_word_of_the_language_needs_quotation_marks(call, crm, word):
    """Single or double ones, in every clause."""
    crm.add_field(word)
    account = call.zoho.add_account(Account_Name="Helios", **{word: "x"})

    bare = ask(call, f"select {word} from Accounts where id is not null")
    answers = [
        ask(call, f"select {name} from Accounts where {name} = 'x' order by {name}").json()["data"]
        for name in (f"'{word}'", f'"{word}"')
    ]

    assert refused(bare) == "SYNTAX_ERROR"
    assert answers == [[{word: "x", "id": account}]] * 2


def test_the_id_counts_among_fifty_columns(call, crm):
    """It always comes."""
    for number in range(50):
        crm.add_field(f"Own_{number}")
    names = [f"Own_{number}" for number in range(50)]
    call.zoho.add_account(Account_Name="Helios")

    over = ask(call, f"select {', '.join(names)} from Accounts where id is not null")
    full = ask(call, f"select id, {', '.join(names[:49])} from Accounts where id is not null")

    assert refused(over) == "INVALID_QUERY"
    assert full.status_code == 200
