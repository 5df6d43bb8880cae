"""A call to Zoho CRM, as an operation of Zoho's SDK.

`sdk` is what `sdk.started` returns: the SDK's classes by name. Nothing is imported from it here.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from integrations.zoho.crm.interface import MODULE
from integrations.zoho.errors import ZohoError
from integrations.zoho.exchange import Request


class SdkUnsupportedError(ZohoError):
    """The SDK does not offer this, or is not the one we know. Nothing was sent."""


def perform(sdk: SimpleNamespace, request: Request) -> Any:
    """Let the SDK make this call. Raises SdkUnsupportedError when it has no such operation."""
    path = request.path.split("/")
    body = _as_json(request.body)
    accounts = sdk.record.RecordOperations(MODULE)
    match request.method, *path:
        case "GET", "crm", "v8", "settings", "fields":
            return sdk.fields.FieldsOperations().get_fields(_params(sdk, request))
        case "GET", "crm", "v8", "users":
            return sdk.users.UsersOperations().get_users(_params(sdk, request))
        case "GET", "crm", "v8", "org":
            return sdk.org.OrgOperations().get_organization()
        case "POST", "crm", "v8", "coql":
            query = sdk.coql.BodyWrapper()
            query.set_select_query(_only(body, "select_query")["select_query"])
            return sdk.coql.CoqlOperations().get_records(query)
        case "POST", "crm", "bulk", "v8", "read":
            return sdk.bulk_read.BulkReadOperations().create_bulk_read_job(_bulk(sdk, body))
        case "GET", "crm", "bulk", "v8", "read", job:
            return sdk.bulk_read.BulkReadOperations().get_bulk_read_job_details(_id(job))
        case "GET", "crm", "bulk", "v8", "read", job, "result":
            return sdk.bulk_read.BulkReadOperations().download_result(_id(job))
        case "GET", "crm", "v8", "Accounts", "search":
            return accounts.search_records(_params(sdk, request))
        case "GET", "crm", "v8", "Accounts", "deleted":
            return accounts.get_deleted_records(_params(sdk, request), _headers(sdk, request))
        case "GET", "crm", "v8", "Accounts", "actions", "count":
            return accounts.record_count(_params(sdk, request))
        case "GET", "crm", "v8", "Accounts":
            return accounts.get_records(_params(sdk, request), _headers(sdk, request))
        case "GET", "crm", "v8", "Accounts", record_id:
            return accounts.get_record(
                _id(record_id), _params(sdk, request), _headers(sdk, request)
            )
        case "PUT", "crm", "v8", "Accounts":
            return accounts.update_records(_changes(sdk, body), _headers(sdk, request))
        case "PUT", "crm", "v8", "Accounts", record_id:
            return accounts.update_record(
                _id(record_id), _changes(sdk, body), _headers(sdk, request)
            )
    raise SdkUnsupportedError("Zoho's SDK is not used for this call.")


def _params(sdk: SimpleNamespace, request: Request) -> Any:
    """As text: the SDK would send a moment in this machine's own zone."""
    params = sdk.ParameterMap()
    sent = {name: str(value) for name, value in request.params.items() if value is not None}
    params.request_parameters.update(sent)
    return params


def _headers(sdk: SimpleNamespace, request: Request) -> Any:
    headers = sdk.HeaderMap()
    headers.request_headers.update(request.headers)
    return headers


def _id(text: str) -> int:
    if not text.isdecimal():
        raise SdkUnsupportedError("Zoho's SDK takes no such id.")
    return int(text)


def _as_json(body: Any) -> dict[str, Any]:
    if isinstance(body, bytes):
        body = json.loads(body, parse_float=Decimal)
    return _plain(body or {})


def _plain(value: Any) -> Any:
    """With numbers as the SDK can send them. Raises SdkUnsupportedError where it would send another
    number."""
    if isinstance(value, Decimal):
        number = int(value) if value == value.to_integral_value() else float(value)
        if Decimal(str(number)) != value:
            raise SdkUnsupportedError("Zoho's SDK cannot send a number with so many digits.")
        return number
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _only(body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    if unknown := body.keys() - set(names):
        raise SdkUnsupportedError(f"Zoho's SDK is not used with {', '.join(sorted(unknown))}.")
    return body


def _changes(sdk: SimpleNamespace, body: Mapping[str, Any]) -> Any:
    _only(body, "data", "trigger", "skip_feature_execution")
    wrapper = sdk.record.BodyWrapper()
    wrapper.set_data([_record(sdk, values) for values in body["data"]])
    if body.get("trigger") is not None:
        wrapper.set_trigger(body["trigger"])
    if skipped := body.get("skip_feature_execution"):
        wrapper.set_skip_feature_execution([_feature(sdk, one) for one in skipped])
    return wrapper


def _feature(sdk: SimpleNamespace, named: Mapping[str, Any]) -> Any:
    feature = sdk.record.SkipFeatureExecution()
    feature.set_name(_only(named, "name")["name"])
    return feature


# Fields for which the SDK has classes of its own. Told that they are plain, it takes and gives what
# JSON has. It would otherwise spend half of its time on them, and give dates in this host's zone.
PLAIN_FIELDS = {
    name: {"name": name, "type": "Object"}
    for name in ("id", "Tag", "Created_Time", "Modified_Time", "Created_By", "Modified_By")
}


def _record(sdk: SimpleNamespace, values: Mapping[str, Any]) -> Any:
    record = sdk.record.Record()
    for name, value in values.items():
        if name == "id":
            record.set_id(_id(str(value)))
        elif name in PLAIN_FIELDS or value is None:
            record.add_key_value(name, value)
        else:
            # Whatever is in a Choice is sent as it is; bare lists and dicts are not always.
            record.add_key_value(name, sdk.Choice(value))
    return record


def _bulk(sdk: SimpleNamespace, body: Mapping[str, Any]) -> Any:
    _only(body, "query", "file_type")
    asked = _only(body["query"], "module", "fields", "page", "page_token", "criteria", "cvid")
    query = sdk.bulk_read.Query()
    if module := asked.get("module"):
        minified = sdk.modules.MinifiedModule()
        minified.set_api_name(_only(module, "api_name")["api_name"])
        query.set_module(minified)
    if "fields" in asked:
        query.set_fields(list(asked["fields"]))
    if "page" in asked:
        query.set_page(int(asked["page"]))
    if "page_token" in asked:
        query.set_page_token(asked["page_token"])
    if "cvid" in asked:
        query.set_cvid(_id(str(asked["cvid"])))
    if "criteria" in asked:
        query.set_criteria(_criteria(sdk, asked["criteria"]))
    wrapper = sdk.bulk_read.BodyWrapper()
    wrapper.set_query(query)
    if "file_type" in body:
        wrapper.set_file_type(body["file_type"])
    return wrapper


def _criteria(sdk: SimpleNamespace, asked: Mapping[str, Any]) -> Any:
    _only(asked, "field", "comparator", "value", "group_operator", "group")
    criteria = sdk.bulk_read.Criteria()
    if "group" in asked:
        criteria.set_group_operator(sdk.Choice(asked["group_operator"]))
        criteria.set_group([_criteria(sdk, part) for part in asked["group"]])
        return criteria
    named = sdk.fields.MinifiedField()
    named.set_api_name(_only(asked["field"], "api_name")["api_name"])
    criteria.set_field(named)
    criteria.set_comparator(sdk.Choice(asked["comparator"]))
    criteria.set_value(asked["value"])
    return criteria
