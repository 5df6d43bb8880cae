import pytest

from simulator.tests.test_accounts import names, refused


@pytest.fixture
def firms(call):
    """A handful of accounts, by their names."""
    rows = {
        "Helios GmbH": {"Annual_Revenue": "1000000.50", "Customer_Segment": "Enterprise"},
        "Helios Holding": {"Annual_Revenue": 5, "Key_Account": True, "Phone": "+91 80 5555-0101"},
        "Brien (Cork), Ltd\\.": {"Billing_Email": "pay@brien.example", "Employees": 7},
        "A+B: 50%": {"Products_Used": ["Panels", "Batteries"], "Customer_Since": "2023-04-03"},
    }
    return {name: call.zoho.add_account(Account_Name=name, **_exact(f)) for name, f in rows.items()}


def _exact(fields):
    from decimal import Decimal

    revenue = fields.get("Annual_Revenue")
    return {**fields, "Annual_Revenue": Decimal(revenue)} if revenue else fields


def found(call, criteria, **params):
    answer = call.crm(
        "Accounts/search", criteria=criteria, fields="Account_Name", sort_order="asc", **params
    )
    return [] if answer.status_code == 204 else names(answer)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ("(Account_Name:starts_with:hel)", ["Helios GmbH", "Helios Holding"]),
        ("(Account_Name:equals:Helios)", ["Helios GmbH", "Helios Holding"]),
        ("(Account_Name:in:helios gmbh,A+B: 50%)", ["Helios GmbH", "A+B: 50%"]),
        (
            "((Account_Name:starts_with:Hel)and(Annual_Revenue:greater_than:1000000))",
            ["Helios GmbH"],
        ),
        (
            "((Employees:equals:7)or((Annual_Revenue:between:1,10)and(Key_Account:equals:true)))",
            ["Helios Holding", "Brien (Cork), Ltd\\."],
        ),
        (r"(Account_Name:equals:Brien \(Cork\)\, Ltd\\.)", ["Brien (Cork), Ltd\\."]),
        ("(Account_Name:equals:A+B: 50%)", ["A+B: 50%"]),
        ("(Customer_Segment:equals:Enterprise)", ["Helios GmbH"]),
        ("(Products_Used:equals:Batteries)", ["A+B: 50%"]),
        ("(Customer_Since:less_equal:2023-04-03)", ["A+B: 50%"]),
        ("(Created_Time:greater_than:2100-01-01T00:00:00+00:00)", []),
        ("(Account_Name:equals:nobody)", []),
    ],
)
def test_criteria_find_what_they_say(call, firms, criteria, expected):
    """Brackets, escapes, and an equals that means contains."""
    assert found(call, criteria) == expected


def test_equals_may_also_mean_equals(call, crm, firms):
    """A switch: only some organisations have been looked at."""
    crm.search_equals_is_contains = False

    assert found(call, "(Account_Name:equals:helios gmbh)") == ["Helios GmbH"]
    assert found(call, "(Account_Name:equals:Helios)") == []


@pytest.mark.parametrize(
    "criteria",
    [
        "Account_Name:equals:x",
        "(Account_Name:equals:x",
        "((Account_Name:equals:x)",
        "(Account_Name:equals:x))",
        "(Account_Name:equals:a,b)",
        "(Account_Name:equals:a(b)",
        "(Account_Name:contains:x)",
        "(Account_Name:greater_than:x)",
        "(No_Such_Field:equals:x)",
        "(Annual_Revenue:equals:much)",
        "(Annual_Revenue:between:1)",
        "(Key_Account:equals:yes)",
        "(Created_Time:equals:2026-10-05)",
        "()",
    ],
)
def test_a_query_that_cannot_be_read_is_refused(call, criteria):
    """Also where a value's bracket or comma is not escaped."""
    assert refused(call.crm("Accounts/search", criteria=criteria)) == "INVALID_QUERY"


def test_criteria_have_a_size(call):
    """Fifteen of them, three thousand characters."""
    one = "(Account_Name:equals:x)"

    assert found(call, f"({'or'.join([one] * 15)})") == []
    many = call.crm("Accounts/search", criteria=f"({'or'.join([one] * 16)})")
    assert refused(many) == "CRITERIA_LIMIT_EXCEEDED"
    long = call.crm("Accounts/search", criteria=f"(Account_Name:equals:{'x' * 3000})")
    assert refused(long) == "CRITERIA_LIMIT_EXCEEDED"


def test_email_phone_and_word_find_too(call, firms):
    """And one of the four must be there."""
    assert names(call.crm("Accounts/search", email="PAY@brien.example")) == ["Brien (Cork), Ltd\\."]
    assert names(call.crm("Accounts/search", phone="5555 0101")) == ["Helios Holding"]
    assert names(call.crm("Accounts/search", word="cork")) == ["Brien (Cork), Ltd\\."]
    assert refused(call.crm("Accounts/search")) == "EXPECTED_PARAM_MISSING"
    assert refused(call.crm("Accounts/search", word="x")) == "INVALID_QUERY"


def test_search_reaches_two_thousand_records(call, crm, firms):
    """And has no tokens to go further."""
    crm.page_limit = 2

    assert found(call, "(id:greater_than:0)", per_page=2) == ["Helios GmbH", "Helios Holding"]
    beyond = call.crm("Accounts/search", criteria="(id:greater_than:0)", per_page=2, page=2)
    assert refused(beyond) == "LIMIT_REACHED"
    assert beyond.json()["details"] == {"limit": "2"}


def test_what_was_just_written_is_found_later(call, clock, crm, firms):
    """Never confirm a write by a search."""
    crm.search_lag = 60

    assert found(call, "(Account_Name:starts_with:hel)") == []
    clock.pass_by(60)
    assert found(call, "(Account_Name:starts_with:hel)") == ["Helios GmbH", "Helios Holding"]


def test_rows_can_be_sorted_by_any_field(call, firms):
    """What is empty comes first."""
    answer = call.crm(
        "Accounts/search", criteria="(Account_Name:starts_with:hel)", sort_by="Annual_Revenue"
    )

    assert names(answer) == ["Helios GmbH", "Helios Holding"]


def test_accounts_are_counted_and_the_count_lags(call, clock, crm, firms):
    """About how many."""

    def counted(**params):
        return call.crm("Accounts/actions/count", **params).json()["count"]

    assert counted() == 4
    assert counted(criteria="(Account_Name:starts_with:hel)") == 2
    assert counted(cvid="4876876000000087502") == 1
    crm.count_lag = 60
    assert counted() == 0
    clock.pass_by(100)
    call.zoho.delete_account(firms["Helios GmbH"])
    assert counted() == 4
    both = call.crm("Accounts/actions/count", cvid="4876876000000087502", word="helios")
    assert refused(both) == "AMBIGUITY_DURING_PROCESSING"
