"""The criteria of a bulk read, in JSON: a condition, or a group of them.

Source: https://www.zoho.com/crm/developer/docs/api/v8/bulk-read/create-job.html
"""

from collections.abc import Callable
from typing import Any

from simulator.crm.answers import RefusedError, bad
from simulator.crm.criteria import as_kept
from simulator.crm.fields import BY_NAME, Field
from simulator.crm.records import Account

EMPTY = "${EMPTY}"
Test = Callable[[Account], bool]
TEXTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda value, part: part in value,
    "starts_with": lambda value, part: value.startswith(part),
    "ends_with": lambda value, part: value.endswith(part),
}
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "less_than": lambda value, limit: value < limit,
    "less_equal": lambda value, limit: value <= limit,
    "greater_than": lambda value, limit: value > limit,
    "greater_equal": lambda value, limit: value >= limit,
}
COMPARATORS = {"equal", "not_equal", "in", "not_in", "between", "not_between", "not_contains"}
COMPARATORS |= {*TEXTS, *ORDERS}
NOT_TEXT = {"currency", "double", "integer", "percent", "bigint", "date", "datetime", "boolean"}


def read_criteria(criteria: Any) -> Test:
    if criteria is None:
        return lambda account: True
    if not isinstance(criteria, dict):
        raise bad("INVALID_CRITERIA", "the criteria are not valid")
    if "group" not in criteria and "group_operator" not in criteria:
        return _condition(criteria)
    if "comparator" in criteria or "field" in criteria:
        raise bad("AMBIGUOUS_CRITERIA", "a condition and a group at once")
    word = criteria.get("group_operator")
    if word not in ("and", "or"):
        raise bad("GROUP_OPERATOR_NOT_SUPPORTED", "group operator", supported=["and", "or"])
    group = criteria.get("group")
    if not isinstance(group, list) or not group:
        raise bad("INVALID_CRITERIA", "the criteria are not valid")
    tests = [read_criteria(each) for each in group]
    every = all if word == "and" else any
    return lambda account: every(test(account) for test in tests)


def _condition(criteria: dict[str, Any]) -> Test:
    name = (criteria.get("field") or {}).get("api_name") or criteria.get("api_name")
    comparator, value = criteria.get("comparator"), criteria.get("value")
    field = BY_NAME.get(str(name))
    if field is None:
        words = "the field is not supported in the criteria"
        raise bad("FIELD_IN_CRITERIA_NOT_SUPPORTED", words, api_name=str(name))
    textual = comparator in TEXTS or comparator == "not_contains"
    ordered = comparator in ORDERS or comparator in ("between", "not_between")
    number = field.data_type in NOT_TEXT
    if comparator not in COMPARATORS or (textual and number) or (ordered and not number):
        raise _mismatch("FIELD_COMPARATOR_IN_CRITERIA_NOT_SUPPORTED", field, comparator)
    several = comparator in ("in", "not_in", "between", "not_between")
    if several != isinstance(value, list) or (
        comparator in ("between", "not_between") and len(value) != 2
    ):
        raise _mismatch("COMPARATOR_AND_VALUE_IN_CRITERIA_NOT_COMPATIBLE", field, comparator)
    values = [_kept(field, each, comparator) for each in (value if several else [value])]
    return _test(field, str(comparator), values)


def _mismatch(code: str, field: Field, comparator: Any) -> RefusedError:
    words = "comparator and field or value do not go together"
    return bad(code, words, api_name=field.api_name, comparator=str(comparator))


def _kept(field: Field, value: Any, comparator: Any) -> Any:
    if value == EMPTY or value is None:
        return None
    if isinstance(value, dict):
        value = value.get("id")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    kept = as_kept(field, text)
    if kept is None:
        raise _mismatch("VALUE_TYPE_NOT_SUPPORTED", field, comparator)
    return kept.lower() if isinstance(kept, str) else kept


def _test(field: Field, comparator: str, values: list[Any]) -> Test:
    def held(account: Account) -> list[Any]:
        value = account.value(field.api_name)
        several = value if isinstance(value, list) else [value]
        if field.data_type == "bigint":
            return [each if each is None else int(each) for each in several]
        return [each.lower() if isinstance(each, str) else each for each in several] or [None]

    negated = comparator.startswith("not_")
    match comparator.removeprefix("not_"):
        case "equal" | "in":

            def test(account: Account) -> bool:
                return any(each in values for each in held(account))

        case "between":

            def test(account: Account) -> bool:
                return any(e is not None and values[0] <= e <= values[1] for e in held(account))

        case word:
            compare, other = {**TEXTS, **ORDERS}[word], values[0]

            def test(account: Account) -> bool:
                return any(e is not None and compare(e, other) for e in held(account))

    return (lambda account: not test(account)) if negated else test
