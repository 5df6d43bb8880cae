"""Home of the admin: is my Zoho data fresh? What is known, gathered for one glance."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Count, F, Sum
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integrations.models import ZohoCredential, ZohoUsage
from sync.models import FailedRecord, SyncRun

DAYS = 30
COUNT_FAILING_UP_TO = 10_000


@dataclass(frozen=True)
class MirrorState:
    """One mirror: what it is called, how old it is, what it does just now."""

    name: str
    url: str
    last_sync: SyncRun | None
    last_full: SyncRun | None
    active: SyncRun | None
    latest: SyncRun | None


@dataclass(frozen=True)
class Bar:
    """One day of a chart: `height` in percent of the highest."""

    day: dt.date
    value: int
    height: int

    @property
    def top(self) -> int:
        """Where it begins, counted from above, as SVG does."""
        return 100 - self.height


@dataclass(frozen=True)
class Chart:
    title: str
    bars: Sequence[Bar]

    @property
    def total(self) -> int:
        return sum(bar.value for bar in self.bars)


@dataclass(frozen=True)
class Allowance:
    """Today's calls. `full_syncs` is how many more full runs of all mirrors they are good for."""

    used: int
    limit: int
    full_syncs: int | None

    @property
    def percent(self) -> int:
        return min(100, self.used * 100 // self.limit) if self.limit else 0


def mirrors() -> list[MirrorState]:
    """Every model that mirrors Zoho, which says so by its ZOHO_ID_FIELD."""
    return [mirror_state(model) for model in apps.get_models() if hasattr(model, "ZOHO_ID_FIELD")]


def mirror_state(model: Any) -> MirrorState:
    kind = model._meta.label_lower
    full, changed = SyncRun.Mode.FULL, SyncRun.Mode.CHANGED
    return MirrorState(
        name=model._meta.verbose_name_plural,
        url=reverse(f"admin:{kind.replace('.', '_')}_changelist"),
        last_sync=SyncRun.last_complete(kind, full, changed),
        last_full=SyncRun.last_complete(kind, full),
        active=SyncRun.objects.filter(kind=kind, state__in=SyncRun.ACTIVE).first(),
        latest=SyncRun.objects.filter(kind=kind).first(),
    )


def allowance(states: Sequence[MirrorState]) -> Allowance:
    used, limit = ZohoUsage.calls_today(), settings.ZOHO_REQUESTS_PER_DAY
    costs = sum(state.last_full.calls for state in states if state.last_full)
    left = max(0, limit - used)
    return Allowance(used, limit, left // costs if limit and costs else None)


def next_runs(now: dt.datetime | None = None) -> list[tuple[str, dt.datetime]]:
    """What the schedule starts next, soonest first: (name, when)."""
    now = now or timezone.now()
    tasks = set(SyncRun.objects.order_by().values_list("task_name", flat=True).distinct())
    due = []
    for task in PeriodicTask.objects.filter(enabled=True, task__in=tasks):
        after = task.schedule.remaining_estimate(task.last_run_at or now)
        due.append((task.name, max(now, now + after)))
    return sorted(due, key=lambda entry: entry[1])


def charts(today: dt.date | None = None) -> list[Chart]:
    """The last 30 days: runs, records changed, Zoho calls."""
    today = today or timezone.localdate()
    first = today - dt.timedelta(days=DAYS - 1)
    by_day = (
        SyncRun.objects.filter(created_at__date__gte=first, dry_run=False)
        .order_by()
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(runs=Count("id"), changed=Sum(F("created") + F("updated") + F("retired")))
    )
    runs = {row["day"]: row["runs"] for row in by_day}
    changed = {row["day"]: row["changed"] for row in by_day}
    usage = ZohoUsage.objects.filter(day__gte=first).order_by().values("day")
    calls = {row["day"]: row["n"] for row in usage.annotate(n=Sum("calls"))}
    days = [first + dt.timedelta(days=number) for number in range(DAYS)]
    named = (("Syncs", runs), ("Records changed", changed), ("Zoho calls", calls))
    return [Chart(title, _bars(days, values)) for title, values in named]


def _bars(days: Sequence[dt.date], values: dict[dt.date, int]) -> list[Bar]:
    highest = max(values.values(), default=0)
    return [
        Bar(day, values.get(day, 0), round(values.get(day, 0) * 100 / highest) if highest else 0)
        for day in days
    ]


def overview() -> dict[str, Any]:
    """All of it, for the template."""
    states = mirrors()
    failing = FailedRecord.objects.filter(closed_at=None).order_by()[:COUNT_FAILING_UP_TO]
    return {
        "credential": ZohoCredential.objects.first(),
        "mirrors": states,
        "running": any(state.active for state in states),
        "synced": any(state.last_sync for state in states),
        "failing": failing.count(),
        "allowance": allowance(states),
        "next_runs": next_runs()[:3],
        "charts": charts(),
    }
