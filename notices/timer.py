"""The clock of the checks is in each worker, so that beat may be dead and is found out.

It only sends a message. The look itself is a task like any other, done in a process of the pool:
here, in the parent, a database connection would be inherited by every process forked later.

Source: https://docs.celeryq.dev/en/stable/userguide/extending.html
"""

from typing import Any

import structlog
from celery import bootsteps
from celery.result import denied_join_result
from django.conf import settings
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


class CheckTimer(bootsteps.StartStopStep):
    """Sends a check when the worker starts, and each minute from then on."""

    requires = frozenset({"celery.worker.components:Timer"})

    def __init__(self, parent: object, **kwargs: object) -> None:
        super().__init__(parent, **kwargs)
        self.entry = None

    def start(self, parent: object) -> None:
        worker: Any = parent
        if settings.NOTICE_CHECK_EVERY:
            worker.timer.call_after(0, send_check, (worker.app,))
            self.entry = worker.timer.call_repeatedly(
                settings.NOTICE_CHECK_EVERY, send_check, (worker.app,)
            )

    def stop(self, parent: object) -> None:
        if self.entry:
            self.entry.cancel()
            self.entry = None

    terminate = stop


def send_check(app: Any) -> None:
    """Nobody may have time for it before the next is due; then it is worth nothing any more."""
    try:
        with denied_join_result():
            app.send_task("notices.tasks.check", expires=60, ignore_result=True, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("No check could be sent", error=type(error).__name__)
