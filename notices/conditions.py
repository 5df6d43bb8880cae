"""What is wrong right now: read from the database and nowhere remembered.

Whoever asks twice gets the same answer twice. What became of it, and who was told, is `watch.py`'s.
Low stock is not here: it is no state but news, which a sync brings (`stock.py`).
"""

import datetime as dt
from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django_celery_beat.models import PeriodicTask

from crm_accounts.models import ChangeRequest, RequestedChange
from integrations.models import ZohoCredential
from notices.kinds import WAKE_OFF, Condition, Kind
from notices.models import Pulse
from sync.mirror import mirrored_models
from sync.models import SyncRun
from sync.schedule import WAKE, beat_silent_since

# A worker reports each minute.
WORKER_SILENCE = dt.timedelta(minutes=5)
LATEST_RUNS = 20
MOST_CHANGES = 50
# That a change perhaps arrived is told for so long; somebody has looked at it by then.
TOLD_FOR = dt.timedelta(days=3)
# What the subject of stock that is too old ends with; without it, it is about items.
FULL_ONLY = ", full"
FULL, CHANGED = SyncRun.Mode.FULL, SyncRun.Mode.CHANGED
COMPLETE, FAILED = SyncRun.COMPLETE, SyncRun.State.FAILED


def conditions() -> list[Condition]:
    """All of them, the gravest first."""
    found = [*connection(), *worker(), *not_started(), *schedule(), *changes()]
    for model in mirrored_models():
        found += mirror(model._meta.label_lower)
    weight = list(Kind)
    return sorted(found, key=lambda condition: weight.index(condition.kind))


def connection() -> Iterator[Condition]:
    """Refused by Zoho, or taken away here from who had it: either way nothing comes any more."""
    credential = ZohoCredential.objects.first()
    if credential is None:
        return
    if problem := credential.problem():
        words = problem
    elif not credential.refresh_token and SyncRun.objects.filter(state__in=COMPLETE).exists():
        words = "Zoho is disconnected. Nothing is synced until somebody connects it again."
    else:
        return
    url = reverse("oauth:start")
    yield Condition(Kind.RECONNECT, "", f"{words} Everything already synced is kept.", url)


def mirror(kind: str, now: dt.datetime | None = None) -> Iterator[Condition]:
    """How its last sync ended, whether one waits for a person, and how old its data is.

    Of the runs that came to an end by themselves, the newest counts, and the newest full one: what
    a full run failed to do, no run of changes does. One that was cancelled tells nothing of Zoho,
    nor does one of selected records of all the others.
    """
    now = now or timezone.now()
    newest = ended(kind, FULL, CHANGED)
    if newest is None:
        return
    full = newest if newest.mode == FULL else ended(kind, FULL)
    failed = next((run for run in (newest, full) if run and run.state == FAILED), None)
    if failed:
        words = f"{failed} failed: {failed.message} Nothing that was here is lost."
        yield Condition(Kind.SYNC_FAILED, kind, words, _run_url(failed))
    if newest.state == FAILED:
        newest = SyncRun.last_complete(kind, FULL, CHANGED)
    if full and full.state == FAILED:
        full = SyncRun.last_complete(kind, FULL)
    if newest and full:
        yield from to_confirm(full)
        yield from age(newest, full, now)


def ended(kind: str, *modes: SyncRun.Mode) -> SyncRun | None:
    runs = SyncRun.objects.filter(kind=kind, mode__in=modes, dry_run=False)
    return runs.filter(state__in=(*COMPLETE, FAILED)).first()


def to_confirm(full: SyncRun) -> Iterator[Condition]:
    """Each full run settles what an older one wanted confirmed."""
    if full.state == SyncRun.State.UNCONFIRMED:
        yield Condition(Kind.UNCONFIRMED, full.kind, full.message, _run_url(full))


def age(newest: SyncRun, full: SyncRun, now: dt.datetime) -> Iterator[Condition]:
    """Against what is promised, once there has been a first complete sync.

    Data are as old as the beginning of the run that read them.
    """
    name, runs = full.kind_name(), reverse("admin:sync_syncrun_changelist")
    since, promised = _began(newest), settings.SYNC_FRESH_HOURS
    if promised and now - since > dt.timedelta(hours=promised):
        yield Condition(
            Kind.STALE,
            full.kind,
            f"{name}: what is here is as of {when(since)}, older than the {hours(promised)} that "
            "are promised. It is kept; Zoho may say something else by now.",
            runs,
        )
    since, promised = _began(full), settings.SYNC_FULL_FRESH_HOURS
    if promised and now - since > dt.timedelta(hours=promised):
        yield Condition(
            Kind.STALE,
            f"{full.kind}{FULL_ONLY}",
            f"{name}: {apps.get_model(full.kind).FULL_RUNS_SEE} are as of {when(since)}, when the "
            f"last complete full sync began: older than the {hours(promised)} that are promised. "
            "What is here is kept.",
            runs,
        )


def changes() -> Iterator[Condition]:
    """Of accounts in Zoho: what waits for an approval, and what did not arrive."""
    asked = ChangeRequest.objects.select_related("asked_by", "run")
    state = ChangeRequest.State
    pending = asked.filter(state=state.PENDING, expires_at__gt=timezone.now())
    ready = Count("changes", filter=Q(changes__state=RequestedChange.State.READY))
    for one in pending.annotate(accounts=ready).order_by("id")[:MOST_CHANGES]:
        who, accounts = one.asked_by or "Somebody", f"{one.accounts:,} account"
        plural = "" if one.accounts == 1 else "s"
        words = f"{who} asks to change {accounts}{plural} in Zoho: {one}."
        yield Condition(Kind.APPROVAL, str(one.pk), words, one.get_absolute_url())
    stuck = Q(state__in=(state.APPROVED, state.CONFLICT))
    lately = Q(run__finished_at__gt=timezone.now() - TOLD_FOR)
    doubtful = Q(state=state.DONE, changes__state__in=RequestedChange.FAILED) & lately
    unsent = asked.filter(stuck | doubtful).exclude(run__state__in=SyncRun.ACTIVE).distinct()
    for one in unsent.order_by("id")[:MOST_CHANGES]:  # type: ignore[assignment]
        if one.state == state.CONFLICT:
            words = f"{one} needs a decision: somebody changed the same in Zoho meanwhile."
        elif one.state == state.DONE:
            words = f"Of {one}, some changes were not written, or perhaps: look at them."
        else:
            words = f"Not all of {one} was sent: {one.run.in_words() if one.run else ''}"
        words = f"{words.rstrip()} Nothing is lost."
        yield Condition(Kind.UNSENT, str(one.pk), words, one.get_absolute_url())


def is_being_mended(condition: Condition) -> bool:
    """Whether a run is on its way that will end it: no news then, unless the run fails.

    With a sync every three hours and three hours promised, there would be news and its end each
    time. A run whose worker is silent mends nothing.
    """
    if condition.kind != Kind.STALE:
        return False
    kind = condition.subject.removesuffix(FULL_ONLY)
    modes = [FULL] if condition.subject.endswith(FULL_ONLY) else [FULL, CHANGED]
    alive_since = timezone.now() - dt.timedelta(seconds=settings.SYNC_SILENCE)
    return SyncRun.objects.filter(
        kind=kind,
        mode__in=modes,
        dry_run=False,
        state=SyncRun.State.RUNNING,
        heartbeat_at__gte=alive_since,
        heartbeat_at__lte=timezone.now() + dt.timedelta(seconds=settings.SYNC_SILENCE),
    ).exists()


def schedule() -> Iterator[Condition]:
    """Whether beat lives. With its quickest chore switched off its silence says nothing; but then
    that is what is wrong."""
    chores = list(PeriodicTask.objects.filter(task=WAKE))
    if chores and not any(task.enabled for task in chores):
        yield Condition(
            Kind.SCHEDULE_DEAD,
            WAKE_OFF,
            f"The task “{chores[0].name}” is switched off. Runs that wait or were cut off do not "
            "go on before it is switched on again; what they read is kept.",
            reverse("admin:django_celery_beat_periodictask_change", args=[chores[0].pk]),
        )
    elif since := beat_silent_since():
        yield Condition(
            Kind.SCHEDULE_DEAD,
            "",
            "The schedule stands still: the background service that starts syncs on schedule "
            f"(Celery beat) has started nothing since {when(since)}. Nothing starts by itself, and "
            "runs that wait or were cut off do not go on. What was read is kept.",
            reverse("sync:schedule"),
        )


def worker(now: dt.datetime | None = None) -> Iterator[Condition]:
    since = no_worker_since(now or timezone.now())
    if since:
        yield Condition(
            Kind.WORKER_DEAD,
            "",
            "Syncs are not carried out: nothing was heard of the background service for that "
            f"(Celery worker) since {when(since)}. It does not run, or cannot reach the work queue "
            "(Redis). Syncs that are asked for wait until it is back. Nothing is lost.",
        )


def not_started() -> Iterator[Condition]:
    """A run that is due and that no worker takes, though one may live and even answer."""
    runs = due_and_not_taken()
    if runs:
        oldest, others = runs[0], len(runs) - 1
        since = oldest.due_since()
        more = f" {others:,} more {'is' if others == 1 else 'are'} waiting, too." if others else ""
        yield Condition(
            Kind.NOT_STARTED,
            "",
            f"{oldest} has been due since {when(since)}, and nothing works on it.{more} Nothing is "
            "lost.",
            _run_url(oldest),
        )


def due_and_not_taken() -> list[SyncRun]:
    """Runs that have been due for five minutes without a worker's heartbeat, the oldest first.

    While workers are busy with other runs, a due one waits its turn: a long run makes way for it
    after CELERY_TASK_SOFT_TIME_LIMIT.
    """
    patience = WORKER_SILENCE.total_seconds()
    due = list(SyncRun.forsaken(patience).order_by("id"))
    running = SyncRun.objects.filter(state=SyncRun.State.RUNNING).exclude(SyncRun.silent())
    if due and running.exclude(trigger=SyncRun.Trigger.COMMAND).exists():
        patience += settings.CELERY_TASK_SOFT_TIME_LIMIT
        due = list(SyncRun.forsaken(patience).order_by("id"))
    return due


def no_worker_since(now: dt.datetime) -> dt.datetime | None:
    """None where one lives. One whose hands are all full with long runs cannot look for a while,
    but those runs' heartbeats tell."""
    pulse = Pulse.objects.filter(pk=Pulse.WORKER).first()
    if pulse is None or now - pulse.at <= WORKER_SILENCE:
        return None
    # Also of runs that have ended: the look comes after the run for whose sake it had to wait.
    runs = SyncRun.objects.exclude(trigger=SyncRun.Trigger.COMMAND).exclude(heartbeat_at=None)
    heartbeats = runs.values_list("heartbeat_at", flat=True)[:LATEST_RUNS]
    seen = max([pulse.at, *(at for at in heartbeats if at)])
    return seen if now - seen > WORKER_SILENCE else None


def when(moment: dt.datetime) -> str:
    return date_format(localtime(moment), "j M Y, H:i")


def hours(number: int) -> str:
    return f"{number:,} hour{'' if number == 1 else 's'}"


def _began(run: SyncRun) -> dt.datetime:
    return run.started_at or run.created_at


def _run_url(run: SyncRun) -> str:
    return reverse("admin:sync_syncrun_change", args=[run.pk])
