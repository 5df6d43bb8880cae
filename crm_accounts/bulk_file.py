"""The file of a bulk read: rows of a CSV in a zip, brought into the shape that lists have."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

from integrations.zoho.errors import BadRecord, ZohoAPIError, ZohoUnavailableError
from integrations.zoho.records import Record, usable_id
from sync import values

# Zoho's longest texts have 32,000 characters, rich ones 100,000. Python's own limit ends the file.
MAX_CELL = 1_000_000
csv.field_size_limit(10 * MAX_CELL)


class FieldType(NamedTuple):
    """How a field is read: Zoho's data type, of a formula that of its result, and a pick list's
    values."""

    data_type: str
    choices: tuple[str, ...] = ()


TEXT = FieldType("text")


class UnreadableFile(ZohoAPIError):
    """A bulk read's file that another download would not fix."""


def read_rows(file: BinaryIO, types: Mapping[str, FieldType]) -> Iterator[Record]:
    """The records of a bulk read's zip, in the shape that lists have.

    A row that cannot be read is a Record that says so. Raises UnreadableFile, before the first
    record, for a file without the ids or one of the fields of `types`; ZohoUnavailableError when
    the file is not whole, so that another download may be.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                with archive.open(name) as content:
                    # A byte that is no UTF-8 becomes half a character, which its row then fails
                    # for; nothing is replaced in silence.
                    text = io.TextIOWrapper(
                        content, encoding="utf-8-sig", errors="surrogateescape", newline=""
                    )
                    rows = csv.reader(text, strict=True)
                    heads = _heads(next(rows, []), types)
                    at_id = heads.index("id")
                    for row in rows:
                        if row:
                            yield _record(row, heads, at_id, types)
    except (zipfile.BadZipFile, zlib.error, EOFError, csv.Error) as error:
        raise ZohoUnavailableError("The file that Zoho prepared is damaged.") from error


def _heads(row: Sequence[str], types: Mapping[str, FieldType]) -> list[str]:
    """The API name of each column, "" for one that nobody asked for. The headings may differ from
    the names by their case: the id's is "Id"."""
    names = {name.lower(): name for name in ("id", *types)}
    heads = [names.get(heading.strip().lower(), "") for heading in row]
    for name in names.values():
        if heads.count(name) != 1:
            raise UnreadableFile(
                f"Zoho's file of accounts has no column {name}, or has it twice.",
                code="COLUMN_MISSING",
            )
    return heads


def _record(
    row: Sequence[str], heads: Sequence[str], at_id: int, types: Mapping[str, FieldType]
) -> Record:
    zoho_id = usable_id(row[at_id]) if at_id < len(row) else ""
    problem, field = "", ""
    if len(row) != len(heads):
        problem = "The account's row in Zoho's file has another number of cells than its heading."
    else:
        field = next((name for name, cell in zip(heads, row, strict=True) if too_long(cell)), "")
        problem = f"The account's {field} is longer than {MAX_CELL:,} characters." if field else ""
    if problem:
        remedy = "Open the account in Zoho, look for an unusually long text, shorten it, and save."
        failure = BadRecord(problem, remedy=remedy, zoho_id=zoho_id, field=field)
        return Record(zoho_id, None, failure)
    account = {
        name: as_listed(types.get(name, TEXT), cell)
        for name, cell in zip(heads, row, strict=True)
        if name
    }
    return Record(zoho_id, None, account)


def too_long(cell: str) -> bool:
    return len(cell) > MAX_CELL


# Not bigint: Zoho writes those as text, so that no digit is lost on the way.
NUMBERS = {"integer", "double", "currency", "percent", "decimal"}
LOOK_UPS = {"lookup", "ownerlookup", "userlookup"}


def as_listed(field: FieldType, text: str) -> Any:
    """A value of the CSV as Zoho's JSON would have it; "" is none. What it cannot be by its type
    stays as it is, and fails in the reader of its column."""
    if text == "":
        return None
    if field.data_type in NUMBERS:
        try:
            return values.number(text, before=100, after=100)
        except values.Unusable:
            return text
    if field.data_type == "boolean":
        try:
            return values.boolean(text)
        except values.Unusable:
            return text
    if field.data_type in LOOK_UPS:
        return {"id": text}
    if field.data_type == "multiselectpicklist":
        return chosen(text, field.choices)
    return text


def chosen(text: str, choices: Sequence[str]) -> list[str]:
    """The values of a multi-select, which Zoho's file joins by a semicolon, with or without a
    blank after it. A value may hold a semicolon itself: the longest choice that fits is meant."""
    known, found = set(choices), []
    parts = text.split(";")
    while parts:
        ends = range(len(parts), 0, -1)
        fits = (end for end in ends if ";".join(parts[:end]).strip() in known)
        end = next(fits, 1)
        found.append(";".join(parts[:end]).strip())
        del parts[:end]
    return [value for value in found if value]
