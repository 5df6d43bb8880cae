"""A CSV file of accounts: made here, changed in a spreadsheet, read back."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime

from crm_accounts.models import Account
from crm_accounts.write_back.kinds import Kind, Plain
from crm_accounts.write_back.wanted import MOST_ACCOUNTS, RETIRED, Fields, Wanted, differences
from integrations.export import FORMULA_BEGINS, PlainText

MOST_BYTES = 20 * 1024 * 1024
ID_HEADING, AS_OF_HEADING = "Zoho account ID", "Changed in Zoho"
ID_HEADINGS = {"zoho account id", "record id", "id", "account id"}
AS_OF_HEADINGS = {"changed in zoho", "modified_time", "modified time"}
# As in Zoho's own exports: a spreadsheet leaves it alone, and would round the bare number.
ID_PREFIX = "zcrm_"
ROUNDED = re.compile(r"\d([.,]\d+)?[eE]\+?\d+")


class BadFile(Exception):
    """The file cannot be used at all; the message says why and what to do."""


class Columns(NamedTuple):
    """Where in a line what stands; `ignored` are the headings that are left alone."""

    zoho_id: int
    as_of: int | None
    fields: dict[int, Kind]
    ignored: list[str]


def written(accounts: Iterable[Account], kinds: Mapping[str, Kind]) -> str:
    """These accounts as a file that can be read back."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow([ID_HEADING, AS_OF_HEADING, *headings(kinds)])
    text = PlainText()
    for account in accounts:
        modified = account.zoho_modified_at
        lines.writerow(
            [
                f"{ID_PREFIX}{account.zoho_account_id}",
                modified.isoformat() if modified else "",
                *(text.render(kind.shown(kind.known(account))) for kind in kinds.values()),
            ]
        )
    return out.getvalue()


def headings(kinds: Mapping[str, Kind]) -> list[str]:
    """The labels; the API name where two fields have the same one."""
    times = Counter(kind.label.lower() for kind in kinds.values())
    return [kind.label if times[kind.label.lower()] == 1 else name for name, kind in kinds.items()]


def read(
    content: bytes, kinds: Mapping[str, Kind], *, empty_clears: bool = False
) -> tuple[list[Wanted], list[str]]:
    """What the file wants changed, line by line, and the headings that were left alone.

    A line that cannot be used has its problem; one that changes nothing is left out. An empty cell
    leaves its field alone, or with `empty_clears`, empties it. Raises BadFile.
    """
    lines = _lines(content)
    columns = _columns(lines[0], kinds)
    rows = [(number, line) for number, line in enumerate(lines[1:], 2) if any(map(str.strip, line))]
    if not rows:
        raise BadFile("The file has headings and no accounts. Nothing was changed.")
    if len(rows) > MOST_ACCOUNTS:
        raise BadFile(
            f"The file has more than {MOST_ACCOUNTS:,} accounts. Nothing was changed: divide it."
        )
    ids = [_id(_cell(line, columns.zoho_id)) for _, line in rows]
    known = Account.objects.in_bulk(ids, field_name="zoho_account_id")
    first: dict[str, int] = {}
    wanted = []
    for (number, line), zoho_id in zip(rows, ids, strict=True):
        account = known.get(zoho_id)
        if twice := first.get(zoho_id):
            one = Wanted(number, account, zoho_id, {}, None, f"Line {twice} has this account, too.")
        elif account is None:
            one = Wanted(number, None, zoho_id, {}, None, _unknown(zoho_id))
        else:
            one = _read_line(number, line, columns, account, empty_clears)
        if zoho_id:
            first.setdefault(zoho_id, number)
        if one.fields or one.problem:
            wanted.append(one)
    return wanted, columns.ignored


def _lines(content: bytes) -> list[list[str]]:
    if len(content) > MOST_BYTES:
        raise BadFile("The file is larger than 20 MB. Nothing was changed: divide it.")
    try:
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise BadFile(
            "The file is not in UTF-8, so its accents and umlauts cannot be read safely. Nothing "
            "was changed: save it as “CSV UTF-8” and upload it again."
        ) from None
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        raise BadFile(
            "The file is no CSV that can be read: a quotation mark stands where none may. Nothing "
            "was changed: save it as CSV from a spreadsheet and upload it again."
        ) from None
    if not lines or not any(map(str.strip, lines[0])):
        raise BadFile("The file is empty. Nothing was changed.")
    return lines


def _columns(head: Sequence[str], kinds: Mapping[str, Kind]) -> Columns:
    known = dict(zip((heading.lower() for heading in headings(kinds)), kinds.values(), strict=True))
    known |= {name.lower(): kind for name, kind in kinds.items()}
    zoho_id, as_of, fields, ignored = None, None, {}, []
    for at, heading in enumerate(head):
        name = heading.strip().lower()
        if name in ID_HEADINGS:
            zoho_id = at
        elif name in AS_OF_HEADINGS:
            as_of = at
        elif name in known:
            fields[at] = known[name]
        elif name:
            ignored.append(heading.strip()[:100])
    if zoho_id is None:
        raise BadFile(
            f"The file has no column “{ID_HEADING}”, so nobody can tell which accounts are meant. "
            "Nothing was changed: begin with the file that is made here."
        )
    names = Counter(kind.label for kind in fields.values())
    if twice := [name for name, times in names.items() if times > 1]:
        raise BadFile(
            f"The file has two columns for {twice[0]}. Nothing was changed: leave one of them out."
        )
    if not fields:
        raise BadFile(
            "No heading of the file is a field that can be changed here. Nothing was changed: "
            "begin with the file that is made here."
        )
    return Columns(zoho_id, as_of, fields, ignored)


def _read_line(
    number: int, line: Sequence[str], columns: Columns, account: Account, empty_clears: bool
) -> Wanted:
    fields: Fields = {}
    problems = []
    if account.retired_at:
        problems.append(RETIRED)
    if _is_outdated(_cell(line, columns.as_of), account):
        problems.append(
            "Zoho changed this account after the file was made: take a new file, or change it on "
            "its page."
        )
    for at, kind in columns.fields.items():
        cell, now = _as_typed(_cell(line, at)), kind.known(account)
        if not cell and (not empty_clears or kind.field.data_type == "boolean"):
            continue
        after: Plain = None
        try:
            after = now if cell == kind.shown(now) else kind.read(cell, now)
        except ValidationError as error:
            problems.append(f"{kind.label}: {' '.join(error.messages)}")
            continue
        fields |= differences({kind.name: now}, {kind.name: after})
    as_of = account.zoho_modified_at
    return Wanted(number, account, account.zoho_account_id, fields, as_of, " ".join(problems))


def _cell(line: Sequence[str], at: int | None) -> str:
    return line[at].strip() if at is not None and at < len(line) else ""


def _as_typed(cell: str) -> str:
    """Without the mark that keeps a spreadsheet from calculating."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(FORMULA_BEGINS) else cell


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


def _is_outdated(cell: str, account: Account) -> bool:
    """Whether the file tells of an older state than the one that is known."""
    try:
        as_of = parse_datetime(cell)
    except ValueError:
        return False
    known = account.zoho_modified_at
    return bool(as_of and as_of.tzinfo and known and as_of != known)
