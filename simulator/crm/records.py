"""One account, and the ways in which Zoho shows it.

An account keeps plain values: look-ups as ids, moments as seconds, what is empty not at all.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.crm.fields import BY_NAME, FIELDS, Field

LIST_CUT = 500  # characters of rich text in a list
EMPTY_LISTS = ("Tag", "Territories")


@dataclass(frozen=True)
class User:
    id: str
    name: str
    email: str
    zuid: str

    def minified(self) -> dict[str, Any]:
        return {"name": self.name, "id": self.id}


@dataclass
class Account:
    """`fields` is replaced as a whole, never changed: another thread may be rendering it."""

    id: str
    fields: Mapping[str, Any]
    created: int
    modified: int
    created_by: str
    modified_by: str
    written: float  # when it reached Zoho, for what lags behind
    deleted: int | None = None
    deleted_by: str = ""
    permanent: bool = False  # past the recycle bin
    merged: bool = False  # into another account, and in no list of deleted ones

    @property
    def name(self) -> str:
        return str(self.fields.get("Account_Name") or "")

    def value(self, field: str) -> Any:
        """The plain value, also of a system field; None where it is empty."""
        match field:
            case "id":
                return self.id
            case "Created_Time":
                return self.created
            case "Modified_Time" | "Change_Log_Time__s":
                return self.modified
            case "Created_By":
                return self.created_by
            case "Modified_By":
                return self.modified_by
        return self.fields.get(field)


class View:
    """How accounts look to one user: names behind ids, and moments in the user's zone."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        users: Mapping[str, User],
        zone: dt.tzinfo,
        numeric_big_integers: bool = False,
    ) -> None:
        self.accounts = accounts
        self.users = users
        self.zone = zone
        self.numeric_big_integers = numeric_big_integers

    def moment(self, seconds: float) -> str:
        """2026-10-05T21:32:21+05:30: whole seconds, an offset with a colon."""
        return dt.datetime.fromtimestamp(int(seconds), self.zone).isoformat()

    def row(self, account: Account, names: Iterable[str], *, cut: bool) -> dict[str, Any]:
        """The named fields as JSON; `cut` as in lists. `id` always comes."""
        row = {name: self.shown(account, BY_NAME[name], cut=cut) for name in names}
        return {**row, "id": account.id}

    def record(self, account: Account) -> dict[str, Any]:
        """Everything, as one record alone is shown."""
        return self.row(account, [field.api_name for field in FIELDS], cut=False)

    def shown(self, account: Account, field: Field, *, cut: bool) -> Any:
        value = account.value(field.api_name)
        if value is None:
            is_list = field.api_name in EMPTY_LISTS or field.data_type == "multiselectpicklist"
            return [] if is_list else None
        match field.data_type:
            case "datetime":
                return self.moment(value)
            case "ownerlookup" | "userlookup":
                user = self.users[value]
                return {"name": user.name, "id": user.id, "email": user.email}
            case "lookup":
                other = self.accounts.get(value)
                if other is None or other.deleted is not None:
                    return None
                return {"name": other.name, "id": other.id}
            case "bigint" if self.numeric_big_integers and field.api_name != "id":
                return int(value)
            case "textarea" if cut and field.rich_text:
                return value[:LIST_CUT]
        return value

    def flat(self, account: Account, name: str) -> Any:
        """As COQL shows it: look-ups with nothing but their id."""
        first, _, rest = name.partition(".")
        field = BY_NAME[first]
        if rest:
            return self.joined(account, field, rest)
        if field.data_type in ("ownerlookup", "userlookup", "lookup"):
            value = self.shown(account, field, cut=False)
            return value and {"id": value["id"]}
        return self.shown(account, field, cut=False)

    def joined(self, account: Account, field: Field, name: str) -> Any:
        """A column of the record behind a look-up, such as Owner.last_name."""
        target = account.value(field.api_name)
        if field.data_type == "ownerlookup" and target is not None:
            user = self.users[target]
            first, _, last = user.name.rpartition(" ")
            columns = {"id": user.id, "email": user.email, "full_name": user.name}
            return {**columns, "first_name": first, "last_name": last}.get(name)
        other = self.accounts.get(target or "")
        return None if other is None or other.deleted is not None else self.flat(other, name)
