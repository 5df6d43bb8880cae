"""Look what is wrong, compare it with what is known, and tell.

Each check starts from the state of the world, not from an event: one that is lost does no harm, and
the next finds what it missed. Workers send it by their own timers (`timer.py`).
"""

import datetime as dt

from django.conf import settings
from django.utils import timezone

from notices import mail, stock
from notices.conditions import conditions, is_being_mended, no_worker_since, when
from notices.kinds import Condition, Kind
from notices.models import Notice, Pulse


def check() -> bool:
    """One look, unless another worker has just had one: was it made?"""
    now = timezone.now()
    last, is_new = Pulse.objects.get_or_create(pk=Pulse.WORKER)
    if not is_new and now - last.at < dt.timedelta(seconds=settings.NOTICE_CHECK_EVERY / 2):
        return False
    away_since = no_worker_since(now)
    if not last.beat():
        return False
    if away_since:
        tell_of_absence(away_since)
    compare()
    stock.look()
    mail.tell()
    return True


def tell_of_absence(since: dt.datetime) -> None:
    """That no worker lived can be written only by one that does: when it is over."""
    Notice.open(
        Condition(
            Kind.WORKER_DEAD,
            "",
            "Syncs were not carried out: nothing was heard of the background service for that "
            f"(Celery worker) from {when(since)} on. It is back; what was asked for meanwhile is "
            "done now.",
        ),
        opened_at=since,
        closed_at=timezone.now(),
    )


def compare() -> None:
    """Open a notice of what is new and stays so, close those of what is over."""
    found = {(condition.kind, condition.subject): condition for condition in conditions()}
    known = {
        (notice.kind, notice.subject): notice
        for notice in Notice.objects.filter(closed_at=None).exclude(kind=Kind.LOW_STOCK)
    }
    for key in known.keys() - found.keys():
        known[key].close()
    for key, condition in found.items():
        if key in known:
            known[key].say(condition)
        elif not is_being_mended(condition):
            Notice.open(condition)
