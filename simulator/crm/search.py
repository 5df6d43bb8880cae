"""GET Accounts/search and Accounts/actions/count.

Sources: https://www.zoho.com/crm/developer/docs/api/v8/search-records.html, …/record-count.html
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.crm import paging
from simulator.crm.answers import answer, bad, empty
from simulator.crm.criteria import Test, invalid, parse
from simulator.crm.crm import VIEWS, Crm
from simulator.crm.fields import BY_NAME, FIELDS
from simulator.crm.listing import EXTRA, field_names, sorting
from simulator.crm.records import Account

if TYPE_CHECKING:
    from simulator.zoho import Zoho

WAYS = ("criteria", "email", "phone", "word")  # the first that is given wins
TEXTS = [f.api_name for f in FIELDS if f.data_type in ("text", "textarea", "website", "picklist")]
EMAILS = [field.api_name for field in FIELDS if field.data_type == "email"]


def search(zoho: "Zoho", request: Request) -> Response:
    """What the index knows: new records may be missing for a while."""
    crm, asked = zoho.crm, request.args
    test = _test(crm, asked)
    if test is None:
        raise bad(
            "EXPECTED_PARAM_MISSING",
            "one of the expected parameters is missing",
            param_names=list(WAYS),
        )
    names = field_names(asked.get("fields")) or list(BY_NAME)
    column, order = sorting(asked, tuple(BY_NAME))
    size, page = paging.per_page(asked), paging.whole(asked, "page", 1)
    limit = crm.page_limit
    words = "maximum response iteration limit reached"
    paging.discrete_limit(crm, page, size, "LIMIT_REACHED", words, str(limit))

    indexed = crm.clock() - crm.search_lag
    rows = [a for a in crm.by_id() if (not crm.search_lag or a.written <= indexed) and test(a)]
    rows.sort(key=lambda account: _order(account, column), reverse=order == "desc")
    part = rows[(page - 1) * size : page * size]
    if not part:
        return empty(204)
    view, extra = crm.view, EXTRA if crm.extra_keys else {}
    info = {
        "per_page": size,
        "count": len(part),
        "sort_by": column,
        "page": page,
        "sort_order": order,
        "more_records": len(rows) > page * size,
    }
    data = [{**view.row(account, names, cut=True), **extra} for account in part]
    return answer({"data": data, "info": info})


def count(zoho: "Zoho", request: Request) -> Response:
    """About how many: it lags, and may count what is deleted by now."""
    crm, asked = zoho.crm, request.args
    cvid = asked.get("cvid")
    if cvid is not None and any(way in asked for way in WAYS):
        raise bad(
            "AMBIGUITY_DURING_PROCESSING",
            "There is ambiguity while processing the request",
            ambiguity_due_to=[{"param_name": "cvid"}],
        )
    if cvid is not None and cvid not in VIEWS:
        raise bad("INVALID_DATA", "invalid data", param_name="cvid")
    test = _test(crm, asked) or VIEWS.get(cvid or "", lambda account: True)
    then = crm.clock() - crm.count_lag
    accounts = crm.by_id()
    if crm.count_lag:
        accounts = [account for account in accounts if account.created <= then]
        accounts += [account for account in crm.deleted() if (account.deleted or 0) > then]
    return answer({"count": sum(1 for account in accounts if test(account))})


def _test(crm: Crm, asked: Mapping[str, str]) -> Test | None:
    for way in WAYS:
        text = asked.get(way, "")
        if not text:
            continue
        match way:
            case "criteria":
                return parse(text, crm.search_equals_is_contains)
            case "email":
                return _holding(EMAILS, text.lower(), whole=True)
            case "phone":
                if len(text) < 3:
                    raise invalid("at least 3 characters", expected_data_type="phone")
                return _with_number(re.sub(r"\D", "", text))
            case "word":
                if len(text) < 2:
                    raise invalid("at least 2 characters", expected_data_type="text")
                return _holding(TEXTS, text.lower())
    return None


def _holding(names: list[str], text: str, whole: bool = False) -> Test:
    def test(account: Account) -> bool:
        values = [str(account.value(name) or "").lower() for name in names]
        return any(text == value if whole else text in value for value in values)

    return test


def _with_number(digits: str) -> Test:
    def test(account: Account) -> bool:
        held = (re.sub(r"\D", "", str(account.value(name) or "")) for name in ("Phone", "Fax"))
        return any(digits in each for each in held)

    return test


def _order(account: Account, column: str) -> tuple[bool, Any, int]:
    """Numbers among numbers, texts among texts; what is empty comes first."""
    value = account.value(column)
    number = isinstance(value, int) or BY_NAME[column].is_number
    if column == "id":
        number, value = True, int(account.id)
    empty_value: Any = 0 if number else ""
    shown = value if number else str(value).lower()
    return value is not None, empty_value if value is None else shown, int(account.id)
