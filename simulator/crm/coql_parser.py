"""Reading a COQL query: the subset select, from, where, order by, limit, offset.

Conditions are joined in pairs: ((A and B) and C).
Sources: https://www.zoho.com/crm/developer/docs/api/v8/COQL-Overview.html, …/COQL-Limitations.html,
Kaizen #171
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from simulator.crm.answers import RefusedError, bad

TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<name>"[^"]*")
      | (?P<number>-?\d+(?:\.\d+)?)(?![\w.])
      | (?P<word>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)
      | (?P<sign>!=|<>|>=|<=|[=<>(),])
    )""",
    re.X,
)
WORDS = (
    "select from where and or not like in between is null order by asc desc limit offset group as "
    "true false having distinct external"
)
KEYWORDS = frozenset(WORDS.split(" "))
SIGNS = ("=", "!=", ">", ">=", "<", "<=")
MAX_CONDITIONS = 25


@dataclass(frozen=True)
class Condition:
    column: str
    operator: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Pair:
    word: str  # and, or
    one: "Condition | Pair"
    other: "Condition | Pair"


@dataclass
class Query:
    columns: list[str]
    module: str
    where: Condition | Pair
    order: list[tuple[str, bool]] = field(default_factory=list)  # column, descending
    limit: int = 200
    offset: int = 0
    conditions: int = 0


def syntax_error(**details: Any) -> RefusedError:
    return bad("SYNTAX_ERROR", "error occurred while parsing the query", **details)


def parse(text: str) -> Query:
    """Raises SYNTAX_ERROR, naming the place or the clause."""
    return _Parser(text).query()


@dataclass(frozen=True)
class _Token:
    kind: str  # text, number, word, key, sign, end
    value: Any
    start: int


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self._tokens()
        self.at = 0
        self.conditions = 0

    def _tokens(self) -> list[_Token]:
        tokens, at = [], 0
        while self.text[at:].strip():
            match = TOKEN.match(self.text, at)
            if match is None:
                raise self._error_at(at + len(self.text[at:]) - len(self.text[at:].lstrip()))
            kind, raw = str(match.lastgroup), match[str(match.lastgroup)]
            value: Any = raw
            if kind == "text":
                value = raw[1:-1].replace("''", "'")
            elif kind == "name":
                value = raw[1:-1]
            elif kind == "number":
                value = Decimal(raw) if "." in raw else int(raw)
            elif kind == "word" and raw.lower() in KEYWORDS:
                kind, value = "key", raw.lower()
            tokens.append(_Token(kind, value, match.start(str(match.lastgroup))))
            at = match.end()
        return [*tokens, _Token("end", None, len(self.text))]

    def _error_at(self, at: int) -> RefusedError:
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        return syntax_error(line=line, column=column, near=self.text[at : at + 20])

    def wrong(self) -> RefusedError:
        return self._error_at(self.tokens[self.at].start)

    def took(self, kind: str, *values: Any) -> bool:
        """Step over the next token if it is of these."""
        token = self.tokens[self.at]
        right = token.kind == kind and (not values or token.value in values)
        self.at += right
        return right

    def take(self, *kinds: str) -> Any:
        if self.tokens[self.at].kind not in kinds:
            raise self.wrong()
        self.at += 1
        return self.tokens[self.at - 1].value

    def key(self, word: str) -> None:
        if not self.took("key", word):
            raise self.wrong()

    def query(self) -> Query:
        self.key("select")
        columns = self.listed(self.column)
        if not self.took("key", "from"):
            raise syntax_error(clause="from")
        module = self.take("word")
        if not self.took("key", "where"):
            raise syntax_error(clause="where")
        query = Query(columns, module, self.joined())
        query.conditions = self.conditions
        if self.took("key", "group"):
            raise syntax_error(clause="group by")  # not simulated
        if self.took("key", "order"):
            self.key("by")
            query.order = self.listed(lambda: (self.column(), self.descending()))
        if self.took("key", "limit"):
            query.limit = self.take("number")
            if self.took("sign", ","):
                query.offset, query.limit = query.limit, self.take("number")
        if self.took("key", "offset"):
            query.offset = self.take("number")
        if not self.took("end"):
            raise self.wrong()
        for number in (query.limit, query.offset):
            if not isinstance(number, int) or number < 0:
                raise syntax_error(clause="limit")
        return query

    def column(self) -> str:
        """In quotation marks where it is called like a word of the language."""
        return str(self.take("word", "name", "text"))

    def listed(self, read: Any) -> list[Any]:
        parts = [read()]
        while self.took("sign", ","):
            parts.append(read())
        return parts

    def descending(self) -> bool:
        if self.took("key", "desc"):
            return True
        self.took("key", "asc")
        return False

    def joined(self) -> Condition | Pair:
        """One term, or two: a third needs brackets, and comes out as a syntax error."""
        one = self.term()
        for word in ("and", "or"):
            if self.took("key", word):
                return Pair(word, one, self.term())
        return one

    def term(self) -> Condition | Pair:
        if self.took("sign", "("):
            inner = self.joined()
            if not self.took("sign", ")"):
                raise self.wrong()
            return inner
        return self.condition()

    def condition(self) -> Condition:
        self.conditions += 1
        column = self.column()
        if self.took("key", "is"):
            negated = self.took("key", "not")
            self.key("null")
            return Condition(column, "is not null" if negated else "is null")
        negation = "not " if self.took("key", "not") else ""
        if self.took("key", "like"):
            return Condition(column, f"{negation}like", (self.take("text"),))
        if self.took("key", "in"):
            return Condition(column, f"{negation}in", self.bracketed_values())
        if self.took("key", "between"):
            low = self.value()
            self.key("and")
            return Condition(column, f"{negation}between", (low, self.value()))
        sign = self.tokens[self.at]
        if negation or not self.took("sign", *SIGNS):
            if sign.kind == "sign" and sign.value == "<>":
                raise syntax_error(operator="<>")
            raise self.wrong()
        return Condition(column, sign.value, (self.value(),))

    def bracketed_values(self) -> tuple[Any, ...]:
        if not self.took("sign", "("):
            raise self.wrong()
        values = self.listed(self.value)
        if not self.took("sign", ")"):
            raise self.wrong()
        return tuple(values)

    def value(self) -> Any:
        if self.took("key", "true"):
            return True
        if self.took("key", "false"):
            return False
        return self.take("text", "number")
