"""Input that makes no sense is the sender's mistake (400), never ours (500)."""

from collections.abc import Callable
from types import TracebackType
from urllib.parse import unquote_to_bytes

import structlog
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.loader import render_to_string
from django.template.response import SimpleTemplateResponse

log = structlog.get_logger(__name__)

# Where Django's admin turns what came with a request into lookups.
ADMIN = ("admin/views/main.py", "admin/options.py")
DATABASE = "/django/db/"


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What to do about it, and no detail. Uses no database."""
    context = {"request_id": request.META.get("REQUEST_ID", "")}
    return HttpResponseBadRequest(render_to_string("400.html", context))


class OddInputMiddleware:
    """Answers 400 where a parameter, an address or a body cannot be what it stands for.

    Only what input alone can cause: NUL in an address; a value that the database refuses as such
    (DataError); what is raised while the admin makes a lookup of a parameter. Any other error of
    the program stays one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address = unquote_to_bytes(request.META.get("QUERY_STRING", ""))
        if b"\0" in address or "\0" in request.path_info:
            return bad_request(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        odd = isinstance(error, (DataError, IncorrectLookupParameters)) or (
            isinstance(error, (ValueError, LookupError, TypeError, OverflowError))
            and _in_a_lookup(error.__traceback__)
        )
        if not odd:
            return None
        log.info("A request made no sense", path=request.path, error=type(error).__name__)
        return bad_request(request)

    def process_template_response(
        self, request: HttpRequest, response: SimpleTemplateResponse
    ) -> SimpleTemplateResponse | HttpResponse:
        # The admin's own answer, which Jazzmin's templates cannot render.
        if response.template_name == "admin/invalid_setup.html":
            response = SimpleTemplateResponse(
                "400.html", {"request_id": request.META.get("REQUEST_ID", "")}, status=400
            )
        return response


def _in_a_lookup(trace: TracebackType | None) -> bool:
    """Whether Django's database layer raised it, asked by the admin."""
    files = []
    while trace:
        files.append(trace.tb_frame.f_code.co_filename)
        trace = trace.tb_next
    return DATABASE in files[-1] and any(file.endswith(ADMIN) for file in files)
