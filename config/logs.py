"""Where log lines go, how they look, and what never appears in them.

`logs/django.log` and `logs/celery.log` hold one JSON object a line and rotate at 10 MB; the
console (stderr) shows the same lines for reading. Every line passes `redact` after it has been
rendered, so tracebacks are covered too.
"""

import logging
import logging.config
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from concurrent_log_handler import ConcurrentRotatingFileHandler
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse

from backoffice.redaction import redact

SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Render a record, traceback included, then take the secrets out of the text."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def json_formatter() -> logging.Formatter:
    return RedactingFormatter(
        foreign_pre_chain=SHARED_PROCESSORS,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )


def console_formatter() -> logging.Formatter:
    return RedactingFormatter(
        foreign_pre_chain=SHARED_PROCESSORS,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Plain tracebacks: fancier ones print local variables, and with them secrets.
            structlog.dev.ConsoleRenderer(
                colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
    )


class Quiet:
    """Says in one line a minute that a line could not be written, and not which one: Python's own
    report holds the line with its traceback, past the redaction."""

    SAY_AGAIN_AFTER = 60.0  # seconds

    said_at = float("-inf")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as logging calls it
        if time.monotonic() - self.said_at < self.SAY_AGAIN_AFTER:
            return
        self.said_at = time.monotonic()
        reason = type(sys.exc_info()[1]).__name__
        where = getattr(self, "baseFilename", "the console")
        with suppress(OSError, ValueError):
            sys.stderr.write(f"A log line could not be written to {where} ({reason}).\n")


class LogFile(Quiet, ConcurrentRotatingFileHandler):
    """Rotates at 10 MB, for the processes that share it."""


class Console(Quiet, logging.StreamHandler):
    """stderr."""


def logging_config(directory: Path, level: str, console_level: str) -> dict[str, Any]:
    def rotating(name: str) -> dict[str, Any]:
        return {
            # Web server, worker and beat write the same files, so rotation needs a lock.
            "()": LogFile,
            "filename": str(directory / name),
            "maxBytes": 10 * 1024 * 1024,
            "backupCount": 5,
            "encoding": "utf-8",
            "chmod": 0o640,
            "formatter": "json",
        }

    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": json_formatter},
            "console": {"()": console_formatter},
        },
        "handlers": {
            "console": {
                "()": Console,
                "formatter": "console",
                "level": console_level,
            },
            "django_file": rotating("django.log"),
            "celery_file": rotating("celery.log"),
        },
        "root": {"handlers": ["console", "django_file"], "level": level},
        "loggers": {
            # At DEBUG it writes down whole addresses, search words and all.
            "urllib3": {"level": "WARNING"},
            # The audit log has failed sign-ins; strangers could fill this one with them.
            "axes": {"level": "ERROR"},
            # They say of each task what config.celery says in one line with its duration.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery": {
                "handlers": ["console", "celery_file"],
                "level": level,
                "propagate": False,
            },
        },
    }


def configure(config: dict[str, Any]) -> None:
    directory = Path(config["handlers"]["django_file"]["filename"]).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        logging.config.dictConfig(config)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"The log folder {directory} cannot be written to: set LOG_DIR to one that can."
        ) from error
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *SHARED_PROCESSORS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class RequestIdMiddleware:
    """Give each web request an id: in every log line it causes, and on its error page.

    A person who meets an error reads out the id; the detail stays in the log.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex[:12]
        request.META["REQUEST_ID"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response
