"""A CSV file of accounts: made here, changed in a spreadsheet, read back."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime

from backoffice.export import FORMULA_BEGINS, PlainText
from crm_accounts.models import Account
from crm_accounts.write_back.kinds import ID_PREFIX, ROUNDED, Kind, Number, Parent, Plain
from crm_accounts.write_back.wanted import MOST_ACCOUNTS, RETIRED, Fields, Wanted, differences
from sync.models.runs import portions

MAX_BYTES = 20 * 1024 * 1024
# Spreadsheets leave empty lines behind; of short ones, 20 MB hold millions.
MAX_LINES = 4 * MOST_ACCOUNTS
MAX_CELLS = 1_000  # a line; Zoho's largest edition has 500 fields a module
MAX_CHARACTERS = 131_072  # a cell; more than any field of Zoho's holds
LOOKED_UP_TOGETHER = 500
ID_HEADING, AS_OF_HEADING = "Zoho account ID", "Changed in Zoho"
# Zoho's own words for them, where no field is called so.
OTHER_ID_HEADINGS = {"record id", "id"}
OTHER_AS_OF_HEADINGS = {"modified_time", "modified time"}
AN_ID = re.compile(r"[0-9]{1,20}")
# What a spreadsheet takes for a number or a date, and writes back in its own way.
REWRITTEN = re.compile(r"0[0-9]+|[0-9]{12,}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*")


UNDATED = (
    f"The file has no column “{AS_OF_HEADING}”, so nobody can tell how old it is: look whether it "
    "would put back what others have changed since."
)


class InvalidFileError(Exception):
    """The file cannot be used at all; the message says why and what to do."""


class Columns(NamedTuple):
    """Where in a line what stands; `ignored` are the headings that are left alone."""

    zoho_id: int
    as_of: int | None
    fields: dict[int, Kind]
    ignored: list[str]


def head(kinds: Mapping[str, Kind]) -> list[str]:
    """The headings of a file that can be read back."""
    return [ID_HEADING, AS_OF_HEADING, *headings(kinds)]


def line(account: Account, kinds: Mapping[str, Kind]) -> list[str]:
    """This account's line under them."""
    modified = account.zoho_modified_at
    return [
        f"{ID_PREFIX}{account.zoho_account_id}",
        _kept(modified.isoformat()) if modified else "",
        *(_cell_of(kind, kind.known(account)) for kind in kinds.values()),
    ]


def _cell_of(kind: Kind, plain: Plain) -> str:
    if isinstance(kind, Parent):
        return f"{ID_PREFIX}{plain}" if plain else ""
    text = str(PlainText().render(kind.shown(plain)))
    return text if isinstance(kind, Number) else _kept(text)


def _kept(text: str) -> str:
    """With a mark, where a spreadsheet would not leave it as it is."""
    return f"'{text}" if REWRITTEN.fullmatch(text) else text


def headings(kinds: Mapping[str, Kind]) -> list[str]:
    """The labels; the API name of a field whose label could mean something else, too."""
    labels = Counter(kind.label.lower() for kind in kinds.values())
    names = {name.lower() for name in kinds} | {ID_HEADING.lower(), AS_OF_HEADING.lower()}

    def is_clear(name: str, label: str) -> bool:
        return labels[label] == 1 and (label == name.lower() or label not in names)

    return [
        kind.label if is_clear(name, kind.label.lower()) else name for name, kind in kinds.items()
    ]


def read(
    content: BinaryIO, kinds: Mapping[str, Kind], *, empty_clears: bool = False
) -> tuple[list[Wanted], list[str]]:
    """What the file wants changed, line by line, and what is to be told of it all.

    A line that cannot be used has its problem; one that changes nothing is left out. An empty cell
    leaves its field alone, or with `empty_clears`, empties it. The file is read twice, a line at a
    time: all of it is checked before the first account is looked up. Raises InvalidFileError.
    """
    with _as_text(content) as text:
        delimiter = _delimiter(text)
        columns = _checked(text, delimiter, kinds)
        rows = _rows(text, delimiter)
        width = len(next(rows)[1])
        first: dict[str, int] = {}
        wanted = []
        for portion in portions(rows, LOOKED_UP_TOGETHER):
            ids = [_id(_cell(line, columns.zoho_id)) for _, line in portion]
            known = Account.objects.in_bulk(
                {zoho_id for zoho_id in ids if AN_ID.fullmatch(zoho_id)},
                field_name="zoho_account_id",
            )
            for (number, line), zoho_id in zip(portion, ids, strict=True):
                account = known.get(zoho_id)
                problem = ""
                if twice := first.get(zoho_id):
                    problem = f"Line {twice} has this account, too."
                elif account is None:
                    problem = _unknown(zoho_id)
                elif any(map(str.strip, line[width:])):
                    problem = (
                        "The line has more cells than there are headings: a comma that belongs to "
                        "a value needs quotation marks around the value."
                    )
                if problem or account is None:
                    one = Wanted(number, account, zoho_id, {}, None, problem)
                else:
                    one = _read_line(number, line, columns, account, empty_clears)
                if zoho_id:
                    first.setdefault(zoho_id, number)
                if one.fields or one.problem:
                    wanted.append(one)
    notes = [f"These columns were left alone: {', '.join(columns.ignored)}."]
    if columns.as_of is None:
        notes.append(UNDATED)
    return wanted, notes if columns.ignored else notes[1:]


@contextmanager
def _as_text(content: BinaryIO) -> Iterator[io.TextIOWrapper]:
    if content.seek(0, io.SEEK_END) > MAX_BYTES:
        raise InvalidFileError("The file is larger than 20 MB. Nothing was changed: divide it.")
    content.seek(0)
    begin = content.read(2)
    if begin == b"PK":
        raise InvalidFileError(
            "That is a workbook of a spreadsheet, and no CSV. Nothing was changed: save it as “CSV "
            "UTF-8” and upload that file."
        )
    encoding = "utf-16" if begin in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = io.TextIOWrapper(content, encoding=encoding, newline="")
    try:
        yield text
    except UnicodeDecodeError:
        raise InvalidFileError(
            "The file is not in UTF-8, so its accents and umlauts cannot be read safely. Nothing "
            "was changed: save it as “CSV UTF-8” and upload it again."
        ) from None
    except csv.Error:
        raise InvalidFileError(
            "The file is no CSV that can be read: a quotation mark stands where none may, or does "
            "not end. Nothing was changed: save it as CSV from a spreadsheet and upload it again."
        ) from None
    finally:
        text.detach()  # the file is the caller's to close


def _rows(text: io.TextIOWrapper, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines by number, from the headings on; blank ones are left out."""

    def lines() -> Iterator[str]:
        for line in text:
            if "\0" in line:
                raise InvalidFileError(
                    "The file is no text. Nothing was changed: save it as “CSV UTF-8”."
                )
            yield line

    text.seek(0)
    for number, row in enumerate(csv.reader(lines(), delimiter=delimiter, strict=True), 1):
        if number > MAX_LINES:
            raise InvalidFileError(
                f"The file has more than {MAX_LINES:,} lines, empty ones included. Nothing was "
                "changed: remove the empty ones, or divide it."
            )
        if len(row) > MAX_CELLS:
            raise InvalidFileError(
                f"Line {number:,} has more than {MAX_CELLS:,} cells. Nothing was changed: leave "
                "out the columns that you did not change."
            )
        if any(len(cell) > MAX_CHARACTERS for cell in row):
            raise InvalidFileError(
                f"Line {number:,} has a cell of more than {MAX_CHARACTERS:,} characters. Nothing "
                "was changed: shorten it, or look for a quotation mark that does not end."
            )
        if number == 1 or any(map(str.strip, row)):
            yield number, row


def _delimiter(text: io.TextIOWrapper) -> str:
    """The separator that makes the most of the headings."""

    def finds_ids(delimiter: str) -> tuple[bool, int]:
        try:
            _, head = next(_rows(text, delimiter), (1, []))
        except csv.Error:
            return False, 0  # said when the file is read by it, if no other fits
        names = {heading.strip().lower() for heading in head}
        return bool({ID_HEADING.lower(), *OTHER_ID_HEADINGS} & names), len(head)

    return max(",;\t", key=finds_ids)


def _checked(text: io.TextIOWrapper, delimiter: str, kinds: Mapping[str, Kind]) -> Columns:
    """The columns of a file that can be read to its end and is not too long."""
    rows = _rows(text, delimiter)
    _, head = next(rows, (1, []))
    if not any(map(str.strip, head)):
        raise InvalidFileError("The file is empty. Nothing was changed.")
    columns = _columns(head, kinds)
    accounts = 0
    for accounts, _ in enumerate(rows, 1):
        if accounts > MOST_ACCOUNTS:
            raise InvalidFileError(
                f"The file has more than {MOST_ACCOUNTS:,} accounts. Nothing was changed: divide "
                "it."
            )
    if not accounts:
        raise InvalidFileError("The file has headings and no accounts. Nothing was changed.")
    return columns


def _columns(head: Sequence[str], kinds: Mapping[str, Kind]) -> Columns:
    # As they were written here, first: an API name may be another field's label.
    known = {name.lower(): kind for name, kind in kinds.items()}
    known |= dict(zip((one.lower() for one in headings(kinds)), kinds.values(), strict=True))
    ids, as_of, fields, ignored = [], None, {}, []
    for at, heading in enumerate(head):
        name = heading.strip().lower()
        if name == ID_HEADING.lower():
            ids.append(at)
        elif name == AS_OF_HEADING.lower():
            as_of = at
        elif name in known:
            fields[at] = known[name]
        elif name in OTHER_ID_HEADINGS:
            ids.append(at)
        elif name in OTHER_AS_OF_HEADINGS:
            as_of = at
        elif name:
            ignored.append(heading.strip()[:100])
    if not ids:
        raise InvalidFileError(
            f"The file has no column “{ID_HEADING}”, so nobody can tell which accounts are meant. "
            "Nothing was changed: begin with the file that is made here."
        )
    if len(ids) > 1:
        raise InvalidFileError(
            f"The file has {len(ids)} columns that could say which account is meant. Nothing was "
            f"changed: leave only “{ID_HEADING}”."
        )
    times = Counter(kind.name for kind in fields.values())
    if twice := [kinds[name].label for name in times if times[name] > 1]:
        raise InvalidFileError(
            f"The file has two columns for {twice[0]}. Nothing was changed: leave one of them out."
        )
    if not fields:
        raise InvalidFileError(
            "No heading of the file is a field that can be changed here. Nothing was changed: "
            "begin with the file that is made here."
        )
    return Columns(ids[0], as_of, fields, ignored)


def _read_line(
    number: int, line: Sequence[str], columns: Columns, account: Account, empty_clears: bool
) -> Wanted:
    fields: Fields = {}
    problems: list[str] = []
    for at, kind in columns.fields.items():
        # Spreadsheets leave out empty cells at the end of a line: that says nothing.
        cell, now = _cell(line, at), kind.known(account)
        left_alone = not cell and (not empty_clears or at >= len(line))
        if left_alone or cell == _cell_of(kind, now).strip():
            continue
        if not cell and kind.field.data_type == "boolean":
            continue
        try:
            after = kind.read(_as_typed(cell), now)
        except ValidationError as error:
            problems.append(f"{kind.label}: {' '.join(error.messages)}")
            continue
        fields |= differences({kind.name: now}, {kind.name: after})
    if account.retired_at and fields:
        problems.insert(0, RETIRED)
    if not fields and not problems:
        return Wanted(number, account, account.zoho_account_id, {})
    if columns.as_of is not None:
        problems += _age(_as_typed(_cell(line, columns.as_of)), account)
    as_of = account.zoho_modified_at
    return Wanted(number, account, account.zoho_account_id, fields, as_of, " ".join(problems))


def _cell(line: Sequence[str], at: int | None) -> str:
    return line[at].strip() if at is not None and at < len(line) else ""


def _as_typed(cell: str) -> str:
    """Without the mark that keeps a spreadsheet from making something else of it."""
    rest = cell[1:]
    marked = rest.startswith(FORMULA_BEGINS) or REWRITTEN.fullmatch(rest)
    return rest if cell[:1] == "'" and marked else cell


def _id(cell: str) -> str:
    return cell.removeprefix(ID_PREFIX)[:30]


def _unknown(zoho_id: str) -> str:
    if not zoho_id:
        return "The line has no Zoho account ID."
    if ROUNDED.fullmatch(zoho_id):
        return (
            "A spreadsheet has rounded this ID, so it cannot be told which account is meant: begin "
            "with the file that is made here, or format the column as text."
        )
    return "No account here has this ID. If it is new in Zoho, sync first."


def _age(cell: str, account: Account) -> list[str]:
    """What speaks against a line that was made when the account may have been another."""
    try:
        as_of = parse_datetime(cell)
    except ValueError:
        as_of = None
    known = account.zoho_modified_at
    if known is None:
        return []
    if as_of is None or as_of.tzinfo is None:
        return [
            f"“{AS_OF_HEADING}” cannot be read, so nobody can tell how old the line is: leave that "
            "column as it was made here, or leave it out altogether."
        ]
    if as_of != known:
        return [
            "Zoho changed this account after the file was made: take a new file, or change it on "
            "its page."
        ]
    return []
