"""Records cut out of a page as text: nothing may be lost or mixed up on that way."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.zoho.errors import BadRecord
from integrations.zoho.records import Listing, read_body

ITEMS = Listing("items", "item_id")


def body(*rows):
    return json.dumps({"code": 0, "message": "success", "items": rows}).encode()


def records(*rows):
    return read_body(body(*rows), ITEMS)["items"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(st.text(), JSON), max_size=5))
def test_a_record_says_what_the_whole_page_says(rows):
    """Cutting a page into records must not change a character."""
    assert [record.parsed() for record in records(*rows)] == rows


def test_numbers_are_decimals_with_every_digit():
    """99.99 in binary is another number."""
    (record,) = read_body(b'{"items": [{"item_id": "1", "rate": 12.50, "n": 3}]}', ITEMS)["items"]

    assert record.parsed() == {"item_id": "1", "rate": Decimal("12.50"), "n": 3}
    assert str(record.parsed()["rate"]) == "12.50"


@pytest.mark.parametrize(
    "row",
    [
        {"item_id": 5.5},
        {"item_id": -5},
        {"item_id": True},
        {"item_id": 1e20},
        {"item_id": ""},
        {"item_id": "a b"},
        {"item_id": "\0"},
        {},
        [],
        "x",
        None,
    ],
)
def test_what_is_no_id_is_no_id(row):
    """Such a record has to be told apart from all others by its contents."""
    (record,) = records(row)

    assert record.zoho_id == ""


def test_half_a_character_reaches_the_mapping_that_names_it():
    """A stricter reader would refuse the whole page for it."""
    text = b'{"items": [{"item_id": "1", "name": "\\ud800", "rate": 1.50}, {"item_id": "2"}, 3]}'

    bad, good, odd = read_body(text, ITEMS)["items"]

    assert bad.parsed() == {"item_id": "1", "name": "\ud800", "rate": Decimal("1.50")}
    assert (bad.zoho_id, good.zoho_id, odd.zoho_id) == ("1", "2", "")


@pytest.mark.parametrize("text", [b'{"items": [{"item_id": "1"}', b"", b"<html>"])
def test_a_page_that_is_cut_off_is_no_page(text):
    """Half a page read as a whole one would make the rest look deleted."""
    with pytest.raises(ValueError):  # noqa: PT011 (all that the caller needs to know)
        read_body(text, ITEMS)


def test_a_list_that_is_none_is_told():
    """Not taken for an empty one."""
    assert read_body(b'{"items": null}', ITEMS)["items"] is None
    assert "items" not in read_body(b'{"code": 0}', ITEMS)


def test_a_fingerprint_tells_texts_and_versions_apart():
    """The same text is the same; one digit more is not; nor is another reader."""
    one, same, other = records({"item_id": "1", "n": 1}, {"item_id": "1", "n": 1}, {"item_id": "1"})

    assert one.fingerprint(b"a") == same.fingerprint(b"a")
    assert one.fingerprint(b"a") != other.fingerprint(b"a")
    assert one.fingerprint(b"a") != one.fingerprint(b"b")
    assert -(2**63) <= one.fingerprint(b"a") < 2**63


@pytest.mark.parametrize(
    "bad",
    [
        b'{"item_id": "2", "x": NaN}',
        b'{"item_id": "2", "x": ' + b"[" * 3_000 + b"]" * 3_000 + b"}",
        b'{"item_id": "2", "x": "\x01"}',
        b'{"x": {"item_id": "7", "y": "]},{"}, "item_id": "2", "z": -}',
        b'{"item_id": 2, "x": ' + b"9" * 5_000 + b"}",
    ],
)
@pytest.mark.parametrize("before", [b"", b'"code": 0, "page": {"items": [1]}, '])
def test_a_page_that_no_reader_takes_is_cut_into_its_records(bad, before):
    """By brackets and strings alone; the good ones are read as ever."""
    rows = b'{"item_id": "1"}, ' + bad + b', [3, "]"], {"item_id": "4"}'
    page = b"{" + before + b'"items": [' + rows + b'], "more": [true]}'

    body = read_body(page, ITEMS)

    assert [record.zoho_id for record in body["items"]] == ["1", "2", "", "4"]
    assert body["items"][2].parsed() == [3, "]"]
    assert body["more"] == [True]


def test_one_record_that_no_reader_takes_is_cut_out_too():
    """An answer for a single id has no list."""
    record = read_body(
        b'{"item": {"item_id": "1", "x": NaN}, "code": 0}', Listing("item", "item_id")
    )

    assert record["code"] == 0
    assert record["item"].zoho_id == "1"
    with pytest.raises(BadRecord, match="not JSON"):
        record["item"].parsed()
