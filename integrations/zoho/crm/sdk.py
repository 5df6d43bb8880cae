"""Zoho CRM through Zoho's own Python SDK. The one module that knows it, and imports it late.

The SDK is fenced in on two sides. What it takes for `requests` hands each call to the product's
one transport: signed, budgeted, timed out, retried and logged like every other. And it asks Zoho
for no field metadata, so that it writes no file, takes no lock, and leaves values as JSON gave
them. Its token is ours, its store refuses everything, its log is silent, and it never changes the
data centre. Nothing of it leaves this module: plain dicts in, plain dicts and our errors out.

Why each of these is needed stands in docs/decisions/0012-the-sdk-behind-two-seams.md.
"""

import json
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from importlib import metadata
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import structlog

from integrations.zoho.errors import ZohoError, ZohoUnavailableError
from integrations.zoho.exchange import Answer, Request
from integrations.zoho.transport import Transport

log = structlog.get_logger(__name__)

PACKAGE, VERSION = "zohocrmsdk8-0", "7.0.0"
# What is replaced or relied on, as it stands in the files of VERSION.
_API = "zohocrmsdk/src/com/zoho/crm/api"
INTERNALS = {
    f"{_API}/util/api_http_connector.py": (
        "requests.get(url=self.url",
        "requests.put(url=self.url",
        "requests.post(url=self.url",
        "requests.delete(url=self.url",
    ),
    f"{_API}/util/utility.py": ("def get_fields(module_api_name, handler_instance=None)",),
    f"{_API}/util/json_converter.py": (
        "def __get_module_detail_from_user_spec_json(self, module)",
        "[self.get_response(response.json(), pack), response.json()]",
    ),
    f"{_API}/initializer.py": (
        "LOCAL = threading.local()",
        "def switch_user(environment=None, token=None, sdk_config=None, proxy=None)",
    ),
    "zohocrmsdk/src/com/zoho/api/authenticator/oauth_token.py": (
        "url_connection.add_header(Constants.AUTHORIZATION, "
        "Constants.OAUTH_HEADER_PREFIX + self.get_token())",
    ),
}


class SdkCannot(ZohoError):
    """The SDK does not offer this, or is not the one we know. Nothing was sent."""


def check_sdk() -> list[str]:
    """What is not as we know it, in words; [] when the SDK can be used.

    Looks at its files and loads nothing: importing it takes half a second and 30 MB.
    """
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        return [f"{PACKAGE} is not installed."]
    if package.version != VERSION:
        return [f"{PACKAGE} is {package.version}; this product is made for {VERSION}."]
    problems = []
    for path, texts in INTERNALS.items():
        try:
            source = str(package.locate_file(path))
            with open(source, encoding="utf-8") as file:
                content = file.read()
        except OSError:
            problems.append(f"{PACKAGE} has no file {path}.")
            continue
        problems += [f"{PACKAGE}: {path} has no longer: {t}" for t in texts if t not in content]
    return problems


# --- the SDK, started -------------------------------------------------------------------------

_lock = threading.Lock()
_sdk: SimpleNamespace | None = None


def _forget() -> None:
    """In a child of a fork: the parent's lock may be held by a thread that is not here."""
    global _lock, _sdk
    _lock, _sdk = threading.Lock(), None


os.register_at_fork(after_in_child=_forget)


def started() -> SimpleNamespace:
    """The SDK's classes, loaded and initialised once in this process, by its first operation."""
    global _sdk
    with _lock:
        if _sdk is None:
            if problems := check_sdk():
                raise SdkCannot(" ".join(problems))
            _sdk = _start()
        return _sdk


def _start() -> SimpleNamespace:
    # Its INFO lines hold search words, its errors the values it refused: we write our own log.
    logger = logging.getLogger("SDKLogger")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())

    from zohocrmsdk.src.com.zoho.api.authenticator.oauth_token import OAuthToken
    from zohocrmsdk.src.com.zoho.api.authenticator.store.token_store import TokenStore
    from zohocrmsdk.src.com.zoho.crm.api import (
        HeaderMap,
        Initializer,
        ParameterMap,
        SDKConfig,
        UserSignature,
        bulk_read,
        coql,
        fields,
        modules,
        record,
    )
    from zohocrmsdk.src.com.zoho.crm.api.dc.data_center import DataCenter
    from zohocrmsdk.src.com.zoho.crm.api.exception import SDKException
    from zohocrmsdk.src.com.zoho.crm.api.util import Choice, JSONConverter, Utility
    from zohocrmsdk.src.com.zoho.crm.api.util import api_http_connector as connector

    class ConnectionToken(OAuthToken):
        """Asks the product's token service; knows no secret, and keeps none."""

        def __init__(self) -> None:
            signature = UserSignature("zoho-sync")
            super().__init__(id="zoho-sync", user_signature=signature, find_user=False)

        def get_token(self) -> str:
            return _under_way.get().transport.tokens.current()

        def generate_token(self) -> None:
            """Nothing to do: `get_token` is asked before each call."""

        def remove(self) -> bool:
            return False

    class NoStore(TokenStore):
        """There is nothing to find and nothing to keep: tokens live in ZohoCredential."""

        def refuse(self, *_: Any) -> None:
            raise SDKException("NO STORE", "The SDK keeps no tokens here.")

        find_token = find_token_by_id = save_token = delete_token = refuse
        get_tokens = delete_tokens = refuse

    connector.requests = _Requests()
    Utility.get_fields = staticmethod(lambda module, handler=None: None)
    JSONConverter._JSONConverter__get_module_detail_from_user_spec_json = lambda self, module: {}
    config = SDKConfig(
        auto_refresh_fields=False,
        pick_list_validation=False,  # its list would be old; the caller checks against Zoho's
        update_api_domain=False,
        connect_timeout=30.0,  # of no effect: the transport's own hold for every verb
        read_timeout=60.0,
    )
    token = ConnectionToken()
    Initializer.initialize(
        environment=DataCenter.Environment("", "", ""),  # each operation brings its own
        token=token,
        store=NoStore(),
        sdk_config=config,
        resource_path=tempfile.gettempdir(),  # has to exist; nothing is written to it
    )
    return SimpleNamespace(
        Choice=Choice,
        Environment=DataCenter.Environment,
        HeaderMap=HeaderMap,
        Initializer=Initializer,
        ParameterMap=ParameterMap,
        SDKException=SDKException,
        bulk_read=bulk_read,
        config=config,
        coql=coql,
        fields=fields,
        modules=modules,
        record=record,
        token=token,
    )


# --- one operation ----------------------------------------------------------------------------


@dataclass
class _Operation:
    """What was asked of the SDK, and what its call brought."""

    transport: Transport
    request: Request
    answer: Answer | None = None
    failure: BaseException | None = None


_under_way: ContextVar[_Operation] = ContextVar("sdk_operation")


class _Requests:
    """Stands where the SDK keeps the module `requests`."""

    def __getattr__(self, verb: str) -> Callable[..., "_Response"]:
        if verb not in ("get", "put", "post", "patch", "delete"):
            raise AttributeError(verb)
        return partial(self._send, verb.upper())

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        data: Any = None,
        **_: Any,  # its time-outs, proxies and redirects: the transport has its own
    ) -> "_Response":
        operation = _under_way.get()
        # The transport signs, says what it accepts, and adds what was asked for besides.
        ours = {name: value for name, value in (headers or {}).items() if name == "X-ZOHO-SDK"}
        request = replace(
            operation.request,
            method=method,
            url=url,
            params=dict(params or {}),
            body=data or None,
            headers={**operation.request.headers, **ours},
        )
        try:
            operation.answer = operation.transport.ask(request)
        except BaseException as error:
            operation.failure = error
            raise
        return _Response(operation.answer, request)


@dataclass
class _Response:
    """As much of a `requests.Response` as the SDK reads."""

    answer: Answer
    request: Request
    headers: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.status_code = self.answer.status
        self.headers = self.answer.headers
        self.content = self.answer.content

    def json(self) -> Any:
        """Read once, by the transport. A list it kept in pieces is read again, for the SDK."""
        if not self.content:
            raise ValueError("no body")
        return json.loads(self.content) if self.request.listing else self.answer.body


class SdkTransport:
    """`ask` as the transport's, by way of the SDK's own operations."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def ask(self, request: Request) -> Answer:
        """Raises as `Transport.ask`, and SdkCannot for what the SDK does not offer."""
        sdk = started()
        operation = _Operation(self.transport, request)
        with _operating(sdk, operation):
            try:
                response = perform(sdk, request)
            except sdk.SDKException as error:
                if operation.failure is not None:
                    # The transport's own error, which the SDK has wrapped.
                    raise operation.failure from operation.failure.__cause__
                if operation.answer is None:
                    raise SdkCannot("Zoho's SDK cannot make this call.") from error
                log.warning("The SDK could not read an answer", path=request.path)
                response = None
        assert operation.answer is not None
        return unwrap(operation.answer, response, request)


@contextmanager
def _operating(sdk: SimpleNamespace, operation: _Operation) -> Iterator[None]:
    """This thread's SDK serves this operation, and afterwards nobody."""
    parts = urlsplit(operation.request.url)
    host = f"{parts.scheme}://{parts.netloc}"
    before = _under_way.set(operation)
    try:
        environment = sdk.Environment(host, f"{host}/oauth/v2/token", host)
        sdk.Initializer.switch_user(environment=environment, token=sdk.token, sdk_config=sdk.config)
        yield
    finally:
        sdk.Initializer.LOCAL.init = None
        _under_way.reset(before)


def unwrap(answer: Answer, response: Any, request: Request) -> Answer:
    """The answer, if the SDK found in it what it should have.

    No response, or one without an object, is how the SDK tells of an answer it could not read; it
    looks exactly like "nothing found". A write's receipt counts all the same: our own transport
    has read it and found it good.
    """
    understood = response is not None and (
        response.get_object() is not None or answer.status in (204, 304)
    )
    if not understood and not request.writes:
        raise ZohoUnavailableError("Zoho's SDK could not read Zoho's answer.", status=answer.status)
    if not understood or request.listing or request.into:
        return answer
    return replace(answer, body=response.get_response_json() or {})


# --- a request, as an operation of the SDK ----------------------------------------------------


def perform(sdk: SimpleNamespace, request: Request) -> Any:
    """Let the SDK make this call. Raises SdkCannot when it has no such operation."""
    path = request.path.split("/")
    body = _as_json(request.body)
    match request.method, *path:
        case "GET", "crm", "v8", "settings", "fields":
            return sdk.fields.FieldsOperations().get_fields(_params(sdk, request))
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
        case "GET", "crm", "v8", module, "search":
            return _records(sdk, module).search_records(_params(sdk, request))
        case "GET", "crm", "v8", module, "deleted":
            return _records(sdk, module).get_deleted_records(
                _params(sdk, request), _headers(sdk, request)
            )
        case "GET", "crm", "v8", module, "actions", "count":
            return _records(sdk, module).record_count(_params(sdk, request))
        case "GET", "crm", "v8", module:
            return _records(sdk, module).get_records(_params(sdk, request), _headers(sdk, request))
        case "GET", "crm", "v8", module, record_id:
            return _records(sdk, module).get_record(
                _id(record_id), _params(sdk, request), _headers(sdk, request)
            )
        case "PUT", "crm", "v8", module:
            return _records(sdk, module).update_records(_changes(sdk, body), _headers(sdk, request))
        case "PUT", "crm", "v8", module, record_id:
            return _records(sdk, module).update_record(
                _id(record_id), _changes(sdk, body), _headers(sdk, request)
            )
    raise SdkCannot("Zoho's SDK is not used for this call.")


def _records(sdk: SimpleNamespace, module: str) -> Any:
    return sdk.record.RecordOperations(module)


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
        raise SdkCannot("Zoho's SDK takes no such id.")
    return int(text)


def _as_json(body: Any) -> dict[str, Any]:
    if isinstance(body, bytes):
        body = json.loads(body, parse_float=Decimal)
    return _plain(body or {})


def _plain(value: Any) -> Any:
    """With numbers as the SDK can send them; SdkCannot where it would send another number."""
    if isinstance(value, Decimal):
        number = int(value) if value == value.to_integral_value() else float(value)
        if Decimal(str(number)) != value:
            raise SdkCannot("Zoho's SDK cannot send a number with so many digits.")
        return number
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _only(body: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    if unknown := body.keys() - set(names):
        raise SdkCannot(f"Zoho's SDK is not used with {', '.join(sorted(unknown))}.")
    return body


def _changes(sdk: SimpleNamespace, body: Mapping[str, Any]) -> Any:
    _only(body, "data", "trigger")
    wrapper = sdk.record.BodyWrapper()
    wrapper.set_data([_record(sdk, values) for values in body["data"]])
    if body.get("trigger") is not None:
        wrapper.set_trigger(body["trigger"])
    return wrapper


# Fields whose values the SDK insists on having in classes of its own.
_OF_ITS_OWN = {"Tag", "Created_Time", "Modified_Time", "Created_By", "Modified_By"}


def _record(sdk: SimpleNamespace, values: Mapping[str, Any]) -> Any:
    if refused := _OF_ITS_OWN & values.keys():
        raise SdkCannot(f"Zoho's SDK is not used to write {', '.join(sorted(refused))}.")
    record = sdk.record.Record()
    for name, value in values.items():
        if name == "id":
            record.set_id(_id(str(value)))
        else:
            # Whatever is in a Choice is sent as it is; bare lists and dicts are not always.
            record.add_key_value(name, None if value is None else sdk.Choice(value))
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
