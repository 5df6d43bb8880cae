"""What is asked of Zoho is what was meant: nothing typed becomes part of the question."""

import datetime as dt

import pytest

from integrations.zoho.crm.criteria import (
    all_of,
    any_of,
    checked_query,
    checked_where,
    coql_text,
    criteria,
    looks_like_criteria,
    parse,
    to_coql,
)
from integrations.zoho.errors import ZohoAPIError

TYPES = {"Annual_Revenue": "currency", "Key_Account": "boolean"}
NINE = dt.datetime(2026, 10, 5, 9, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("field", "operator", "value", "text"),
    [
        ("industry", "equals", "Energy", "(Industry:equals:Energy)"),
        ("Account_Name", "equals", "A (B), C", r"(Account_Name:equals:A \(B\)\, C)"),
        ("Account_Name", "equals", "end\\", r"(Account_Name:equals:end\\)"),
        ("Account_Name", "equals", r"a\)b", r"(Account_Name:equals:a\\\)b)"),
        ("Annual_Revenue", "between", [1, 5], "(Annual_Revenue:between:1,5)"),
        ("Phone", "in", ["1,2", "3"], r"(Phone:in:1\,2,3)"),
        ("Key_Account", "equals", True, "(Key_Account:equals:true)"),
        ("Created_Time", "less_than", NINE, "(Created_Time:less_than:2026-10-05T09:00:00+00:00)"),
        ("Customer_Since", "equals", NINE.date(), "(Customer_Since:equals:2026-10-05)"),
    ],
)
def test_a_value_is_escaped_and_read_back_as_it_was(field, operator, value, text):
    """A backslash before brackets and commas, and before itself."""
    assert criteria(field, operator, value) == text
    assert str(parse(text)) == text


def test_conditions_are_joined_in_pairs():
    """Zoho takes no more than two at a time."""
    a, b, c = (criteria("Phone", "equals", value) for value in "abc")
    joined = "(((Phone:equals:a)and(Phone:equals:b))and(Phone:equals:c))"

    assert all_of(a, b, c) == joined
    assert any_of(a, all_of(b, c)) == f"({a}or({b}and{c}))"
    assert str(parse(f"{a} and {b} and {c}")) == joined
    assert str(parse(f" ( {a} and {b} ) and {c} ")) == joined


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Industry:equals:Energy",
        "(Industry:equals:Energy",
        "(Industry:equals:Energy))",
        "(Industry:equals:)",
        "(Industry:equals: )",
        "(Industry:resembles:Energy)",
        "(Industry equals Energy)",
        "(:equals:Energy)",
        "(Industry:equals:A(B)",
        "(Industry:equals:A)or",
        "(Industry:equals:A)xor(Phone:equals:1)",
        "(Industry:equals:A)and(Phone:equals:1)or(Phone:equals:2)",
        "(Annual_Revenue:between:1)",
        "select id from Accounts where id is not null",
        "(Industry:equals:A) " * 16,
        "and".join(["(Phone:equals:1)"] * 16),
        f"(Phone:equals:{'1' * 3000})",
        "(Phone:in:" + ",".join("1" * 101) + ")",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_not_search_criteria_is_refused(text):
    """And not quoted: it may hold a customer's name."""
    with pytest.raises(ZohoAPIError) as caught:
        parse(text)

    assert "Energy)" not in str(caught.value).replace("((Industry:equals:Energy)", "")


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("Industry", "like", "x"),
        ("Industry", "in", "x"),
        ("Industry", "equals", ["x"]),
        ("Industry", "equals", ""),
        ("Industry)or(Phone", "equals", "x"),
        ("Annual_Revenue", "equals", 1.5),
        ("Created_Time", "equals", dt.datetime(2026, 1, 1)),
    ],
)
def test_a_condition_that_says_nothing_is_refused(field, operator, value):
    """Before it costs a credit."""
    with pytest.raises(ZohoAPIError):
        criteria(field, operator, value)


@pytest.mark.parametrize(
    ("text", "coql"),
    [
        ("(Industry:equals:Energy)", "Industry = 'Energy'"),
        ("(Account_Name:not_equal:O'Brien)", "Account_Name != 'O''Brien'"),
        ("(Annual_Revenue:greater_equal:5.5)", "Annual_Revenue >= 5.5"),
        ("(Key_Account:equals:true)", "Key_Account = true"),
        (r"(Account_Name:starts_with:A \(B)", "Account_Name like 'A (B%'"),
        (r"(Phone:in:1\,2,3)", "Phone in ('1,2', '3')"),
        ("(Annual_Revenue:between:1,5)", "Annual_Revenue between 1 and 5"),
        ("(id:equals:48)", "id = 48"),
        ("(Phone:equals:1)or(Phone:equals:2)", "(Phone = '1' or Phone = '2')"),
    ],
)
def test_search_criteria_are_said_in_coql(text, coql):
    """Numbers bare, text quoted; by the field's type, not by what the value looks like."""
    assert to_coql(parse(text), TYPES) == coql
    assert looks_like_criteria(text)
    assert not looks_like_criteria(coql)


@pytest.mark.parametrize(
    "text", ["(Annual_Revenue:equals:1 or id > 0)", "(Annual_Revenue:in:1,x)", "(id:equals:1e9)"]
)
def test_a_number_that_is_none_does_not_become_part_of_a_query(text):
    """It stands there without quotes."""
    with pytest.raises(ZohoAPIError):
        to_coql(parse(text), TYPES)


def test_a_quote_is_doubled_and_a_backslash_refused():
    """Whether Zoho takes a backslash for an escape is not documented."""
    assert coql_text("O'Brien' or id > '0") == "'O''Brien'' or id > ''0'"
    with pytest.raises(ZohoAPIError):
        coql_text("\\' or id > 0")


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "Industry = 'Energy",
        "(Industry = 'Energy'",
        "Industry = 'Energy') or (id > 0",
        "Industry = 'Energy' order by id",
        "id in (select id from Contacts)",
        "id > 0 limit 5",
        "id > 0; id > 1",
    ],
)
def test_a_condition_is_one_condition(condition):
    """It stands between our own parts of a query."""
    with pytest.raises(ZohoAPIError):
        checked_where(condition)


def test_words_inside_quotes_are_text():
    """A company may be called Limit."""
    assert checked_where("Account_Name = 'Limit; order (from'")
    assert (
        checked_query("select id from Accounts where Account_Name = 'select limit 9999'")[1] == 200
    )


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("select id from Accounts where id is not null", 200),
        ("SELECT id FROM Accounts WHERE id is not null LIMIT 2000", 2000),
        ("select id from Accounts where id is not null limit 400, 50", 50),
    ],
)
def test_the_rows_that_a_query_asks_for_are_known(query, rows):
    """They are what it costs."""
    assert checked_query(query) == (query, rows)


@pytest.mark.parametrize(
    "query",
    [
        "select id from Accounts",
        "select id from Contacts where id is not null",
        "delete from Accounts where id is not null",
        "select id from Accounts where id is not null limit 2001",
        "select id from Accounts where id in (select id from Accounts where id > 0)",
        "select id from Accounts where id > 0; select id from Accounts where id > 0",
        "select id from Accounts where Account_Name = 'open",
    ],
)
def test_what_is_no_query_on_accounts_is_refused(query):
    """Here is the place for accounts only."""
    with pytest.raises(ZohoAPIError):
        checked_query(query)
