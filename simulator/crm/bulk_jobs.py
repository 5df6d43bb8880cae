"""A bulk read's job, as the state keeps it, and its result."""

import csv
import io
import zipfile
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulator.crm.fields import BY_NAME
from simulator.crm.records import Account, View

STATES = ("ADDED", "QUEUED", "IN PROGRESS")


@dataclass
class Job:
    id: str
    query: dict[str, Any]
    page: int
    created: float
    ends: float
    user: str
    fails: bool
    result: "Result | None" = None  # once it was first seen to be complete
    downloads: deque[float] = field(default_factory=deque)

    def state(self, now: float) -> str:
        if now >= self.ends:
            return "FAILURE" if self.fails else "COMPLETED"
        return STATES[int((now - self.created) / (self.ends - self.created) * len(STATES))]


@dataclass(frozen=True)
class Result:
    csv: bytes
    count: int
    more: bool
    next_page_token: str | None

    def archive(self, name: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(f"{name}.csv", self.csv)
        return file.getvalue()


@dataclass(frozen=True)
class Style:
    """What is not known of Zoho's files, or differs."""

    id_heading: str = "Id"
    yes_no: tuple[str, str] = ("true", "false")
    separator: str = ";"


def render(accounts: Iterable[Account], names: list[str], view: View, style: Style) -> bytes:
    """The CSV: API names in the first line, the id always among them."""
    names = ["id", *(name for name in names if name != "id")]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([style.id_heading, *names[1:]])
    cells = [_cell(name, view, style) for name in names]
    writer.writerows([cell(account) for cell in cells] for account in accounts)
    return file.getvalue().encode()


def _cell(name: str, view: View, style: Style) -> Callable[[Account], str]:
    """A column's writer: look-ups as ids, moments as in JSON, nothing for null."""
    field = BY_NAME.get(name)
    if name == "id":
        return lambda account: account.id
    if field is None or field.data_type == "lookup":
        return lambda account: _flat(view.flat(account, name), style)
    if field.data_type == "datetime":
        moment = view.moment
        return lambda a: "" if (value := a.value(name)) is None else moment(value)
    if name in ("Created_By", "Modified_By"):
        return lambda account: account.value(name) or ""
    return lambda account: _flat(account.fields.get(name), style)


def _flat(value: Any, style: Style) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return style.yes_no[0 if value else 1]
    if isinstance(value, dict):
        return str(value["id"])
    if isinstance(value, list):
        return style.separator.join(
            each["name"] if isinstance(each, dict) else str(each) for each in value
        )
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
