"""The two languages in which Zoho CRM is asked: search criteria, and COQL conditions.

Search criteria: ((Account_Name:starts_with:Hel)and(Annual_Revenue:greater_than:1000000)). Zoho's
`equals` finds texts that contain the value; `to_coql` says the same exactly. What staff typed goes
through `criteria` or `coql_text`, never into a text by hand.

Source: https://www.zoho.com/crm/developer/docs/api/v8/search-records.html, .../COQL-Overview.html,
and Zoho's own posts #82 and #171 on escaping and on conditions in pairs.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integrations.zoho.crm.interface import MODULE, MOST_BY_PAGE, api_name, moment
from integrations.zoho.errors import ZohoAPIError

MOST_CRITERIA = 15
LONGEST_CRITERIA = 3000
LONGEST_QUERY = 10_000
OPERATORS = {
    "equals": "=",
    "not_equal": "!=",
    "greater_than": ">",
    "greater_equal": ">=",
    "less_than": "<",
    "less_equal": "<=",
    "starts_with": "like",
    "in": "in",
    "between": "between",
}
LISTS = ("in", "between")
NUMBERS = {"integer", "bigint", "double", "currency", "percent", "boolean", "autonumber"}

_CONDITION = re.compile(r"([A-Za-z]\w*(?:\.\w+)?):(\w+):((?:\\.|[^\\()])+)", re.ASCII | re.DOTALL)
_JOINER = re.compile(r"\s*(and|or)\s*(?=\()", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?|true|false", re.ASCII)
_STRING = re.compile(r"'(?:[^']|'')*'")
_QUERY = re.compile(rf"\s*select\s.+\sfrom\s+{MODULE}\s+where\s.+", re.I | re.DOTALL)
_SELECT = re.compile(r"\bselect\b", re.I)
_LIMIT = re.compile(r"\blimit\s+(?:\d+\s*,\s*)?(\d+)", re.I)
_FORBIDDEN = re.compile(r";|--|/\*|\b(select|from|where|order|group|limit|offset)\b", re.I)


@dataclass(frozen=True)
class Condition:
    """`values` are as they are meant, without escapes."""

    field: str
    operator: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"({self.field}:{self.operator}:{','.join(map(_escape, self.values))})"


@dataclass(frozen=True)
class Pair:
    """Two of them, joined by "and" or "or": Zoho wants them in pairs."""

    left: "Criteria"
    joiner: str
    right: "Criteria"

    def __str__(self) -> str:
        return f"({self.left}{self.joiner}{self.right})"


Criteria = Condition | Pair


def criteria(field: str, operator: str, value: Any) -> str:
    """One condition as text, its value escaped: "(Account_Name:equals:A\\\\, B)".

    `value` is a list for "in" and "between". Combine them by `all_of` and `any_of`.
    """
    if operator not in OPERATORS:
        raise ZohoAPIError("Zoho's search knows the operators " + ", ".join(OPERATORS) + ".")
    if operator in LISTS and (isinstance(value, str) or not isinstance(value, Sequence)):
        raise ZohoAPIError(f"“{operator}” needs a list of values.")
    values = tuple(map(_text, value if operator in LISTS else [value]))
    return str(_checked(Condition(api_name(field), operator, values)))


def all_of(*conditions: str) -> str:
    """Those that meet every one of these."""
    return str(_paired([parse(text) for text in conditions], "and"))


def any_of(*conditions: str) -> str:
    """Those that meet one of these."""
    return str(_paired([parse(text) for text in conditions], "or"))


def parse(text: str) -> Criteria:
    """Search criteria, understood; nothing else gets through.

    Brackets around each condition are needed, spaces between them are not; `and` and `or` side by
    side need brackets of their own. Raises ZohoAPIError, which quotes none of it.
    """
    if len(text) > LONGEST_CRITERIA:
        raise ZohoAPIError(f"Search criteria have at most {LONGEST_CRITERIA:,} characters.")
    text = text.strip()
    found, end = _read_joined(text, 0)
    if end != len(text):
        raise _misread(end)
    if sum(1 for _ in _conditions(found)) > MOST_CRITERIA:
        raise ZohoAPIError(f"A search has at most {MOST_CRITERIA} conditions.")
    return found


def looks_like_criteria(text: str) -> bool:
    """Whether this means to be search criteria; a COQL condition has no colon after a name."""
    return bool(re.match(r"[\s(]*[A-Za-z][\w.]*:\w+:", text))


def to_coql(found: Criteria, types: Mapping[str, str]) -> str:
    """The same as a COQL condition. `types` are Zoho's data types by field."""
    if isinstance(found, Pair):
        left, right = to_coql(found.left, types), to_coql(found.right, types)
        return f"({left} {found.joiner} {right})"
    is_number = found.field == "id" or types.get(found.field) in NUMBERS
    quote = _coql_number if is_number else coql_text
    operator = OPERATORS[found.operator]
    values = [quote(value) for value in found.values]
    match found.operator:
        case "starts_with":
            return f"{found.field} like {coql_text(found.values[0] + '%')}"
        case "in":
            return f"{found.field} in ({', '.join(values)})"
        case "between":
            return f"{found.field} between {values[0]} and {values[1]}"
    return f"{found.field} {operator} {values[0]}"


def coql_text(value: str) -> str:
    """A text as COQL takes it, quotes doubled: 'O''Brien'.

    A backslash is refused: whether it escapes the quote after it is not documented.
    """
    if "\\" in value:
        raise ZohoAPIError("A COQL query cannot hold a backslash.")
    return "'" + value.replace("'", "''") + "'"


def checked_where(condition: str) -> str:
    """A COQL condition, and nothing but that: no second clause, no open bracket or quote."""
    bare = _without_strings(condition)
    if not bare.strip() or _FORBIDDEN.search(bare):
        raise ZohoAPIError("That is not a COQL condition, such as Industry = 'Energy'.")
    return condition.strip()


def checked_query(select_query: str) -> tuple[str, int]:
    """A COQL query on Accounts, and how many rows it asks for."""
    bare = _without_strings(select_query)
    if not _QUERY.fullmatch(bare) or ";" in bare or len(_SELECT.findall(bare)) != 1:
        raise ZohoAPIError(
            "A query on accounts has columns, the module and a condition; where everything is "
            "wanted, “id is not null” is one."
        )
    limit = _LIMIT.search(bare)
    rows = int(limit[1]) if limit else 200
    if not 1 <= rows <= MOST_BY_PAGE:
        raise ZohoAPIError(f"A query brings 1 to {MOST_BY_PAGE:,} rows; iter_query brings all.")
    return select_query.strip(), rows


def _without_strings(text: str) -> str:
    bare = _STRING.sub("''", text)
    depth = 0
    for character in bare:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
    if depth or bare.count("'") % 2 or len(text) > LONGEST_QUERY:
        raise ZohoAPIError("The query has an open bracket or quote, or is too long.")
    return bare


def _read_joined(text: str, at: int) -> tuple[Criteria, int]:
    """Groups that are joined by the same word, as far as they go."""
    group, at = _read_group(text, at)
    groups, joiners = [group], set()
    while match := _JOINER.match(text, at):
        joiners.add(match[1])
        group, at = _read_group(text, match.end())
        groups.append(group)
    if len(joiners) > 1:
        raise ZohoAPIError("“and” beside “or” needs brackets that say which comes first.")
    return _paired(groups, joiners.pop() if joiners else "and"), at


def _read_group(text: str, at: int) -> tuple[Criteria, int]:
    if text[at : at + 1] != "(":
        raise _misread(at)
    inside = at + 1
    if match := _CONDITION.match(text, inside):
        field, operator, value = match.groups()
        values = tuple(_unescape(part) for part in re.findall(r"(?:\\.|[^\\,])+", value, re.DOTALL))
        if operator not in LISTS:
            values = (_unescape(value),)
        found: Criteria = _checked(Condition(api_name(field), operator, values))
        end = match.end()
    else:
        found, end = _read_joined(text, inside + len(text[inside:]) - len(text[inside:].lstrip()))
        end += len(text[end:]) - len(text[end:].lstrip())
    if text[end : end + 1] != ")":
        raise _misread(end)
    return found, end + 1


def _checked(condition: Condition) -> Condition:
    if condition.operator not in OPERATORS:
        raise ZohoAPIError("Zoho's search knows the operators " + ", ".join(OPERATORS) + ".")
    if not all(value.strip() for value in condition.values) or not condition.values:
        raise ZohoAPIError("A condition needs a value.")
    if condition.operator == "between" and len(condition.values) != 2:
        raise ZohoAPIError("“between” needs two values.")
    if len(condition.values) > 100:
        raise ZohoAPIError("“in” takes at most 100 values.")
    return condition


def _conditions(found: Criteria) -> Iterator[Condition]:
    if isinstance(found, Pair):
        yield from _conditions(found.left)
        yield from _conditions(found.right)
    else:
        yield found


def _paired(groups: Sequence[Criteria], joiner: str) -> Criteria:
    if not groups:
        raise ZohoAPIError("There is no condition.")
    found = groups[0]
    for group in groups[1:]:
        found = Pair(found, joiner, group)
    return found


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dt.datetime():
            return moment(value)
        case dt.date():
            return value.isoformat()
        case str() | int() | Decimal():
            return str(value)
    raise ZohoAPIError("A condition's value is a text, a number, a day, a moment, true or false.")


def _escape(value: str) -> str:
    # Every backslash, not only a closing one: before a bracket it would undo the bracket's own.
    return re.sub(r"([\\(),])", r"\\\1", value)


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)


def _coql_number(value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise ZohoAPIError("A number is compared with something that is none.")
    return value


def _misread(at: int) -> ZohoAPIError:
    return ZohoAPIError(
        f"The search criteria are not understood from character {at + 1} on. They look like "
        "((Industry:equals:Energy)and(Annual_Revenue:greater_than:1000)). A COQL query is for "
        "query_accounts."
    )
