"""The person on whose request the code runs, for what signals and deep code put on record."""

from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

current_request: ContextVar[HttpRequest | None] = ContextVar("current_request", default=None)


def acting_user() -> Any:
    """The user who is signed in to the request under way; None in workers, commands and shells,
    and before sign-in."""
    user = getattr(current_request.get(), "user", None)
    return user if user is not None and user.is_authenticated else None
