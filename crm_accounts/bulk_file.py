"""The file of a bulk read: rows of a CSV in a zip. Values stay text; mapping.py reads them."""

import csv
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

from integrations.zoho.errors import BadRecord, ZohoAPIError, ZohoUnavailableError
from integrations.zoho.records import Record, usable_id

# Zoho's longest texts have 32,000 characters, rich ones 100,000. Python's own limit ends the file.
MAX_CELL = 1_000_000
csv.field_size_limit(10 * MAX_CELL)


class UnreadableFileError(ZohoAPIError):
    """A bulk read's file that another download would not fix."""


def read_rows(file: BinaryIO, names: Collection[str]) -> Iterator[Record]:
    """The records of a bulk read's zip: {API name: text, or None for an empty cell}.

    A row that cannot be read is a Record that says so. Raises UnreadableFileError, before the first
    record, for a file without the ids or one of `names`; ZohoUnavailableError when
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
                    heads = _heads(next(rows, []), names)
                    at_id = heads.index("id")
                    for row in rows:
                        if row:
                            yield _record(row, heads, at_id)
    except (zipfile.BadZipFile, zlib.error, EOFError, csv.Error) as error:
        raise ZohoUnavailableError("The file that Zoho prepared is damaged.") from error


def _heads(row: Sequence[str], names: Collection[str]) -> list[str]:
    """The API name of each column, "" for one that nobody asked for. The headings may differ from
    the names by their case: the id's is "Id"."""
    known = {name.lower(): name for name in ("id", *names)}
    headings = [heading.strip() for heading in row]
    heads = [name if name in names else known.get(name.lower(), "") for name in headings]
    for name in {"id", *names}:
        if heads.count(name) != 1:
            raise UnreadableFileError(
                f"Zoho's file of accounts has no column {name}, or has it twice.",
                code="COLUMN_MISSING",
            )
    return heads


def _record(row: Sequence[str], heads: Sequence[str], at_id: int) -> Record:
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
    account = {name: cell or None for name, cell in zip(heads, row, strict=True) if name}
    return Record(zoho_id, None, account)


def too_long(cell: str) -> bool:
    return len(cell) > MAX_CELL
