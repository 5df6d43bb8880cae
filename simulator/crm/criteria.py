"""Search criteria: ((Account_Name:starts_with:Hel)and(Annual_Revenue:greater_than:1000000)).

Source: https://www.zoho.com/crm/developer/docs/api/v8/search-records.html, Kaizen #82 (escaping)
"""

import operator
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.crm.answers import RefusedError, bad, read_moment
from simulator.crm.fields import BY_NAME, Field
from simulator.crm.records import Account

MAX_CRITERIA = 15
MAX_CHARACTERS = 3000
MAX_VALUES = 100

TEXT = ("equals", "not_equal", "starts_with", "in")
ORDERED = (
    "equals",
    "not_equal",
    "greater_than",
    "greater_equal",
    "less_than",
    "less_equal",
    "between",
    "in",
)
CHOICE = ("equals", "not_equal", "in")
COMPARATORS = {
    **dict.fromkeys(("text", "email", "phone", "website"), TEXT),
    **dict.fromkeys(("integer", "double", "currency", "percent", "bigint"), ORDERED),
    **dict.fromkeys(("date", "datetime"), ORDERED),
    **dict.fromkeys(("picklist", "multiselectpicklist", "lookup", "ownerlookup"), CHOICE),
    "textarea": ("equals", "not_equal", "starts_with"),
    "boolean": ("equals", "not_equal"),
}
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "greater_than": operator.gt,
    "greater_equal": operator.ge,
    "less_than": operator.lt,
    "less_equal": operator.le,
}

Test = Callable[[Account], bool]


def parse(text: str, equals_is_contains: bool) -> Test:
    if len(text) > MAX_CHARACTERS:
        raise bad("CRITERIA_LIMIT_EXCEEDED", "criteria limit exceeded")
    reader = _Reader(text, equals_is_contains)
    test = reader.joined()
    if reader.rest():
        raise invalid("the brackets of the criteria do not match")
    return test


def invalid(reason: str, **details: Any) -> RefusedError:
    return bad("INVALID_QUERY", "Invalid query formed", reason=reason, **details)


class _Reader:
    """A backslash takes the meaning from the character after it."""

    def __init__(self, text: str, equals_is_contains: bool) -> None:
        self.text = text
        self.at = 0
        self.count = 0
        self.equals_is_contains = equals_is_contains

    def rest(self) -> str:
        return self.text[self.at :].strip()

    def joined(self) -> Test:
        """(…)and(…)or(…), from left to right."""
        test = self.bracketed()
        while match := re.compile(r"\s*(and|or)\s*(?=\()", re.I).match(self.text, self.at):
            self.at = match.end()
            test = _join(match[1].lower(), test, self.bracketed())
        return test

    def bracketed(self) -> Test:
        self.expect("(")
        nested = re.compile(r"\s*\(").match(self.text, self.at)
        test = self.joined() if nested else self.condition()
        self.expect(")")
        return test

    def expect(self, bracket: str) -> None:
        match = re.compile(rf"\s*\{bracket}").match(self.text, self.at)
        if match is None:
            raise invalid("the brackets of the criteria do not match")
        self.at = match.end()

    def condition(self) -> Test:
        match = re.compile(r"\s*(\w+):(\w+):((?:\\.|[^\\()])*)", re.S).match(self.text, self.at)
        if match is None:
            raise invalid("a criterion is (field:operator:value)")
        self.at = match.end()
        self.count += 1
        if self.count > MAX_CRITERIA:
            raise bad("CRITERIA_LIMIT_EXCEEDED", "criteria limit exceeded")
        parts = re.findall(r"((?:\\.|[^\\,])*)(?:,|$)", match[3], re.S)
        values = [re.sub(r"\\(.)", r"\1", part, flags=re.S) for part in parts]
        if match[3] and not match[3].endswith(","):
            values.pop()  # findall's empty match at the end
        return compare(match[1], match[2], values, self.equals_is_contains)


def _join(word: str, one: Test, other: Test) -> Test:
    if word == "and":
        return lambda account: one(account) and other(account)
    return lambda account: one(account) or other(account)


def compare(name: str, comparator: str, texts: list[str], equals_is_contains: bool) -> Test:
    field = BY_NAME.get(name)
    if field is None:
        raise invalid(f"the field is not available: {name}", api_name=name)
    if comparator not in COMPARATORS.get(field.data_type, ()):
        raise invalid("the operator does not go with the field", operator=comparator, api_name=name)
    needed = {"between": (2, 2), "in": (1, MAX_VALUES)}.get(comparator, (1, 1))
    if not needed[0] <= len(texts) <= needed[1]:
        raise invalid(
            "not this number of values; commas are escaped", operator=comparator, api_name=name
        )
    values = [_value(field, text) for text in texts]

    if isinstance(values[0], str) and comparator in ("equals", "starts_with"):
        part = values[0].lower()
        if comparator == "starts_with":
            return lambda account: _text(account, name).startswith(part)
        if equals_is_contains and field.data_type in ("text", "textarea", "website", "phone"):
            return lambda account: part in _text(account, name)
    match comparator:
        case "equals":
            return lambda account: any(_same(v, values[0]) for v in _all(account, field))
        case "not_equal":
            return lambda account: not any(_same(v, values[0]) for v in _all(account, field))
        case "in":
            return lambda account: any(
                _same(v, value) for v in _all(account, field) for value in values
            )
        case "between":
            low, high = values
            return lambda account: any(low <= v <= high for v in _all(account, field))
    order = ORDERS[comparator]
    return lambda account: any(order(v, values[0]) for v in _all(account, field))


def _text(account: Account, name: str) -> str:
    return str(account.value(name) or "").lower()


def _all(account: Account, field: Field) -> list[Any]:
    """What the field holds: nothing, one value, or several."""
    value = account.value(field.api_name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    return [int(value) if field.data_type == "bigint" else value]


def _same(one: Any, other: Any) -> bool:
    return one.lower() == other.lower() if isinstance(one, str) else one == other


def as_kept(field: Field, text: str) -> Any:
    """A condition's text as the field keeps its values; None for a text of another type."""
    try:
        if field.data_type == "bigint":
            return int(text)
        if field.is_number:
            return Decimal(text)
        if field.data_type == "boolean":
            return {"true": True, "false": False}.get(text)
    except (InvalidOperation, ValueError):
        return None
    if field.data_type == "datetime":
        return read_moment(text)
    if field.data_type == "date" and not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return None
    return text


def _value(field: Field, text: str) -> Any:
    value = as_kept(field, text)
    if value is None:
        raise invalid(
            "the value does not go with the field",
            expected_data_type=field.data_type,
            api_name=field.api_name,
        )
    return value
