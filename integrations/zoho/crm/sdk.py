"""Zoho CRM through Zoho's own Python SDK. The one module that knows it, and imports it late.

The SDK is fenced in on two sides. What it takes for `requests` hands each call to the product's
one transport: signed, budgeted, timed out, retried and logged like every other. And where it looks
for field metadata it finds ours, so that it writes no file, takes no lock, and leaves values as
JSON gave them. Its token is ours, its store refuses everything, its log is silent, and it never
changes the data centre. Nothing of it leaves here: plain dicts in, plain dicts and our errors out.

Why each of these is needed stands in docs/decisions/0013-the-sdk-behind-two-seams.md.
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
from functools import partial
from importlib import metadata
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import structlog

from integrations.models import ZohoCredential, ZohoUsage
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.crm.sdk_calls import PLAIN_FIELDS, SdkUnsupportedError, perform
from integrations.zoho.errors import TryAgain, ZohoUnavailableError
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
                raise SdkUnsupportedError(" ".join(problems))
            _sdk = _start()
        return _sdk


def _start() -> SimpleNamespace:
    # Its INFO lines hold search words, its errors the values it refused: we write our own log.
    logging.getLogger("SDKLogger").addFilter(lambda line: False)

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
        org,
        record,
        users,
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
            operation = _under_way.get()
            try:
                return operation.transport.tokens.current()
            except BaseException as error:
                operation.failure = error
                raise

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
    JSONConverter._JSONConverter__get_module_detail_from_user_spec_json = lambda self, module: dict(
        PLAIN_FIELDS
    )
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
        org=org,
        record=record,
        token=token,
        users=users,
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
        """Raises as `Transport.ask`, and SdkUnsupportedError for what the SDK does not offer."""
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
                    raise SdkUnsupportedError("Zoho's SDK cannot make this call.") from error
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


class SdkCrm(RestCrm):
    """What RestCrm does, each call by way of the SDK."""

    tier = "sdk"

    def __init__(self, credential: ZohoCredential, transport: Transport) -> None:
        super().__init__(credential, cast(Transport, SdkTransport(transport)))


class ZohoSDKClient(SdkCrm):
    """Zoho CRM's Accounts through the official SDK, for the stored connection.

    Takes the credential, not a database's address: tokens live in Django's database, whichever it
    is. What may pass is repeated up to three times, after about 1, 2 and 4 seconds (retry.py).
    """

    def __init__(
        self,
        credential: ZohoCredential,
        purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON,
        tell: Callable[[TryAgain], None] = lambda error: None,
    ) -> None:
        super().__init__(credential, RestCrm.from_database(purpose, tell).transport)
