"""Zoho Inventory v1: organisations and items, for reading.

Sources: https://www.zoho.com/inventory/api/v1/items/, …/organizations/, …/pagination/, …/errors/
"""

import datetime as dt
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from werkzeug.wrappers import Request, Response

from simulator.payloads import LOCATION_ID, Item, dumps
from simulator.zoho import Zoho

MAX_PER_PAGE = 200
SUCCESS = {"code": 0, "message": "success"}
NOT_AUTHENTICATED = (
    401,
    14,
    "The request could not be authenticated as the authentication value you entered is invalid. "
    "Enter a valid authentication value and try again.",
)
# Zoho documents the first; live clients send the other, too.
SCHEMES = ("Zoho-oauthtoken", "Bearer")
NOT_AUTHORIZED = (401, 57, "You are not authorized to perform this operation")
NOT_FOUND = (404, 1002, "Item does not exist.")
NO_SUCH_URL = (404, 5, "Invalid URL Passed")

Row = Mapping[str, Any]
FILTERS: dict[str, Callable[[Row], bool]] = {
    "Status.All": lambda row: True,
    "Status.Active": lambda row: row.get("status") == "active",
    "Status.Inactive": lambda row: row.get("status") == "inactive",
    "Status.Lowstock": lambda row: (
        isinstance(row.get("reorder_level"), Decimal)
        and row.get("stock_on_hand", 0) <= row["reorder_level"]
    ),
    "Status.Unmapped": lambda row: not row.get("is_linked_with_zohocrm"),
    "Status.Uncategorized": lambda row: not row.get("category_id"),
    # Every item has a group; one that is alone in it gives it its own name.
    "Status.Grouped": lambda row: row.get("group_name") != row.get("name"),
    "ItemType.All": lambda row: True,
    "ItemType.Sales": lambda row: row.get("item_type") == "sales",
    "ItemType.Purchases": lambda row: row.get("item_type") == "purchases",
    "ItemType.SalesAndPurchases": lambda row: row.get("item_type") == "sales_and_purchases",
    "ItemType.Inventory": lambda row: row.get("item_type") == "inventory",
    "ItemType.NonInventory": lambda row: row.get("item_type") != "inventory",
    "ItemType.Service": lambda row: row.get("product_type") == "service",
}
SORT_COLUMNS = (
    "name",
    "sku",
    "rate",
    "purchase_rate",
    "created_time",
    "last_modified_time",
    "reorder_level",
    "stock_on_hand",
)


class RefusedError(Exception):
    """Zoho's error envelope: HTTP status, code, message, and further keys."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, **more}


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(dumps(body), status, content_type="application/json;charset=UTF-8")


def authenticate(zoho: Zoho, request: Request, scope: str) -> None:
    """The header first, then the token, then its scope; 57 stands for the last two."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme not in SCHEMES or not token:
        raise RefusedError(*NOT_AUTHENTICATED)
    granted = zoho.tokens.scope_of(token)
    if granted is None:
        raise RefusedError(*NOT_AUTHORIZED)
    scopes = {part.lower() for part in granted.replace(",", " ").split()}
    module = scope.lower().rsplit(".", 1)[0]
    if not scopes & {scope.lower(), f"{module}.all", "zohoinventory.fullaccess.all"}:
        raise RefusedError(*NOT_AUTHORIZED)


def check_organization(zoho: Zoho, request: Request) -> None:
    organization_id = request.args.get("organization_id")
    if not organization_id:
        raise RefusedError(
            400,
            6024,
            "This user belongs to multiple organizations, hence the parameter "
            "CompanyID/CompanyName is required.",
            error_info=[
                {
                    "organization_id": row["organization_id"],
                    "name": row["name"],
                    "is_default_org": row["is_default_org"],
                }
                for row in _organizations(zoho)
            ],
        )
    if organization_id not in (zoho.organization_id, zoho.other_organization_id):
        raise RefusedError(
            400,
            6041,
            f"This user is not associated with the CompanyID/CompanyName:{organization_id}.",
        )


def organizations(zoho: Zoho) -> Response:
    return answer({**SUCCESS, "organizations": _organizations(zoho)})


def organization(zoho: Zoho, organization_id: str) -> Response:
    for row in _organizations(zoho):
        if row["organization_id"] == organization_id:
            return answer({**SUCCESS, "organization": row})
    raise RefusedError(404, 1002, "Organization does not exist.")


def _organizations(zoho: Zoho) -> list[dict[str, Any]]:
    return [
        {
            "organization_id": organization_id,
            "name": name,
            "is_default_org": default,
            "is_org_active": True,
            "plan_name": "STANDARD",
            "plan_type": 2,
            "plan_period": "",
            "currency_id": "3900000000000000099",
            "currency_code": "INR",
            "price_precision": 2,
            "time_zone": "Asia/Kolkata",
            "language_code": "en",
            "country_code": "IN",
            "fiscal_year_start_month": "april",
            "account_created_date": "2023-04-01",
            "mode": "live",
            "org_joined_app_list": ["inventory"],
        }
        for organization_id, name, default in (
            (zoho.organization_id, "Monsoon Solar Retail", True),
            (zoho.other_organization_id, "Monsoon Test Company", False),
        )
    ]


def items(zoho: Zoho, request: Request) -> Response:
    """A page of the list. There is no total; `has_more_page` tells whether to go on."""
    asked = request.args
    page = _whole(asked.get("page"), 1)
    per_page = min(_whole(asked.get("per_page"), MAX_PER_PAGE), MAX_PER_PAGE)
    zoho.turn_page(page)
    rows, context = _listed(zoho, asked)
    start = (page - 1) * per_page
    more = len(rows) > start + per_page
    page_context = {
        "page": page,
        "per_page": per_page,
        "has_more_page": more,
        "report_name": "Items",
        "custom_fields": [],
        **context,
    }
    body = b'{"code":0,"message":"success","items":['
    body += b",".join([item.json() for item in rows[start : start + per_page]])
    body += b'],"page_context":' + dumps(page_context) + b"}"
    return Response(body, content_type="application/json;charset=UTF-8")


def item(zoho: Zoho, request: Request, item_id: str) -> Response:
    found = _find(zoho, request, item_id)
    if found is None:
        raise RefusedError(*NOT_FOUND)
    return answer({**SUCCESS, "item": found.detail()})


def item_details(zoho: Zoho, request: Request) -> Response:
    ids = [part.strip() for part in request.args.get("item_ids", "").split(",") if part.strip()]
    if not ids or len(ids) > zoho.max_ids:
        raise RefusedError(400, 2, "Invalid value passed for item_ids")
    found = [_find(zoho, request, item_id) for item_id in ids]
    if zoho.unknown_ids_are_404 and None in found:
        raise RefusedError(*NOT_FOUND)
    return answer({**SUCCESS, "items": [row.bulk_detail() for row in found if row]})


def _find(zoho: Zoho, request: Request, item_id: str) -> Item | None:
    """The item, if it belongs to the organisation that was asked; the other one has none."""
    ours = request.args.get("organization_id") == zoho.organization_id
    return zoho.find(item_id) if ours else None


def _whole(text: str | None, default: int) -> int:
    return int(text) if text and text.isdecimal() and int(text) > 0 else default


def _listed(zoho: Zoho, asked: Mapping[str, str]) -> tuple[list[Item], dict[str, Any]]:
    filter_by = asked.get("filter_by") or "Status.All"
    if filter_by not in FILTERS:  # to the letter: Status.all is refused
        raise RefusedError(400, 2, "Invalid value passed for filter_by")
    column = asked.get("sort_column") or "name"
    order = asked.get("sort_order") or "A"
    if column not in SORT_COLUMNS:
        raise RefusedError(400, 2, "Invalid value passed for sort_column")
    if order not in ("A", "D"):
        raise RefusedError(400, 2, "Invalid value passed for sort_order")
    tests = [FILTERS[filter_by], *_conditions(asked)]
    since = _since(zoho, asked.get("last_modified_time"))

    def make(rows: list[Item]) -> list[Item]:
        if filter_by not in ("Status.All", "ItemType.All") or len(tests) > 1:
            rows = [row for row in rows if all(test(_readable(row)) for test in tests)]
        if since is not None:
            inclusive = zoho.modified_filter == "at_or_after"
            rows = [r for r in rows if r.modified > since or (inclusive and r.modified == since)]
        return sorted(rows, key=_sort_key(column), reverse=order == "D")

    conditions = tuple(sorted((k, v) for k, v in asked.items() if k in CONDITIONS))
    key = (filter_by, column, order, since, zoho.modified_filter, conditions)
    context = {"applied_filter": filter_by, "sort_column": column, "sort_order": order}
    if asked.get("organization_id") != zoho.organization_id:
        return [], context  # the other organisation has no items
    return zoho.listed(key, make), context


def _readable(item: Item) -> Row:
    row = item.row()
    return row if isinstance(row, Mapping) else {}


def _sort_key(column: str) -> Callable[[Item], Any]:
    if column == "created_time":
        return lambda item: item.created
    if column == "last_modified_time":
        return lambda item: item.modified
    if column in ("name", "sku"):
        return lambda item: str(_readable(item).get(column, "")).lower()

    def number(item: Item) -> Decimal:
        value = _readable(item).get(column)
        return value if isinstance(value, Decimal) else Decimal("-Infinity")

    return number


TEXTS, NUMBERS = ("name", "sku"), ("rate", "purchase_rate")
EXACT = (
    *("status", "item_id", "group_id", "category_id", "vendor_id", "tax_id", "account_id"),
    *("purchase_account_id", "zcrm_product_id"),
)
ONE_OF = {"brand_ids": "brand_id", "manufacturer_ids": "manufacturer_id"}
PLACES = ("warehouse_id", "location_id")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "": operator.eq,
    "_less_than": operator.lt,
    "_less_equals": operator.le,
    "_greater_than": operator.gt,
    "_greater_equals": operator.ge,
}
# Custom views are not simulated: `customview_id` is read and shows everything.
CONDITIONS = (
    *EXACT,
    *ONE_OF,
    *PLACES,
    "search_text",
    *(f"{key}{end}" for key in TEXTS for end in ("", "_startswith", "_contains")),
    *(f"{key}{end}" for key in NUMBERS for end in COMPARE),
)


def _conditions(asked: Mapping[str, str]) -> list[Callable[[Row], bool]]:
    """What a row must fulfil, each as a function of the row."""

    def text(row: Row, key: str) -> str:
        return str(row.get(key, ""))

    def equals(key: str, value: str) -> Callable[[Row], bool]:
        return lambda row: text(row, key) == value

    def contains(value: str, *keys: str) -> Callable[[Row], bool]:
        return lambda row: any(value in text(row, key).lower() for key in keys)

    def number(key: str, compare: Callable[[Any, Any], bool], value: str) -> Any:
        try:
            wanted = Decimal(value)
        except ArithmeticError:
            raise RefusedError(400, 2, f"Invalid value passed for {key}") from None
        if not wanted.is_finite():
            raise RefusedError(400, 2, f"Invalid value passed for {key}")
        return lambda row: isinstance(row.get(key), Decimal) and compare(row[key], wanted)

    def begins(key: str, value: str) -> Callable[[Row], bool]:
        return lambda row: text(row, key).lower().startswith(value)

    tests = [equals(key, asked[key]) for key in (*EXACT, *TEXTS) if asked.get(key)]
    for key in TEXTS:
        if value := asked.get(f"{key}_startswith"):
            tests.append(begins(key, value.lower()))
        if value := asked.get(f"{key}_contains"):
            tests.append(contains(value.lower(), key))
    for key in NUMBERS:
        for end, compare in COMPARE.items():
            if value := asked.get(f"{key}{end}"):
                tests.append(number(key, compare, value))
    for parameter, key in ONE_OF.items():
        if value := asked.get(parameter):
            wanted = {part.strip() for part in value.split(",")}
            tests.append(lambda row, key=key, wanted=wanted: text(row, key) in wanted)
    for key in PLACES:
        if (value := asked.get(key)) and value != LOCATION_ID:
            tests.append(lambda row: False)  # there is one place, and everything is there
    if value := asked.get("search_text"):
        tests.append(contains(value.lower(), "name", "sku"))
    return tests


def _since(zoho: Zoho, text: str | None) -> int | None:
    if not text or zoho.modified_filter == "ignored":
        return None
    try:
        return int(dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())
    except ValueError:
        raise RefusedError(400, 2, "Invalid value passed for last_modified_time") from None
