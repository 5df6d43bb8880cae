"""POST coql.

Source: https://www.zoho.com/crm/developer/docs/api/v8/Get-Records-through-COQL-Query.html
"""

import operator
import re
from bisect import bisect_right
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.crm.answers import RefusedError, answer, authenticate, bad, empty, parsed_body
from simulator.crm.coql_parser import MAX_CONDITIONS, SIGNS, Condition, Pair, Query, parse
from simulator.crm.criteria import as_kept
from simulator.crm.crm import Crm
from simulator.crm.fields import BY_NAME, Field
from simulator.crm.metadata import field_row
from simulator.crm.records import Account

if TYPE_CHECKING:
    from simulator.zoho import Zoho

MAX_COLUMNS = 50
MAX_ORDERS = 10
NULLS = ("is null", "is not null")
EQUALITY = ("=", "!=", "in", "not in", *NULLS)
TEXT = (*EQUALITY, "like", "not like")
ORDERED = (*EQUALITY, *SIGNS, "between", "not between")
OPERATORS = {
    **dict.fromkeys(("text", "email", "phone", "website", "textarea", "picklist"), TEXT),
    **dict.fromkeys(("integer", "double", "currency", "percent", "bigint"), ORDERED),
    **dict.fromkeys(("date", "datetime"), ORDERED),
    **dict.fromkeys(("lookup", "ownerlookup", "userlookup"), EQUALITY),
    "multiselectpicklist": TEXT,
    "boolean": ("=",),
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
USER_COLUMNS = ("id", "first_name", "last_name", "full_name", "email")

Test = Callable[[Account], bool]


def rows_asked(request: Request) -> int:
    """For the price; the default where the query cannot be read."""
    try:
        return parse(str(parsed_body(request).get("select_query"))).limit
    except RefusedError:
        return 200


def query(zoho: "Zoho", request: Request) -> Response:
    crm, body = zoho.crm, parsed_body(request)
    text = body.get("select_query")
    if text is None:
        words = "required field not found"
        raise bad("MANDATORY_NOT_FOUND", words, api_name="select_query")
    if not isinstance(text, str):
        wrong = {"expected_data_type": "string", "api_name": "select_query"}
        raise bad("INVALID_DATA", "invalid data", **wrong, json_path="$.select_query")
    with_fields = "fields" in body.get("include_meta", [])
    if with_fields:
        authenticate(zoho, request, ("ZohoCRM.settings.fields.READ",))
    read = parse(text)
    _check(crm, read)
    test = _test(crm, read.where)
    found = (account for account in _candidates(crm, read) if test(account))
    rows = list(islice(found, read.offset, read.offset + read.limit + 1))
    if not rows:
        return empty(204)
    part, view = rows[: read.limit], crm.view
    data = [{**{c: view.flat(a, c) for c in read.columns}, "id": a.id} for a in part]
    info = {"count": len(part), "more_records": len(rows) > len(part)}
    answered: dict[str, Any] = {"data": data, "info": info}
    if with_fields:
        answered["fields"] = {
            column: field_row(crm, BY_NAME[column]) for column in read.columns if column in BY_NAME
        }
    return answer(answered)


def _check(crm: Crm, read: Query) -> None:
    if read.module != "Accounts":
        raise bad("INVALID_MODULE", "the module name given seems to be invalid")
    if len({"id", *read.columns}) > MAX_COLUMNS:  # the id always comes, and counts
        raise _invalid(limit=str(MAX_COLUMNS))
    if len(set(read.columns)) < len(read.columns):
        twice = next(column for column in read.columns if read.columns.count(column) > 1)
        raise bad("DUPLICATE_DATA", "duplicate column", column_name=twice)
    if len({column.split(".")[0] for column in read.columns if "." in column}) > 2:
        raise bad("LIMIT_EXCEEDED", "joins limit exceeded", limit=2)
    for column in [*read.columns, *(column for column, _ in read.order)]:
        _field(column)
    over = {
        "limit": (read.limit, crm.coql_rows),
        "offset": (read.offset, crm.coql_reach),
        "order by": (len(read.order), MAX_ORDERS),
        "where": (read.conditions, MAX_CONDITIONS),
    }
    for clause, (asked, limit) in over.items():
        if asked > limit:
            raise bad("LIMIT_EXCEEDED", f"{clause} limit exceeded", limit=limit, clause=clause)


def _invalid(**details: Any) -> RefusedError:
    return bad("INVALID_QUERY", "invalid query formed", **details)


def _field(column: str) -> Field:
    """The field whose type the column has; behind a dot, one of the other record's."""
    first, _, rest = column.partition(".")
    field = BY_NAME.get(first)
    if field is not None and rest:
        if field.data_type == "ownerlookup" and rest in USER_COLUMNS:
            return Field(rest, rest, "bigint" if rest == "id" else "text")
        field = BY_NAME.get(rest) if field.data_type == "lookup" else None
    if field is None:
        raise _invalid(column_name=column)
    return field


def _candidates(crm: Crm, read: Query) -> list[Account]:
    """In order; what stands before `id > …` is not even looked at."""
    rows = crm.by_id()
    if not read.order or read.order == [("id", False)]:
        return rows[bisect_right(rows, _after(read.where), key=lambda a: int(a.id)) :]
    rows = list(rows)
    for column, descending in reversed(read.order):
        rows.sort(key=lambda a, c=column: _sort_key(crm, a, c), reverse=descending)  # type: ignore[misc]
    return rows


def _after(where: Condition | Pair) -> int:
    """The highest id that the query leaves behind."""
    if isinstance(where, Pair):
        return max(_after(where.one), _after(where.other)) if where.word == "and" else 0
    value = where.values[0] if where.values else None
    if where.column == "id" and where.operator == ">" and str(value).isdecimal():
        return int(str(value))
    return 0


def _sort_key(crm: Crm, account: Account, column: str) -> tuple[bool, Any]:
    value = _kept(crm, account, column)
    return value is not None, str(value).lower() if isinstance(value, str) else value or 0


def _kept(crm: Crm, account: Account, column: str) -> Any:
    """The value as conditions compare it."""
    if "." in column:
        value = crm.view.flat(account, column)
        value = value["id"] if isinstance(value, dict) else value
    else:
        value = account.value(column)
    if value is not None and _field(column).data_type == "bigint":
        return int(value)
    return value


def _test(crm: Crm, where: Condition | Pair) -> Test:
    if isinstance(where, Pair):
        one, other = _test(crm, where.one), _test(crm, where.other)
        if where.word == "and":
            return lambda account: one(account) and other(account)
        return lambda account: one(account) or other(account)
    field, column = _field(where.column), where.column
    if where.operator not in OPERATORS.get(field.data_type, NULLS):
        raise _invalid(column_name=column, operator=where.operator, reason="operator not supported")
    if len(where.values) > 50:
        raise bad("LIMIT_EXCEEDED", "in limit exceeded", limit=50, clause="in")
    if where.operator in ("like", "not like"):
        return _like(crm, column, where.operator, where.values[0])
    values = []
    for value in where.values:
        kept = as_kept(field, str(value).lower() if isinstance(value, bool) else str(value))
        if kept is None:
            raise _invalid(column_name=column)
        values.append(kept.lower() if isinstance(kept, str) else kept)
    return _comparing(crm, column, where.operator, values)


def _comparing(crm: Crm, column: str, sign: str, values: list[Any]) -> Test:
    def held(account: Account) -> Any:
        value = _kept(crm, account, column)
        return value.lower() if isinstance(value, str) else value

    def any_of(account: Account) -> bool:
        value = held(account)
        if isinstance(value, list):
            return any(each.lower() in values for each in value)
        return value in values

    match sign:
        case "is null":
            return lambda account: held(account) is None
        case "is not null":
            return lambda account: held(account) is not None
        case "=" | "in":
            return any_of
        case "!=" | "not in":
            return lambda account: not any_of(account)
    if sign.endswith("between"):
        low, high = values
        wanted = sign == "between"
        return lambda a: (v := held(a)) is not None and (low <= v <= high) == wanted
    compare, limit = COMPARE[sign], values[0]
    return lambda account: (value := held(account)) is not None and compare(value, limit)


def _like(crm: Crm, column: str, sign: str, pattern: str) -> Test:
    if sign == "not like" and not re.fullmatch(r"%[^%]*%", pattern):
        raise _invalid(column_name=column)
    shape = re.compile(".*".join(map(re.escape, pattern.split("%"))), re.I | re.S)

    def matches(account: Account) -> bool:
        value = _kept(crm, account, column)
        texts = value if isinstance(value, list) else [value]
        return any(shape.fullmatch(str(text)) for text in texts if text is not None)

    return matches if sign == "like" else lambda account: not matches(account)
