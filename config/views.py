"""Pages that belong to no single app."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

# By status: title, what happened and what to do.
ERRORS = {
    400: (
        "This request could not be understood",
        "The address or the form holds something that cannot be used here, such as an unknown "
        "filter. Nothing was changed. Go back and try again without it.",
    ),
    403: (
        "You don't have permission to do this",
        "Nothing was changed. If you need it for your work, ask your administrator for the "
        "permission.",
    ),
    404: (
        "There is no such page",
        "The address may be mistyped, or what it showed is no longer there.",
    ),
    411: (
        "The size of this request is missing",
        "Requests must say how large they are (Content-Length). Nothing was read.",
    ),
    413: (
        "This request is too large",
        "Nothing of it was read. Sign in first, or send a smaller file.",
    ),
    429: (
        "Too many failed sign-ins",
        "Signing in is blocked for 15 minutes. If you have forgotten your password, ask your "
        "administrator for a new one.",
    ),
    500: (
        "Something went wrong here",
        "The page could not be made. Nothing that was synced is lost. Try again; if it stays like "
        "this, tell your administrator the number below.",
    ),
    503: (
        "This took too long",
        "The database was stopped because it needed too much time for this page. Nothing was "
        "changed. Narrow the list by a filter or a search and try again.",
    ),
}

FORM_EXPIRED = (
    "This form could not be accepted",
    "It is too old, or your browser did not send the cookie that goes with it. Nothing was "
    "changed. Go back, reload the page and send it again.",
)


def error_page(
    request: HttpRequest, status: int, said: tuple[str, str] | None = None
) -> HttpResponse:
    """What went wrong, in words, and the id under which the log tells more. Uses no database."""
    title, words = said or ERRORS[status]
    request_id = request.META.get("REQUEST_ID", "")
    context = {"title": title, "words": words, "request_id": request_id}
    return HttpResponse(render_to_string("error.html", context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 400)


def csrf_failure(request: HttpRequest, reason: str = "", **kwargs: Any) -> HttpResponse:
    return error_page(request, 403, FORM_EXPIRED)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return error_page(request, 404)


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: Any = None
) -> HttpResponse:
    answer = error_page(request, 429)
    answer.headers["Retry-After"] = str(int(settings.AXES_COOLOFF_TIME.total_seconds()))
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(request, 500)
