"""Carry a run: take it, do the work, write the ending, whatever it is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from integrations.zoho.errors import TryAgain, ZohoDatabaseError, ZohoError
from sync.models import LeaseLostError, SyncRun

log = structlog.get_logger(__name__)

Work = Callable[[SyncRun], None]


def carry_out(run: SyncRun, work: Work) -> SyncRun:
    """Do `work` for this run once, as far as it goes, and return the run as it stands then.

    It may end succeeded, failed, or waiting with `resume_at` set. When another worker has the
    run, or it has ended already, nothing is done. Raises only what nobody foresaw, after the run
    has been marked failed.
    """
    if not run.start():
        log.info("Nothing to do: the run is not there to take", run=run.pk, state=run.state)
        return run
    log.info("Starting sync…", run=run.pk, kind=run.kind, mode=run.mode, page=run.pages + 1)
    try:
        with heartbeat(run):
            work(run)
        run.finish()
    except LeaseLostError:
        run.refresh_from_db()
        log.warning("The run is no longer this worker's; it stops", run=run.pk, state=run.state)
    except SoftTimeLimitExceeded:
        _make_way(run)
    except TryAgain as error:
        _wait_or_fail(run, error)
    except (DatabaseError, ZohoDatabaseError):
        # The database may be away altogether. If so, the silent heartbeat tells, and the run is
        # taken up again from its checkpoint.
        log.exception("The database failed during a sync", run=run.pk)
        _try_to_wait(run)
        raise
    except ZohoError as error:
        run.fail(error.message, codes=error.codes)
        log.error("Sync failed", run=run.pk, reason=error.message, codes=error.codes)
    except Exception as error:
        run.fail(
            f"An error in the program stopped this run; {run.kept()}. The details are in the log, "
            f"under {type(error).__name__} of run {run.pk}."
        )
        log.exception("Sync failed", run=run.pk)
        raise
    else:
        for counted in ("Created", "Updated", "Unchanged", "Failed", "Retired", "Revived"):
            log.info("%s %s", counted, getattr(run, counted.lower()), run=run.pk)
        log.info("Sync complete", run=run.pk, seconds=round(run.duration_seconds(), 1))
    return run


def _make_way(run: SyncRun) -> None:
    """A long run gives its worker to others now and then, and queues up again behind them."""
    log.info("The run makes way for other work", run=run.pk, page=run.pages)
    run.refresh_from_db()  # what was being saved when the time was over has been rolled back
    with suppress(LeaseLostError):
        run.wait("Makes way for other work, and goes on by itself.", seconds=0, counts=False)


def _wait_or_fail(run: SyncRun, error: TryAgain) -> None:
    # What is meant to take time is waited for as often as it takes; trouble is bounded.
    counts = not error.is_planned
    if counts and run.retries >= settings.SYNC_RETRIES:
        run.fail(
            f"{error.message} Given up after {run.retries + 1} tries; {run.kept()}.",
            codes=error.codes,
        )
        log.error("Sync failed", run=run.pk, reason=error.message, codes=error.codes)
        return
    seconds = error.retry_after or 0
    if counts:
        seconds = max(seconds, settings.SYNC_RETRY_DELAY)
    with suppress(LeaseLostError):
        run.wait(error.message, seconds=seconds, counts=counts, codes=error.codes)
    log.warning(
        "Sync waits", run=run.pk, reason=error.message, codes=error.codes, seconds=round(seconds)
    )


def _try_to_wait(run: SyncRun) -> None:
    try:
        if run.retries < settings.SYNC_RETRIES:
            run.wait(
                "The database failed for a moment.",
                seconds=settings.SYNC_RETRY_DELAY,
                counts=True,
            )
        else:
            run.fail(f"The database failed again and again; {run.kept()}.")
    except (DatabaseError, LeaseLostError):
        connection.close_if_unusable_or_obsolete()


@contextmanager
def heartbeat(run: SyncRun) -> Iterator[None]:
    """Let the run's row show that its worker lives, also while a single call takes long."""
    every = settings.SYNC_SILENCE / 5
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(every):
                try:
                    SyncRun.objects.filter(pk=run.pk, lease=run.lease).update(
                        heartbeat_at=timezone.now()
                    )
                except DatabaseError:
                    log.warning("The heartbeat could not be written", run=run.pk)
                    connection.close_if_unusable_or_obsolete()
        finally:
            connections.close_all()

    thread = threading.Thread(target=beat, name=f"heartbeat-{run.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
