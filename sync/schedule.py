"""The schedule: when each mirror is synced, what that costs, and changing it.

An entry is a PeriodicTask that starts the SYNC_TASK of a mirror's model. Beat reads the entries
from the database, and takes up a change within seconds because PeriodicTask.save() tells it so. No
HTTP here; who may do what is decided by the views.
"""

import datetime as dt
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from celery.schedules import ParseException
from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from integrations.models import ZohoCredential, ZohoUsage
from integrations.zoho.budget import allowed_a_day
from sync.mirror import mirrored_models
from sync.models import SyncRun
from sync.models.runs import about
from sync.times import Times, longest_gap

FULL, CHANGED = SyncRun.Mode.FULL, SyncRun.Mode.CHANGED
MODES = {CHANGED: "Changes only", FULL: "Everything, with {}"}
IN_SHORT = {CHANGED: "changes", FULL: "everything"}
# What a new installation begins with; its migration holds the same.
USUAL = {CHANGED: Times("0", "*"), FULL: Times("0", "2")}
USUAL_NAMES = {CHANGED: "Changed Zoho {}", FULL: "All Zoho {}"}
# The columns of a PeriodicTask that say when it runs.
WHEN = ("crontab_id", "interval_id", "solar_id", "clocked_id", "one_off")
# Beat sends this one every 15 seconds, and writes that into the database every 3 minutes.
WAKE = "sync.tasks.wake_runs"
BEAT_IS_SILENT = dt.timedelta(minutes=10)
SECONDS_A_DAY = 24 * 60 * 60


class EntryGoneError(Exception):
    """The entry, or the times to put back, are no longer there."""


class EntryChangedError(Exception):
    """Somebody else has changed the entry since it was looked at; nothing was saved."""


@dataclass
class Entry:
    """One line of the schedule. `calls` is what one run costs, None where nobody can know yet;
    `seconds` is how long the last complete one took."""

    task: PeriodicTask
    model: Any
    calls: int | None = None
    seconds: float = 0
    last_run: SyncRun | None = None

    def __str__(self) -> str:
        what = IN_SHORT[self.mode] if self.mode else self.task.name
        return f"{self.model._meta.verbose_name_plural}, {what}"

    @cached_property
    def mode(self) -> SyncRun.Mode | None:
        """What it reads; None when its arguments cannot be understood, so that it cannot run."""
        try:
            mode = json.loads(self.task.kwargs or "{}").get("mode", FULL)
        except (ValueError, AttributeError):
            return None
        return SyncRun.Mode(mode) if mode in list(MODES) else None

    def reads(self) -> str:
        return (
            mode_in_words(self.model, self.mode)
            if self.mode
            else "Nothing: what it should read cannot be understood"
        )

    @cached_property
    def times(self) -> Times | None:
        """None where it does not run by a crontab, or by one that beat cannot read."""
        if not self.task.crontab:
            return None
        times = Times.of(self.task.crontab)
        try:
            return times if times.sets else None
        except (ValueError, ParseException):
            return None

    @property
    def elsewhere(self) -> str:
        """The time zone of its times, where that is not the site's."""
        zone = str(self.task.crontab.timezone) if self.task.crontab else settings.TIME_ZONE
        return "" if zone == settings.TIME_ZONE else zone

    def when(self) -> str:
        """In words, in the site's time zone, or with the zone it is in."""
        if self.times is None:
            words = str(self.task.scheduler)
            return f"{words}, which cannot be read" if self.task.crontab else words.capitalize()
        words = self.times.in_words()
        return f"{words}, in the time of {self.elsewhere}" if self.elsewhere else words

    @property
    def seen(self) -> str:
        """How it stands, to tell whether it still does when an answer comes back."""
        return f"{self.task.scheduler}, {'on' if self.task.enabled else 'off'}"

    def next_at(self) -> dt.datetime | None:
        if not self.task.enabled or (self.task.crontab and not self.times):
            return None
        now = timezone.now()
        # A crontab comes round by the clock; everything else counts from the last time.
        after = now if self.task.crontab else self.task.last_run_at or now
        return max(now, now + self.task.schedule.remaining_estimate(after))

    def runs_on(self, weekday: int) -> int:
        """Runs on such a day (Sunday is 0) if it is switched on."""
        if self.task.crontab:
            return self.times.runs_on(weekday) if self.times else 0
        if self.task.interval:
            return math.ceil(SECONDS_A_DAY / self.task.schedule.run_every.total_seconds())
        return 1

    def runs_a_day(self) -> int:
        """On its busiest day."""
        return max(self.runs_on(weekday) for weekday in range(7))

    def calls_a_day(self) -> int | None:
        return None if self.calls is None else self.calls * self.runs_a_day()


@dataclass
class MirrorSchedule:
    """What is scheduled for one mirror; `missing` are the modes that nothing starts."""

    model: Any
    entries: Sequence[Entry]
    missing: Sequence[SyncRun.Mode] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(self.model._meta.label_lower)

    @property
    def name(self) -> str:
        return str(self.model._meta.verbose_name_plural)

    def missing_in_words(self) -> list[tuple[SyncRun.Mode, str]]:
        return [(mode, mode_in_words(self.model, mode)) for mode in self.missing]

    def broken_promises(self) -> list[str]:
        """What will be older than promised now and then though every run ends well, and what to do.

        Just before a run ends, what is here is as old as the beginning of the run before: as the
        time between two starts and what a run takes. What is paused or missing says so itself.
        """
        usable = [entry for entry in self.entries if entry.task.enabled and entry.mode]
        full = [entry for entry in usable if entry.mode == FULL]
        promises = (
            ("SYNC_FRESH_HOURS", settings.SYNC_FRESH_HOURS, usable, "syncs"),
            ("SYNC_FULL_FRESH_HOURS", settings.SYNC_FULL_FRESH_HOURS, full, "full syncs"),
        )
        broken = []
        for setting, hours, entries, what in promises:
            gap = _longest_gap(entries)
            if not hours or gap is None:
                continue
            takes = max(entry.seconds for entry in entries)
            oldest = gap.total_seconds() + takes
            if oldest >= hours * 3600:
                took = f" and one takes {about(takes)}" if takes >= 1 else ""
                broken.append(
                    f"{self.name}: the time between two {what} is up to "
                    f"{about(gap.total_seconds())}{took}, but {setting} promises data no older "
                    f"than {about(hours * 3600)}. Each time it will be told that data is older "
                    f"than promised. Schedule {what} more often, or set {setting} to "
                    f"{int(oldest // 3600) + 1} or more."
                )
        return broken


@dataclass(frozen=True)
class Forecast:
    """Zoho calls that the schedule needs on its busiest day, and may use; None is no limit."""

    needs: int
    allowed: int | None
    limit: int
    unknown: Sequence[str]

    @property
    def exceeds(self) -> bool:
        return self.allowed is not None and self.needs > self.allowed

    @property
    def percent(self) -> int:
        return min(100, self.needs * 100 // self.allowed) if self.allowed else 0

    @property
    def kept(self) -> int:
        """Calls that are left for what people start."""
        return self.limit - (self.allowed or 0)

    def in_words(self) -> str:
        if self.unknown and not self.needs:
            return f"How many calls a day this needs is {self._not_yet()}"
        about = f"about {self.needs:,} Zoho call{'' if self.needs == 1 else 's'} a day"
        if self.exceeds:
            return f"The schedule needs {about}, more than the {self.allowed:,} that it may use."
        if self.allowed is None:
            words = f"The schedule needs {about}. No limit is set for a day."
        elif not self.needs:
            words = "The schedule needs no Zoho calls: nothing on it is switched on."
        else:
            words = f"The schedule needs {about}, of {self.allowed:,} that it may use."
        return f"{words} Not counted is what is {self._not_yet()}" if self.unknown else words

    def _not_yet(self) -> str:
        return f"unknown until the first full sync of {' and '.join(self.unknown)}."


def mode_in_words(model: Any, mode: SyncRun.Mode) -> str:
    """What such a run reads of this mirror."""
    return MODES[mode].format(model.FULL_RUNS_SEE)


def models_by_task() -> dict[str, Any]:
    """The mirrors that a task keeps up to date: what starts them → their model."""
    models = [model for model in mirrored_models() if hasattr(model, "SYNC_TASK")]
    return {model.SYNC_TASK: model for model in models}


def _tasks() -> Any:
    scheduled = PeriodicTask.objects.filter(task__in=models_by_task()).order_by("pk")
    return scheduled.select_related("crontab", "interval", "solar", "clocked")


def mirror_schedules() -> list[MirrorSchedule]:
    """All of the schedule, mirror by mirror."""
    by_task = models_by_task()
    entries = [Entry(task, by_task[task.task]) for task in _tasks()]
    return [
        _mirror_schedule(model, [entry for entry in entries if entry.model is model])
        for model in by_task.values()
    ]


def _mirror_schedule(model: Any, entries: list[Entry]) -> MirrorSchedule:
    kind, order = model._meta.label_lower, list(MODES)
    complete = {mode: SyncRun.last_complete(kind, mode) for mode in MODES}
    costs = _calls_by_mode(complete)
    for entry in entries:
        if entry.mode:
            entry.calls = costs[entry.mode]
            last = complete[entry.mode]
            entry.seconds = last.duration_seconds() if last else 0
            entry.last_run = SyncRun.objects.filter(
                kind=kind, mode=entry.mode, trigger=SyncRun.Trigger.SCHEDULE
            ).first()
    entries.sort(key=lambda entry: order.index(entry.mode) if entry.mode else len(order))
    there = {entry.mode for entry in entries}
    return MirrorSchedule(model, entries, [mode for mode in MODES if mode not in there])


def _longest_gap(entries: Iterable[Entry]) -> dt.timedelta | None:
    """Between two starts, whichever of them makes it; None where nobody can know."""
    gaps = [entry.task.schedule.run_every for entry in entries if entry.task.interval]
    if crontabs := [entry.times for entry in entries if entry.times]:
        gaps.append(longest_gap(crontabs, timezone.localdate()))
    return min(gaps, default=None)


def _calls_by_mode(
    complete: dict[SyncRun.Mode, SyncRun | None],
) -> dict[SyncRun.Mode, int | None]:
    """What a run of each mode costs, judging by the last complete one.

    Before the first full run nobody can know: a run of changes becomes a full one, too.
    """
    full, changed = complete[FULL], complete[CHANGED]
    if full is None:
        return {FULL: None, CHANGED: None}
    return {FULL: max(1, full.calls), CHANGED: max(1, changed.calls) if changed else 1}


def forecast(scheduled: Iterable[MirrorSchedule]) -> Forecast:
    """Of the entries that are switched on, on the busiest day of a week. Of Inventory's calls: they
    are what has a day's allowance."""
    switched_on = [
        (mirror, entry)
        for mirror in scheduled
        for entry in mirror.entries
        if entry.task.enabled and mirror.model.ZOHO_PRODUCT == ZohoUsage.Product.INVENTORY
    ]
    days = (
        sum(entry.runs_on(weekday) * (entry.calls or 0) for _, entry in switched_on)
        for weekday in range(7)
    )
    unknown = {mirror.name for mirror, entry in switched_on if entry.mode and entry.calls is None}
    return Forecast(
        needs=max(days),
        allowed=allowed_a_day(ZohoUsage.Purpose.SCHEDULE),
        limit=settings.ZOHO_REQUESTS_PER_DAY,
        unknown=sorted(unknown),
    )


def next_runs() -> list[tuple[str, dt.datetime]]:
    """What the schedule starts next, soonest first: (what, when)."""
    by_task = models_by_task()
    due = []
    for task in _tasks().filter(enabled=True):
        if at := Entry(task, by_task[task.task]).next_at():
            due.append((task.name, at))
    return sorted(due, key=lambda entry: entry[1])


def beat_silent_since(now: dt.datetime | None = None) -> dt.datetime | None:
    """Since when beat has sent nothing; None while it lives.

    Judged by its quickest chore alone: entries of the schedule say when they were last sent, and
    also when somebody last saved them. Where the chore has never been sent, its time began when
    that was put there; where it is not even there, beat has never started, and its time began when
    the schedule was made. With the chore switched off nobody can tell.
    """
    tasks = list(PeriodicTask.objects.order_by("date_changed"))  # a handful
    if chores := [task for task in tasks if task.task == WAKE]:
        sent = [task.last_run_at or task.date_changed for task in chores if task.enabled]
    else:
        sent = [task.date_changed for task in tasks if task.enabled][:1]
    since = max(sent, default=None)
    now = now or timezone.now()
    return since if since and now - since > BEAT_IS_SILENT else None


def find(task_id: int) -> Entry:
    """Raises EntryGoneError."""
    task = _tasks().filter(pk=task_id).first()
    if task is None:
        raise EntryGoneError
    return Entry(task, models_by_task()[task.task])


def set_times(task_id: int, seen: str, times: Times) -> dict[str, Any]:
    """Run it at these times of the site's time zone; returns the former ones for `put_back`.

    A crontab's row may be shared with other tasks, so it is never edited: the entry is led to
    another one. Raises EntryGoneError and EntryChangedError.
    """
    with transaction.atomic():
        task = _hold(task_id, seen)
        former = {column: getattr(task, column) for column in WHEN}
        row = dict.fromkeys(WHEN) | {"crontab_id": _row(times).pk, "one_off": False}
        _save(task, row)
    return former


def put_back(task_id: int, seen: str, former: dict[str, Any]) -> None:
    """Run it when it ran before. Raises EntryGoneError and EntryChangedError."""
    try:
        with transaction.atomic():
            _save(_hold(task_id, seen), former)
    except ObjectDoesNotExist as error:
        raise EntryGoneError from error


def switch(task_id: int, seen: str, on: bool) -> None:
    """Pause or resume it. Raises EntryGoneError and EntryChangedError."""
    with transaction.atomic():
        _save(_hold(task_id, seen), {"enabled": on})


def put_usual_back(model: Any) -> list[PeriodicTask]:
    """The usual entries for the modes that nothing starts. One whose name is taken by another
    task is left out."""
    (scheduled,) = (one for one in mirror_schedules() if one.model is model)
    word = model._meta.model_name + "s"
    made = []
    for mode in scheduled.missing:
        task, is_new = PeriodicTask.objects.get_or_create(
            name=USUAL_NAMES[mode].format(word),
            defaults={
                "task": model.SYNC_TASK,
                "crontab": _row(USUAL[mode]),
                "kwargs": json.dumps({"mode": mode}) if mode != FULL else "{}",
            },
        )
        if is_new:
            made.append(task)
    return made


def schedule_what_is_allowed(credential: ZohoCredential, **kwargs: Any) -> None:
    """Put the usual times on the schedule for each mirror that the new connection allows.

    Once: what was ever scheduled is staff's, also where they have taken it off.
    """
    for model in models_by_task().values():
        if credential.allows(model.ZOHO_PRODUCT) and not was_ever_scheduled(model):
            put_usual_back(model)


def was_ever_scheduled(model: Any) -> bool:
    runs = SyncRun.objects.filter(kind=model._meta.label_lower, trigger=SyncRun.Trigger.SCHEDULE)
    return PeriodicTask.objects.filter(task=model.SYNC_TASK).exists() or runs.exists()


def _hold(task_id: int, seen: str) -> PeriodicTask:
    """The entry under its row lock, if it still is as it was seen."""
    task = PeriodicTask.objects.select_for_update().filter(pk=task_id).first()
    if task is None:
        raise EntryGoneError
    if Entry(task, None).seen != seen:
        raise EntryChangedError
    return task


def _save(task: PeriodicTask, values: dict[str, Any]) -> None:
    for column, value in values.items():
        setattr(task, column, value)
    # Beat makes up for times that have passed since the last run. New times start from now: who
    # says "at 10:00" at noon does not mean today.
    task.last_run_at = timezone.now()
    task.save()


def _row(times: Times) -> CrontabSchedule:
    spec = {**asdict(times), "timezone": settings.TIME_ZONE}
    # Not get_or_create: no constraint forbids two alike.
    row = CrontabSchedule.objects.filter(**spec).order_by("pk").first()
    return row or CrontabSchedule.objects.create(**spec)
