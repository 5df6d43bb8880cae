"""settings/fields, settings/modules, org and users.

Sources: https://www.zoho.com/crm/developer/docs/api/v8/field-meta.html, …/modules-api.html,
…/get-org-data.html, …/get-users.html
"""

import datetime as dt
import zlib
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.crm.answers import answer, bad, empty, moment_header
from simulator.crm.crm import Crm
from simulator.crm.fields import FIELDS, Field
from simulator.crm.records import User

if TYPE_CHECKING:
    from simulator.zoho import Zoho

MODULE_ID = "4876876000000002177"
MODULE = {"api_name": "Accounts", "id": MODULE_ID}
PROFILE = {"name": "Administrator", "id": "4876876000000026011"}
ROLE = {"name": "CEO", "id": "4876876000000026005"}
SET_UP = 1_680_000_000  # when the organisation began


def fields(zoho: "Zoho", request: Request) -> Response:
    module = request.args.get("module")
    if not module:
        raise bad(
            "REQUIRED_PARAM_MISSING",
            "One of the expected parameter is missing",
            param_name="module",
        )
    if module != "Accounts":
        raise bad("INVALID_MODULE", "the module name given seems to be invalid")
    return answer({"fields": [field_row(zoho.crm, field) for field in FIELDS]})


def field(zoho: "Zoho", request: Request, field_id: str) -> Response:
    for known in FIELDS:
        if _id(known.api_name) == field_id:
            return answer({"fields": [field_row(zoho.crm, known)]})
    return empty(204)


def _id(name: str) -> str:
    return str(4_876_876_000_000_600_000 + zlib.crc32(name.encode()) % 100_000)


def field_row(crm: Crm, field: Field) -> dict[str, Any]:
    writable = not field.read_only
    row: dict[str, Any] = {
        "id": _id(field.api_name),
        "api_name": field.api_name,
        "field_label": field.label,
        "display_label": field.label,
        "data_type": field.data_type,
        "json_type": field.json_type,
        "length": field.length,
        "decimal_place": 2 if field.data_type in ("currency", "percent") else None,
        "system_mandatory": field.mandatory,
        "read_only": field.read_only,
        "field_read_only": field.read_only,
        "custom_field": field.custom,
        "visible": True,
        "virtual_field": False,
        "type": "used",
        "created_source": "default" if not field.custom else "crm",
        "display_type": -1,
        "ui_type": 1,
        "mass_update": writable,
        "filterable": True,
        "searchable": True,
        "sortable": True,
        "webhook": True,
        "businesscard_supported": True,
        "display_field": field.api_name == "Account_Name",
        "operation_type": {
            "web_update": writable,
            "api_create": writable,
            "web_create": writable,
            "api_update": writable,
        },
        "view_type": {"view": True, "edit": writable, "quick_create": False, "create": writable},
        "unique": {"casesensitive": "false"} if field.unique else {},
        "external": None,
        "private": None,
        "tooltip": None,
        "association_details": None,
        "colour_code_enabled_by_system": False,
        "convert_mapping": {},
        "email_parser": {"fields_update_supported": False, "record_operations_supported": False},
        "enable_colour_code": False,
        "history_tracking_enabled": False,
        "profiles": [{"permission_type": "read_write", **PROFILE}],
        "public": False,
        "range": None,
        "rollup_summary": _result(field, "rollup_summary"),
        "separator": False,
        "created_time": crm.view.moment(SET_UP) if field.custom else None,
        "modified_time": crm.view.moment(SET_UP) if field.custom else None,
        "pick_list_values": [
            _choice(field.api_name, index, value)
            for index, value in enumerate(crm.pick_lists.get(field.api_name, []))
        ],
        "pick_list_values_sorted_lexically": False,
        "lookup": _lookup(field) if field.data_type == "lookup" else {},
        "multi_module_lookup": {},
        "multiselectlookup": {},
        "formula": _result(field, "formula"),
        "auto_number": {},
        "currency": (
            {"rounding_option": "normal", "precision": 2} if field.data_type == "currency" else {}
        ),
    }
    if field.data_type == "textarea":
        row["textarea"] = {"type": "rich_text" if field.rich_text else "large"}
    if crm.omit_json_type:
        del row["json_type"]
    return row


def _result(field: Field, kind: str) -> dict[str, Any]:
    return {"return_type": field.result} if field.data_type == kind and field.result else {}


def _choice(name: str, index: int, value: str) -> dict[str, Any]:
    return {
        "display_value": value,
        "sequence_number": index + 1,
        "reference_value": value,
        "colour_code": "#E0E0E0",
        "actual_value": value,
        "id": _id(f"{name} {value}"),
        "type": "used",
    }


def _lookup(field: Field) -> dict[str, Any]:
    return {
        "display_label": "Member Accounts",
        "api_name": field.api_name,
        "query_details": {"system_query_id": None},
        "module": {**MODULE, "crypt": False},
        "id": _id(f"lookup {field.api_name}"),
        "revalidate_filter_during_edit": False,
    }


def modules(zoho: "Zoho", request: Request) -> Response:
    since = moment_header(request, "If-Modified-Since")
    if since is not None and since >= SET_UP:
        return empty(304)
    return answer({"modules": [_module(zoho)]})


def module(zoho: "Zoho", request: Request, name: str) -> Response:
    if name.lower() != "accounts" and name != MODULE_ID:
        raise bad("INVALID_MODULE", "the module name given seems to be invalid")
    return answer({"modules": [_module(zoho)]})


def _module(zoho: "Zoho") -> dict[str, Any]:
    return {
        "id": MODULE_ID,
        "api_name": "Accounts",
        "module_name": "Accounts",
        "singular_label": "Account",
        "plural_label": "Accounts",
        "generated_type": "default",
        "api_supported": True,
        "creatable": True,
        "editable": True,
        "deletable": True,
        "viewable": True,
        "visible": True,
        "status": "visible",
        "web_link": None,
        "modified_time": zoho.crm.view.moment(SET_UP),
        "modified_by": None,
        "profiles": [PROFILE],
        "sequence_number": 1,
    }


def org(zoho: "Zoho", request: Request) -> Response:
    crm = zoho.crm
    row = {
        "id": "4876876000000000001",
        "zgid": crm.zgid,
        "company_name": "Monsoon Solar Retail",
        "alias": None,
        "primary_email": "asha@monsoon.example",
        "type": crm.org_type,
        "time_zone": "Asia/Kolkata",
        "iso_code": "INR",
        "currency": "Indian Rupee - INR",
        "currency_symbol": "₹",
        "currency_locale": "en_IN",
        "country_code": "en_IN",
        "country": "India",
        "mc_status": True,
        "created_time": crm.view.moment(SET_UP),
        "license_details": {
            "paid_type": "enterprise",
            "paid": True,
            "users_license_purchased": len(crm.users),
            "trial_type": None,
            "trial_expiry": None,
            "portal_users_license_purchased": 0,
        },
    }
    return answer({"org": [row]})


# What `type` may be, beside those with a test in `users`.
ALL_USERS = ("AllUsers", "ActiveUsers", "ActiveConfirmedUsers", "ConfirmedUsers")
ADMINS = ("AdminUsers", "ActiveConfirmedAdmins")
NOBODY = ("DeactiveUsers", "NotConfirmedUsers", "DeletedUsers")


def users(zoho: "Zoho", request: Request) -> Response:
    crm = zoho.crm
    kind = request.args.get("type", "AllUsers")
    if kind in ("CurrentUser", *ADMINS):
        shown = [user for user in crm.users.values() if user.id == crm.user]
    elif kind in ALL_USERS:
        shown = list(crm.users.values())
    elif kind in NOBODY:
        return empty(204)
    else:
        raise bad("INVALID_REQUEST", "unable to process your request", param_name="type")
    rows = [_user(zoho, user) for user in shown]
    info = {"per_page": 200, "count": len(rows), "page": 1, "more_records": False}
    return answer({"users": rows, "info": info})


def user(zoho: "Zoho", request: Request, user_id: str) -> Response:
    found = zoho.crm.users.get(user_id)
    if found is None:
        return empty(204)
    return answer({"users": [_user(zoho, found)]})


def _user(zoho: "Zoho", found: User) -> dict[str, Any]:
    crm = zoho.crm
    now = dt.datetime.fromtimestamp(int(crm.clock()), crm.view.zone)
    offset = now.utcoffset()
    first, _, last = found.name.rpartition(" ")
    return {
        "id": found.id,
        "zuid": found.zuid,
        "full_name": found.name,
        "first_name": first,
        "last_name": last,
        "email": found.email,
        "role": ROLE,
        "profile": PROFILE,
        "status": "active",
        "confirm": True,
        "language": "en_US",
        "locale": "en_US",
        "country_locale": "en_US",
        "time_zone": crm.time_zone,
        "offset": int(offset.total_seconds() * 1000) if offset else 0,
        "created_time": crm.view.moment(SET_UP),
        "Modified_Time": crm.view.moment(SET_UP),
        "microsoft": False,
        "personal_account": False,
        "Isonline": False,
    }
