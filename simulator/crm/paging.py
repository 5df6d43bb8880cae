"""Pages by number and pages by token.

Source: https://www.zoho.com/crm/developer/docs/api/v8/get-records.html
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.crm.answers import bad

if TYPE_CHECKING:
    from simulator.crm.crm import Crm

MAX_PER_PAGE = 200
TOKEN_LIFETIME = 24 * 60 * 60


@dataclass(frozen=True)
class PageToken:
    """Goes on after the record that stood last, wherever that is by then."""

    bound: tuple[tuple[str, str], ...]  # the parameters
    user: str
    after: tuple[int, int]  # the sort value and id of that record
    position: int  # records before it, and it
    expires: float


def per_page(asked: Mapping[str, str]) -> int:
    return whole(asked, "per_page", MAX_PER_PAGE, at_most=MAX_PER_PAGE)


def whole(asked: Mapping[str, str], name: str, default: int, at_most: int | None = None) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise bad("INVALID_DATA", "invalid data", param_name=name, expected_data_type="integer")
    if at_most is not None and int(text) > at_most:
        raise bad("INVALID_DATA", "invalid data", param_name=name, maximum_length=at_most)
    return int(text)


def bound(asked: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in asked.items() if k not in ("page", "page_token")))


def make_token(
    crm: "Crm", asked: Mapping[str, str], after: tuple[int, int], position: int
) -> tuple[str, float]:
    """(token, when it ends)"""
    expires = crm.clock() + TOKEN_LIFETIME
    token = secrets.token_hex(32)
    crm.page_tokens[token] = PageToken(bound(asked), crm.user, after, position, expires)
    return token, expires


def read_token(crm: "Crm", asked: Mapping[str, str]) -> PageToken:
    token = crm.page_tokens.get(asked["page_token"])
    if token is None or token.user != crm.user:
        raise bad("INVALID_DATA", "invalid data", param_name="page_token")
    if token.expires <= crm.clock():
        raise bad("EXPIRED_VALUE", "The page_token has expired", param_name="page_token")
    if token.bound != bound(asked):
        raise bad(
            "TOKEN_BOUND_DATA_MISMATCH",
            "The parameters differ from those that the token was made for",
            param_name="page_token",
        )
    if token.position >= crm.token_limit:
        raise bad(
            "PAGINATION_LIMIT_EXCEEDED",
            f"You can only get the first {crm.token_limit} records",
            limit=crm.token_limit,
        )
    return token


def page_number(crm: "Crm", asked: Mapping[str, str]) -> int | None:
    """Which page of 1, 2, 3 … a request for a list is, also by token; None when it is none."""
    token = crm.page_tokens.get(asked.get("page_token", ""))
    if token is not None:
        text = asked.get("per_page", "")
        size = int(text) if text.isdecimal() else MAX_PER_PAGE
        return token.position // max(1, size - crm.short_pages) + 1
    page = asked.get("page", "1")
    return int(page) if page.isdecimal() else None


def discrete_limit(crm: "Crm", page: int, size: int, code: str, message: str, limit: Any) -> None:
    if page * size > crm.page_limit:
        raise bad(code, message, limit=limit)
