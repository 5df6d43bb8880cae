"""What Zoho sent, as a value that our columns keep exactly, or not at all."""

import datetime as dt
from decimal import Decimal

import pytest

from sync import values
from sync.values import UnusableError

BIG = Decimal("123456789012345678901.123456789")


def number(value):
    return values.number(value, before=22, after=20)


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (None, None),
        ("", None),
        (0, Decimal(0)),
        ("0.00", Decimal(0)),
        ("-0", Decimal(0)),
        (BIG, BIG),
        (str(BIG), BIG),
        (12.600000000000001, Decimal("12.600000000000001")),
        (Decimal("33.333333333333336"), Decimal("33.333333333333336")),
        (Decimal("1e-20"), Decimal("1e-20")),
        (" 12.50 ", Decimal("12.5")),
        ("1e3", Decimal(1000)),
        ("." + "0" * 5 + "1", Decimal("0.000001")),
        ("1." + "0" * 200, Decimal(1)),
        (10**21, Decimal(10**21)),
    ],
)
def test_a_number_is_exact(value, exact):
    """Python's own context would round to 28 digits, in silence."""
    assert number(value) == exact


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("1_000", "not a number"),
        ("١٢", "not a number"),
        ("12,5", "not a number"),
        ("sNaN", "not a number"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("0x1F", "not a number"),
        ("--1", "not a number"),
        pytest.param("9" * 5_000, "not a number", id="5,000 digits as text"),
        (True, "not a number"),
        ([], "not a number"),
        ({}, "not a number"),
        (float("inf"), "not a number"),
        (Decimal("sNaN"), "not a number"),
        ("1e9999999", "too long"),
        ("1e-9999999", "too long"),
        (Decimal("1e9999999"), "too long"),
        (10**22, "too long"),
        pytest.param(10**5_000, "too long", id="5,001 digits"),
        (Decimal("1e-21"), "too long"),
        (Decimal("1." + "0" * 150 + "1"), "too long"),
    ],
)
def test_a_number_is_exact_or_refused(value, problem):
    """Never another number, and never a program error."""
    with pytest.raises(UnusableError, match=problem):
        number(value)


@pytest.mark.parametrize(
    "value",
    [
        "0001-01-01T00:00:00+0530",
        "0001-01-02T23:00:00Z",
        "9999-12-31T23:59:59-0800",
        "9999-12-30T00:00:00Z",
        "2026-W41-1T00:00:00Z",
        "2026-10-05T21:32:21.1234567Z",
        "2026-13-05T21:32:21Z",
        "2026-02-30T00:00:00Z",
        "2026-10-05T21:32:21",
        "2026-10-05",
        "yesterday",
        20261005,
        ["2026-10-05T21:32:21Z"],
    ],
)
def test_a_moment_that_cannot_be_shown_everywhere_is_refused(value):
    """Stored, no page and no run could read the row again."""
    with pytest.raises(UnusableError):
        values.moment(value)


@pytest.mark.parametrize(
    "value",
    ["2026-10-05T21:32:21+0530", "2026-10-05T21:32:21+05:30", "2026-10-05 16:02:21Z"],
)
def test_a_moment_is_read_in_both_products_spellings(value):
    """Inventory writes the offset without a colon."""
    assert values.moment(value) == dt.datetime(2026, 10, 5, 16, 2, 21, tzinfo=dt.UTC)


@pytest.mark.parametrize("value", [True, "true", "TRUE", "1", 1, Decimal(1)])
def test_yes_is_read_in_every_spelling_of_zohos(value):
    """Its files say 1 where its JSON says true."""
    assert values.boolean(value) is True


@pytest.mark.parametrize("value", ["yes", 2, "on", [], 0.5])
def test_what_is_neither_yes_nor_no_is_refused(value):
    """Guessing would change the answer."""
    with pytest.raises(UnusableError):
        values.boolean(value)


@pytest.mark.parametrize("value", ["a\0b", "half \ud83d", "byte \udce9", 5, "x" * 11])
def test_a_text_that_cannot_be_kept_is_refused(value):
    """PostgreSQL takes neither NUL nor half a character."""
    with pytest.raises(UnusableError):
        values.text(value, 10)
