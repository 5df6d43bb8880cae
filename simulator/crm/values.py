"""What a write may put into a field: Zoho's checks by the field's type.

Source: https://www.zoho.com/crm/developer/docs/api/v8/update-records.html and the field limits of
https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html
"""

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulator.crm.answers import error, read_moment
from simulator.crm.fields import BY_NAME, Field

if TYPE_CHECKING:
    from simulator.crm.crm import Crm

EMAIL = re.compile(r"[^@\s,()]+@[^@\s,()]+\.[^@\s,()]+")
WEBSITE = re.compile(r"(https?://)?[^\s/]+\.[^\s/]+\S*")


class RecordRefusedError(Exception):
    """One record's entry for the answer; the others go on."""

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.entry = error(code, message, **details)


def read_record(crm: "Crm", row: Any, index: int, *, new: bool) -> dict[str, Any]:
    """The plain values of one record of the body. Names that no field has are ignored."""
    if not isinstance(row, dict):
        raise _invalid(f"$.data[{index}]", "", expected_data_type="jsonobject")
    known = [(BY_NAME[name], value) for name, value in row.items() if name in BY_NAME]
    values: dict[str, Any] = {}
    for field, value in known:
        path = f"$.data[{index}].{field.api_name}"
        if field.api_name == "id":
            continue
        if field.read_only:
            if crm.read_only_fields == "refused":
                raise RecordRefusedError(
                    "INVALID_DATA",
                    "the field is read only",
                    api_name=field.api_name,
                    json_path=path,
                )
            continue
        values[field.api_name] = _read(crm, field, value, path)
    if new and "Account_Name" not in values:
        raise _mandatory(index, "Account_Name")
    return values


def mandatory_id(row: Any, index: int) -> str:
    value = row.get("id") if isinstance(row, dict) else None
    if value is None or value == "":
        raise _mandatory(index, "id")
    return str(value)


def unknown_id(index: int) -> RecordRefusedError:
    words = "the id given seems to be invalid"
    return RecordRefusedError("INVALID_DATA", words, api_name="id", json_path=f"$.data[{index}].id")


def duplicate(field: Field, index: int, other: str) -> RecordRefusedError:
    return RecordRefusedError(
        "DUPLICATE_DATA",
        "duplicate data",
        api_name=field.api_name,
        json_path=f"$.data[{index}].{field.api_name}",
        id=other,
        duplicate_record={"id": other, "module": {"api_name": "Accounts"}},
    )


def _mandatory(index: int, name: str) -> RecordRefusedError:
    return RecordRefusedError(
        "MANDATORY_NOT_FOUND",
        "required field not found",
        api_name=name,
        json_path=f"$.data[{index}].{name}",
    )


def _invalid(path: str, name: str, **more: Any) -> RecordRefusedError:
    return RecordRefusedError("INVALID_DATA", "invalid data", api_name=name, json_path=path, **more)


def _read(crm: "Crm", field: Field, value: Any, path: str) -> Any:
    if value is None or value == "":
        if field.mandatory:
            raise RecordRefusedError(
                "MANDATORY_NOT_FOUND",
                "required field not found",
                api_name=field.api_name,
                json_path=path,
            )
        return None
    plain = READERS[field.data_type](crm, field, value)
    if plain is None:
        expected = EXPECTED.get(field.data_type, field.data_type)
        raise _invalid(path, field.api_name, expected_data_type=expected)
    if isinstance(plain, str) and len(plain) > field.length:
        raise _invalid(path, field.api_name, maximum_length=field.length)
    if field.values:
        _check_values(crm, field, plain if isinstance(plain, list) else [plain], path)
    return plain


def _check_values(crm: "Crm", field: Field, chosen: list[str], path: str) -> None:
    known = crm.pick_lists[field.api_name]
    for value in chosen:
        if value in known or crm.pick_list_policy == "kept":
            continue
        if crm.pick_list_policy == "refused":
            raise _invalid(path, field.api_name, supported_values=list(known))
        known.append(value)


# --- a reader for each type: the plain value, or None for a value of another type -----------------


def _text(crm: "Crm", field: Field, value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _matching(pattern: re.Pattern[str]) -> Callable[["Crm", Field, Any], str | None]:
    def read(crm: "Crm", field: Field, value: Any) -> str | None:
        return value if isinstance(value, str) and pattern.fullmatch(value) else None

    return read


def _number(crm: "Crm", field: Field, value: Any) -> Decimal | int | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    _, digits, exponent = number.normalize().as_tuple()
    whole, part = len(digits) + int(exponent), max(0, -int(exponent))
    limit = 5 if field.data_type == "percent" else 16
    return value if whole <= limit and part <= 9 else None


def _integer(crm: "Crm", field: Field, value: Any) -> int | None:
    right = isinstance(value, int) and not isinstance(value, bool) and len(str(abs(value))) <= 9
    return value if right else None


def _bigint(crm: "Crm", field: Field, value: Any) -> str | None:
    text = str(value) if type(value) in (int, str) else ""
    return text if re.fullmatch(r"-?[0-9]{1,18}", text) else None


def _boolean(crm: "Crm", field: Field, value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _values(crm: "Crm", field: Field, value: Any) -> list[str] | None:
    right = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return value if right else None


def _date(crm: "Crm", field: Field, value: Any) -> str | None:
    try:
        return str(dt.date.fromisoformat(value)) if len(value) == 10 else None
    except (TypeError, ValueError):
        return None


def _datetime(crm: "Crm", field: Field, value: Any) -> int | None:
    return read_moment(value) if isinstance(value, str) else None


def _reference(value: Any) -> str:
    return str(value.get("id", "") if isinstance(value, dict) else value)


def _account(crm: "Crm", field: Field, value: Any) -> str | None:
    found = crm.find(_reference(value))
    return found.id if found else None


def _user(crm: "Crm", field: Field, value: Any) -> str | None:
    identity = _reference(value)
    return identity if identity in crm.users else None


EXPECTED = {
    "text": "string",
    "textarea": "string",
    "picklist": "string",
    "multiselectpicklist": "jsonarray",
    "currency": "double",
    "percent": "double",
    "lookup": "bigint",
    "ownerlookup": "bigint",
}
READERS: dict[str, Callable[["Crm", Field, Any], Any]] = {
    "text": _text,
    "textarea": _text,
    "picklist": _text,
    "phone": _text,
    "website": _matching(WEBSITE),
    "email": _matching(EMAIL),
    "bigint": _bigint,
    "integer": _integer,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "boolean": _boolean,
    "multiselectpicklist": _values,
    "date": _date,
    "datetime": _datetime,
    "lookup": _account,
    "ownerlookup": _user,
}
