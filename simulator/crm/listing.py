"""GET Accounts and GET Accounts/{id}.

Source: https://www.zoho.com/crm/developer/docs/api/v8/get-records.html
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.crm import paging
from simulator.crm.answers import answer, bad, empty, moment_header
from simulator.crm.crm import VIEWS, Crm
from simulator.crm.fields import BY_NAME
from simulator.crm.records import Account

if TYPE_CHECKING:
    from simulator.zoho import Zoho

MAX_FIELDS = 50
SORTABLE = ("id", "Created_Time", "Modified_Time")
EXTRA = {"$approval_state": "approved", "$editable": True, "$key_of_tomorrow": {"nested": [1]}}


def accounts(zoho: "Zoho", request: Request) -> Response:
    crm, asked = zoho.crm, request.args
    names = field_names(asked.get("fields"))
    if names is None:
        raise bad(
            "REQUIRED_PARAM_MISSING",
            "One of the expected parameter is missing",
            param_name="fields",
        )
    for one, other in (("page", "page_token"), ("cvid", "sort_by")):
        if one in asked and other in asked:
            raise bad(
                "AMBIGUITY_DURING_PROCESSING",
                "There is ambiguity while processing the request",
                ambiguity_due_to=[{"param_name": one}, {"param_name": other}],
            )
    size = paging.per_page(asked)
    column, order = sorting(asked)
    since = moment_header(request, "If-Modified-Since")
    token = paging.read_token(crm, asked) if "page_token" in asked else None
    page = paging.whole(asked, "page", 1)
    if token is None:
        limit = crm.page_limit
        words = f"You can only get the first {limit} records without using page_token param"
        code = "DISCRETE_PAGINATION_LIMIT_EXCEEDED"
        paging.discrete_limit(crm, page, size, code, words, limit)

    crm.turn_page(paging.page_number(crm, asked) or 1)
    rows, key = _listed(crm, asked, column, order, since)
    if since is not None and not rows:
        return empty(304)
    shown = max(1, size - crm.short_pages)
    start = (page - 1) * shown if token is None else bisect_right(rows, token.after, key=key)
    part = rows[start : start + shown]
    if not part:
        return empty(204)
    seen = (start if token is None else token.position) + len(part)
    more = len(rows) > start + len(part) or crm.more_after_the_end
    info: dict[str, Any] = {
        "call": False,
        "per_page": size,
        "count": len(part),
        "sort_by": column,
        "page": page if token is None or crm.info_page_stays_1 else seen // shown,
        "email": False,
        "sort_order": order,
        "more_records": more,
        "next_page_token": None,
        "previous_page_token": None,
        "page_token_expiry": None,
    }
    if more:
        next_token, expires = paging.make_token(crm, asked, key(part[-1]), seen)
        info |= {
            "next_page_token": next_token,
            "page_token_expiry": crm.view.moment(expires),
        }
    if crm.token_keys_absent:
        info = {name: value for name, value in info.items() if value is not None}
    view, extra = crm.view, EXTRA if crm.extra_keys else {}
    data = [{**view.row(account, names, cut=True), **extra} for account in part]
    return answer({"data": data, "info": info})


def account(zoho: "Zoho", request: Request, account_id: str) -> Response:
    crm = zoho.crm
    names = field_names(request.args.get("fields"))
    found = crm.find(checked_id(account_id))
    if found is None:
        return empty(204)
    since = moment_header(request, "If-Modified-Since")
    if since is not None and found.modified <= since:
        return empty(304)
    view = crm.view
    row = view.record(found) if names is None else view.row(found, names, cut=False)
    return answer({"data": [{**row, **(EXTRA if crm.extra_keys else {})}]})


def checked_id(text: str) -> str:
    if not (text.isascii() and text.isdecimal()) or len(text) > 19:
        raise bad("INVALID_DATA", "the id given seems to be invalid", resource_path_index=1)
    return text


def field_names(text: str | None) -> list[str] | None:
    """The known ones of a comma list, in its order; unknown names are passed over."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    if len(names) > MAX_FIELDS:
        raise bad("LIMIT_EXCEEDED", "Fields limit exceeded", limit=MAX_FIELDS, param_name="fields")
    return [name for name in names if name in BY_NAME] if names else None


def sorting(asked: Mapping[str, str], columns: tuple[str, ...] = SORTABLE) -> tuple[str, str]:
    column, order = asked.get("sort_by", "id"), asked.get("sort_order", "desc")
    for name, value, known in (
        ("sort_by", column, columns),
        ("sort_order", order, ("asc", "desc")),
    ):
        if value not in known:
            raise bad("INVALID_DATA", "invalid data", param_name=name, supported_values=list(known))
    return column, order


def _listed(
    crm: Crm, asked: Mapping[str, str], column: str, order: str, since: int | None
) -> tuple[list[Account], Callable[[Account], tuple[int, int]]]:
    """The accounts asked for, sorted, and the key by which they are."""
    ids = [part.strip() for part in asked.get("ids", "").split(",") if part.strip()]
    if len(ids) > crm.max_ids:
        raise bad("LIMIT_EXCEEDED", "ids limit exceeded", limit=crm.max_ids, param_name="ids")
    wanted = frozenset(checked_id(each) for each in ids)
    cvid = asked.get("cvid")
    if cvid is not None and cvid not in VIEWS:
        raise bad("INVALID_DATA", "invalid data", param_name="cvid")
    sign = 1 if order == "asc" else -1

    def key(account: Account) -> tuple[int, int]:
        value = 0 if column == "id" else account.value(column)
        return sign * value, sign * int(account.id)

    def make() -> list[Account]:
        rows = crm.by_id()
        if wanted:
            rows = [row for row in rows if row.id in wanted]
        if cvid is not None:
            rows = [row for row in rows if VIEWS[cvid](row)]
        if since is not None:
            rows = [row for row in rows if row.modified > since]
        return sorted(rows, key=key)

    return crm.remembered(("list", column, order, since, wanted, cvid), make), key
