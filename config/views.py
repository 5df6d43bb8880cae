"""Pages that belong to no single app."""

from django.http import HttpRequest, HttpResponseServerError
from django.template.loader import render_to_string


def server_error(request: HttpRequest) -> HttpResponseServerError:
    """Says that something broke, and under which id the log tells what. Uses no database."""
    context = {"request_id": request.META.get("REQUEST_ID", "")}
    return HttpResponseServerError(render_to_string("500.html", context))
