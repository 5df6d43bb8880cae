"""Records cut out of a page that no JSON reader takes as a whole.

One record with a broken byte, a bare NaN or two thousand nested lists must not cost the others.
Brackets and strings are enough to tell where a record begins and ends; what stands in it is read
later, alone.
"""

import re
from collections.abc import Iterator

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_OPEN, _CLOSE = {b"[", b"{"}, {b"]", b"}"}


def cut_out(text: bytes, key: str) -> tuple[bytes, list[bytes] | bytes | None]:
    """`text`, an object, with null in the place of the list or object under `key`, and the texts
    of the list's elements, or of that object.

    None in place of the texts where there is neither. Raises ValueError when it does not end.
    """
    for (begin, end), value_at in _pairs(text):
        if text[begin:end] == f'"{key}"'.encode() and text[value_at : value_at + 1] in _OPEN:
            rows, value_end = _rows(text, value_at)
            cut = text[:value_at] + b"null" + text[value_end:]
            is_list = text[value_at : value_at + 1] == b"["
            return cut, rows if is_list else text[value_at:value_end]
    return text, None


def text_at_the_top(row: bytes, key: str) -> str | int | None:
    """The text or whole number under `key` of this object itself; None where there is none."""
    for (begin, end), value_at in _pairs(row):
        if row[begin:end] == f'"{key}"'.encode():
            found = _TOKENS.match(row, value_at)
            token = found[0] if found else b""
            if token[:1] == b'"':
                return token[1:-1].decode("ascii", "replace")
            return int(token) if token.isdigit() and len(token) <= 20 else None
    return None


def _pairs(text: bytes) -> Iterator[tuple[tuple[int, int], int]]:
    """Where the keys of an object stand, and where their values begin."""
    depth, key_at, before = 0, None, b""
    for found in _TOKENS.finditer(text):
        token = found[0]
        if before == b":" and depth == 1 and key_at:
            yield key_at, found.start()
            key_at = None
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
        elif depth == 1 and token[:1] == b'"' and before in (b"{", b","):
            key_at = found.span()
        before = token


def _rows(text: bytes, at: int) -> tuple[list[bytes], int]:
    """The elements of the list, or the pairs of the object, that begins at `at`; its end."""
    rows: list[bytes] = []
    depth, begin, end = 0, -1, -1
    for found in _TOKENS.finditer(text, at):
        token = found[0]
        if token in _CLOSE:
            depth -= 1
        if begin >= 0 and (depth == 0 or (depth == 1 and token == b",")):
            rows.append(text[begin:end])
            begin = -1
        elif begin < 0 and depth == 1 and token != b",":
            begin = found.start()
        if depth == 0 and token in _CLOSE:
            return rows, found.end()
        if token in _OPEN:
            depth += 1
        end = found.end()
    raise ValueError("It does not end.")
