"""Zoho's answers, taken apart no further than is needed.

A page of 200 records is 350 kB of JSON, and in most syncs hardly any of it is new. A record is
therefore cut out of its page as text; it is parsed when somebody asks what it says. Whether it
says the same as last time is told by its fingerprint alone.
"""

import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from integrations.zoho.cutting import cut_out, text_at_the_top
from integrations.zoho.errors import BadRecord

LONGEST_ID = 100
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ANY = msgspec.json.Decoder(float_hook=Decimal)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class Record(NamedTuple):
    """One record as Zoho sent it. `zoho_id` is "" where it has none that could be one.

    `text` is None for a record that did not come as JSON; `value` is then set: what it says, or
    the BadRecord that says why it cannot be read.
    """

    zoho_id: str
    text: msgspec.Raw | None
    value: Any = None

    def parsed(self) -> Any:
        """Zoho's own dict, money and quantities as Decimal. Raises BadRecord."""
        if self.text is None:
            if isinstance(self.value, BadRecord):
                raise self.value
            return self.value
        try:
            return _ANY.decode(self.text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # `json` reads what msgspec refuses: half a character, a bare control character.
            return _read_leniently(bytes(self.text), self.zoho_id)

    @property
    def said(self) -> bytes:
        """What tells this record from another one without an id."""
        return (
            bytes(self.text)
            if self.text is not None
            else repr(self.value).encode("utf-8", "replace")
        )

    def fingerprint(self, version: bytes) -> int | None:
        """64 bits that differ when the text does, or when `version` does."""
        if self.text is None:
            return None
        digest = blake2b(self.text, digest_size=8, key=version).digest()
        return int.from_bytes(digest, "big", signed=True)


@dataclass(frozen=True)
class Page:
    """One page of a list. `record.parsed()` is Zoho's own dict: {"item_id": "4600…",
    "rate": Decimal("12.00")}. `newest`: of a list sorted by it, when the first was modified.
    `next_token` leads to the page after it, where Zoho gives one."""

    number: int
    records: list[Record]
    has_more: bool
    newest: dt.datetime | None = None
    next_token: str = ""


@dataclass(frozen=True)
class Listing:
    """Where an answer keeps its records, and what their ids are called there."""

    key: str
    record_key: str


def loads(text: bytes) -> Any:
    """JSON as plain values, numbers with all their digits. Raises ValueError for what is none, or
    nested too deeply to be read."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_number(word: str) -> None:
    """NaN and Infinity are Python's, not JSON's, and equal nothing, not even themselves."""
    raise ValueError(f"{word} is not JSON")


def dumps(value: Any) -> bytes:
    """JSON as Zoho takes it: Decimal as a number, moments with their offset."""
    return _ENCODER.encode(value)


def _read_leniently(text: bytes, zoho_id: str) -> Any:
    try:
        # Bytes that are no UTF-8 are never replaced: a name with a hole in it is another name.
        return json.loads(
            text.decode(), strict=False, parse_float=Decimal, parse_constant=_no_number
        )
    except UnicodeDecodeError:
        problem = "contains bytes that are not UTF-8 text"
    except RecursionError:
        problem = "is nested too deeply to be read"
    except ValueError:
        problem = "contains a number or a word that is not JSON"
    raise BadRecord(
        f"The record {problem}.",
        remedy="Open the record in Zoho, look for a field that was pasted or imported, type it "
        "again, and save.",
        zoho_id=zoho_id,
    )


def read_body(text: bytes, listing: Listing | None = None) -> Any:
    """The JSON of an answer; what `listing` names is left as Records, or as one Record where it is
    no list. Raises ValueError when the text is not JSON, apart from what its records say.
    """
    if listing is None:
        return loads(text)
    try:
        parts = _OBJECT.decode(text)
        listed = parts.pop(listing.key, None)
        body = {name: loads(bytes(part)) for name, part in parts.items()}
        if listed is not None:
            body[listing.key] = _records(listed, listing.record_key)
    except (ValueError, RecursionError):
        # One record must not spoil its page. What is broken beside the records is no answer.
        rest, rows = cut_out(text, listing.key)
        body = loads(rest)
        if isinstance(body, dict) and isinstance(rows, bytes):
            body[listing.key] = _record(rows, listing.record_key)
        elif isinstance(body, dict) and isinstance(rows, list):
            body[listing.key] = [_record(row, listing.record_key) for row in rows]
    return body


def _records(listed: msgspec.Raw, record_key: str) -> "list[Record] | Record | None":
    head = _head(record_key)
    match bytes(memoryview(listed)[:1]):
        case b"[":
            return [Record(_id(head, row), row) for row in _LIST.decode(listed)]
        case b"{":
            return Record(_id(head, listed), listed)
    return None


def _record(row: bytes, record_key: str) -> Record:
    """One record of a page that could not be read as a whole."""
    raw = msgspec.Raw(row)
    return Record(_id(_head(record_key), raw) or usable_id(text_at_the_top(row, record_key)), raw)


def _id(head: "msgspec.json.Decoder[Any]", row: msgspec.Raw) -> str:
    try:
        return usable_id(head.decode(row).zoho_id)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def usable_id(found: Any, limit: int = LONGEST_ID) -> str:
    """Zoho's id of a record, also where it came as a JSON number; "" for what is none."""
    if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 10**20:
        found = str(found)
    usable = isinstance(found, str) and found.isascii() and found.isalnum()
    return found if usable and len(found) <= limit else ""


@lru_cache
def _head(record_key: str) -> "msgspec.json.Decoder[Any]":
    """Reads a record's id and skips everything else."""
    fields = [("zoho_id", Any, None)]
    return msgspec.json.Decoder(
        msgspec.defstruct("Head", fields, rename={"zoho_id": record_key}, gc=False)
    )
