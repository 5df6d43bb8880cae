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

LONGEST_ID = 100
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ANY = msgspec.json.Decoder(float_hook=Decimal)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


class Record(NamedTuple):
    """One record as Zoho sent it. `zoho_id` is "" where it has none that could be one.

    `text` is None for a record of a page that could only be read whole; `value` is then set.
    """

    zoho_id: str
    text: msgspec.Raw | None
    value: Any = None

    def parsed(self) -> Any:
        """Zoho's own dict, money and quantities as Decimal."""
        return self.value if self.text is None else _ANY.decode(self.text)

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
    """JSON as plain values, numbers with all their digits. Raises ValueError for what is none."""
    return json.loads(text, parse_float=Decimal, parse_constant=_no_number)


def _no_number(word: str) -> None:
    """NaN and Infinity are Python's, not JSON's, and equal nothing, not even themselves."""
    raise ValueError(f"{word} is not JSON")


def dumps(value: Any) -> bytes:
    """JSON as Zoho takes it: Decimal as a number, moments with their offset."""
    return _ENCODER.encode(value)


def read_body(text: bytes, listing: Listing | None = None) -> Any:
    """The JSON of an answer; what `listing` names is left as Records, or as one Record where it is
    no list. Raises ValueError when the text is not JSON.
    """
    if listing is None:
        return loads(text)
    try:
        parts = _OBJECT.decode(text)
    except msgspec.ValidationError:
        return loads(text)  # no object; whoever asked will find that out
    except msgspec.DecodeError:
        # `json` takes what msgspec refuses: half a character, of which one record must not spoil
        # its page. What `json` refuses too is no answer.
        return _read_whole(text, listing)
    listed = parts.pop(listing.key, None)
    body = {name: loads(bytes(part)) for name, part in parts.items()}
    if listed is not None:
        body[listing.key] = _records(listed, listing.record_key)
    return body


def _read_whole(text: bytes, listing: Listing) -> Any:
    body = loads(text)
    rows = body.get(listing.key) if isinstance(body, dict) else None
    if isinstance(rows, list):
        body[listing.key] = [
            Record(_usable(row.get(listing.record_key)) if isinstance(row, dict) else "", None, row)
            for row in rows
        ]
    return body


def _records(listed: msgspec.Raw, record_key: str) -> "list[Record] | Record | None":
    head = _head(record_key)
    match bytes(memoryview(listed)[:1]):
        case b"[":
            return [Record(_id(head, row), row) for row in _LIST.decode(listed)]
        case b"{":
            return Record(_id(head, listed), listed)
    return None


def _id(head: "msgspec.json.Decoder[Any]", row: msgspec.Raw) -> str:
    try:
        return _usable(head.decode(row).zoho_id)
    except msgspec.ValidationError:
        return ""


def _usable(zoho_id: Any) -> str:
    usable = isinstance(zoho_id, str) and zoho_id.isascii() and zoho_id.isalnum()
    return zoho_id if usable and len(zoho_id) <= LONGEST_ID else ""


@lru_cache
def _head(record_key: str) -> "msgspec.json.Decoder[Any]":
    """Reads a record's id and skips everything else."""
    fields = [("zoho_id", Any, None)]
    return msgspec.json.Decoder(
        msgspec.defstruct("Head", fields, rename={"zoho_id": record_key}, gc=False)
    )
