"""What Zoho sent, as a value that our columns keep exactly. Pure: no database, no clock.

A value that cannot be kept exactly is Unusable; nothing is rounded, cut or clamped. None, an
absent key and "" are all "no value".
"""

import datetime as dt
import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DecimalException, Inexact
from typing import Any, NoReturn

RETYPE = "type {} again instead of pasting it"
SAVE_AGAIN = "save the record in Zoho again, so that Zoho writes its times again"

# The largest whole number that PostgreSQL's bigint holds.
LARGEST = 2**63 - 1
# A moment is shown in any time zone, and years end at 9999 there, too.
EARLIEST = dt.datetime(1, 1, 3, tzinfo=dt.UTC)
LATEST = dt.datetime(9999, 12, 29, tzinfo=dt.UTC)

# Python itself reads "1_000", Arabic digits, "sNaN" and "Infinity", too. Zoho writes none of them.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_LONGEST_NUMBER = 1_000  # characters
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Python's own context rounds to 28 digits, in silence. This one has room for more than any column.
_EXACT = Context(prec=120, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact])


class UnusableError(ValueError):
    """This value cannot be kept. `problem` continues "The item's rate …"; `fix` says what to do,
    with {} for the field."""

    def __init__(self, problem: str, fix: str = RETYPE) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


def is_empty(value: Any) -> bool:
    return value is None or value == ""


def text(value: Any, limit: int | None = None) -> str:
    """A text of at most `limit` characters; "" for none."""
    if is_empty(value):
        return ""
    if not isinstance(value, str):
        raise UnusableError("is not text")
    if limit and len(value) > limit:
        raise UnusableError(f"is longer than the {limit} characters that fit", "shorten {}")
    if "\0" in value:
        raise UnusableError("contains a NUL character, which PostgreSQL refuses")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            if any("\udc80" <= letter <= "\udcff" for letter in value):
                raise UnusableError("contains bytes that are not UTF-8 text") from None
            raise UnusableError("contains half of a character") from None
    return value


def number(value: Any, *, before: int, after: int) -> Decimal | None:
    """A number of at most `before` digits before the point and `after` behind it."""
    if is_empty(value):
        return None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
            raise UnusableError("is not a number")
    elif isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise UnusableError("is not a number")
    if isinstance(value, int) and value.bit_length() > 4 * _LONGEST_NUMBER:
        _too_long(before, after)
    try:
        exact = Decimal(repr(value) if isinstance(value, float) else value)
        if not exact.is_finite():
            raise UnusableError("is not a number")
        if not exact:
            return Decimal(0)
        if not -after <= exact.adjusted() < before:
            _too_long(before, after)
        exact = _EXACT.normalize(exact)
    except DecimalException:
        _too_long(before, after)
    if -int(exact.as_tuple().exponent) > after:
        _too_long(before, after)
    return exact


def _too_long(before: int, after: int) -> NoReturn:
    raise UnusableError(
        f"is too long to be stored exactly: {before} digits before and {after} after the point fit",
        "round {}",
    )


def whole(value: Any) -> int | None:
    """A whole number that a bigint holds."""
    found = number(value, before=19, after=20)
    if found is None:
        return None
    if found != int(found):
        raise UnusableError("is not a whole number")
    if abs(found) > LARGEST:
        raise UnusableError("is too large: 19 digits fit", "shorten {}")
    return int(found)


def moment(value: Any) -> dt.datetime | None:
    """A moment, with its offset: 2026-10-05T21:32:21+0530, the colon in the offset optional."""
    if is_empty(value):
        return None
    written = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    try:
        found = dt.datetime.fromisoformat(value) if written else None
    except ValueError:
        found = None
    if found is None:
        raise UnusableError("is not a date and time", SAVE_AGAIN)
    if found.tzinfo is None:
        raise UnusableError("has no time zone", SAVE_AGAIN)
    if not EARLIEST <= found <= LATEST:
        raise UnusableError("is outside of the years 1 to 9999", "enter {} with a possible year")
    return found


def date(value: Any) -> str:
    """A day as Zoho writes it, 2026-01-31; "" for none."""
    if is_empty(value):
        return ""
    try:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValueError
        dt.date.fromisoformat(value)
    except ValueError:
        raise UnusableError("is not a date") from None
    return value


def boolean(value: Any) -> bool | None:
    """Zoho's JSON says true and false, its files "true", "false", 1 and 0."""
    if is_empty(value):
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, Decimal)) and str(value) in ("0", "1"):
        return bool(value)
    said = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, str) and value.strip().lower() in said:
        return said[value.strip().lower()]
    raise UnusableError("is neither yes nor no")
