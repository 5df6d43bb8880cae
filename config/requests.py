"""What every web request passes before a view sees it, and how long its SQL may take."""

from collections.abc import Callable, Iterator
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.db import DataError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.utils.http import parse_header_parameters

from config.views import error_page
from crm_accounts.write_back.file import MAX_BYTES

log = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# Bytes. No form that works without signing in needs more; a file that is too large by a little
# still gets the upload page's own words.
MAX_ANONYMOUS_BODY = 256 * 1024
MAX_BODY = MAX_BYTES + 1024 * 1024

QUERY_CANCELED = "57014"
# Sent where the transaction may be broken already, when no other statement is allowed.
SAVEPOINTS = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")


class Request(WSGIRequest):
    """Read as UTF-8 whatever a client says. Django would begin to decode by any codec that is
    named, also one that yields no text, before there is a middleware to answer for it."""

    def _set_content_type_params(self, meta: Any) -> None:
        try:
            found = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (ValueError, LookupError):
            found = "", {"charset": "unknown"}
        self.content_type, self.content_params = found


class RequestChecks:
    """Refuse what no view can use, before anything of it is kept: bodies that are too large,
    encodings other than UTF-8, and text that PostgreSQL cannot store.

    Stands before CsrfViewMiddleware, whose `process_view` reads the body.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Without a length, Django reads nothing; saying so is better than an empty form.
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            return error_page(request, 411)
        if _length(request) > MAX_BODY:
            return error_page(request, 413)
        charset = (request.content_params or {}).get("charset") or "utf-8"
        if charset.lower() not in ("utf-8", "utf8"):
            raise BadRequest("A request that is not in UTF-8.")
        _check(request.path_info)
        _check(*request.COOKIES.values())
        _check(*_texts(request.GET))
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *args: Any) -> HttpResponse | None:
        if _length(request) > MAX_ANONYMOUS_BODY and not request.user.is_authenticated:
            return error_page(request, 413)
        try:
            _check(*_texts(request.POST))
            for files in request.FILES.values():
                _check(str(getattr(files, "name", "")))
        except UnreadablePostError:
            pass  # the client has gone
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A value that only the database finds out about is the sender's mistake too."""
        if not isinstance(error, DataError):
            return None
        # Not the error itself: it quotes the value.
        log.warning("The database refused a value", path=request.path)
        return error_page(request, 400)


def _length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not str(length).isdecimal() or len(str(length)) > 18:
        raise BadRequest("A length that is no number.")
    return int(length)


def _texts(values: Any) -> Iterator[str]:
    for name, texts in values.lists():
        yield name
        yield from texts


def _check(*texts: str) -> None:
    """Raises BadRequest for text that no text column of PostgreSQL can hold."""
    for text in texts:
        if "\0" in text:
            raise BadRequest("Text with a NUL character.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadRequest("Text with half a character.") from None


class StatementTimeout:
    """Cut off each SQL statement of a web request after WEB_STATEMENT_TIMEOUT seconds, on
    PostgreSQL. Workers and commands take the time they need.

    The limit travels with each statement and ends with its transaction, so that a pooler can hand
    the session to somebody else at any time.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.WEB_STATEMENT_TIMEOUT or connection.vendor != "postgresql":
            return self.get_response(request)
        with connection.execute_wrapper(bounded):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        code = getattr(error.__cause__, "pgcode", None)
        if isinstance(error, OperationalError) and code == QUERY_CANCELED:
            return error_page(request, 503)
        return None


def bounded(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Two statements sent as one: PostgreSQL makes one transaction of them."""
    is_cursor = bool(getattr(context["cursor"], "name", None))  # its query becomes a DECLARE
    if is_cursor or not isinstance(sql, str) or sql.startswith(SAVEPOINTS):
        return execute(sql, params, many, context)
    limit = f"SET LOCAL statement_timeout = '{settings.WEB_STATEMENT_TIMEOUT}s'; "
    return execute(limit + sql, params, many, context)
