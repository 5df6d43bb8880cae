"""Home of the admin: is my Zoho data fresh? What is known, gathered for one glance."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Max, Sum
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils import timezone

from integrations.models import ZohoCredential, ZohoQuota, ZohoUsage
from sync.charts import BarChart
from sync.mirror import mirrored_models
from sync.models import FailedRecord, SyncRun
from sync.schedule import next_runs

DAYS = 30
COUNT_FAILING_UP_TO = 10_000
# Seconds: nobody watches a run on the home as closely as on its own page.
AT_MOST_EVERY = 2


@dataclass(frozen=True)
class MirrorState:
    """One mirror: what it is called, how old it is, what it does just now."""

    kind: str
    name: str
    url: str
    product: ZohoUsage.Product
    full_runs_see: str
    last_sync: SyncRun | None
    last_full: SyncRun | None
    active: SyncRun | None
    latest: SyncRun | None


@dataclass(frozen=True)
class Allowance:
    """Today's calls, or CRM's credits of the last 24 hours. `full_syncs` is how many more full runs
    of all mirrors they are good for."""

    used: int
    limit: int
    full_syncs: int | None

    @property
    def percent(self) -> int:
        return min(100, self.used * 100 // self.limit) if self.limit else 0


def mirrors(credential: ZohoCredential | None) -> list[MirrorState]:
    """Those that are used, or that the connection allows; all of them where none is yet."""
    used = set(SyncRun.objects.order_by().values_list("kind", flat=True).distinct())
    allowed = allowed_kinds(credential)
    kinds = {model._meta.label_lower: model for model in mirrored_models()}
    models = [model for kind, model in kinds.items() if kind in used or kind in allowed]
    return [mirror_state(model) for model in models or kinds.values()]


def allowed_kinds(credential: ZohoCredential | None) -> set[str]:
    """The mirrors that somebody chose when Zoho was connected."""
    return {
        model._meta.label_lower
        for model in mirrored_models()
        if credential and credential.refresh_token and credential.allows(model.ZOHO_PRODUCT)
    }


def first_syncs(
    credential: ZohoCredential | None, states: Sequence[MirrorState]
) -> list[MirrorState]:
    """Of a new installation, or after more was allowed: what has never been synced to its end.

    Items are what everybody begins with.
    """
    allowed = allowed_kinds(credential)
    inventory = ZohoUsage.Product.INVENTORY
    nothing_yet = not any(state.last_sync for state in states)
    return [
        state
        for state in states
        if not state.last_sync
        and (state.kind in allowed or (nothing_yet and state.product == inventory))
    ]


def mirror_state(model: Any) -> MirrorState:
    kind = model._meta.label_lower
    full, changed = SyncRun.Mode.FULL, SyncRun.Mode.CHANGED
    return MirrorState(
        kind=kind,
        name=model._meta.verbose_name_plural,
        url=reverse(f"admin:{kind.replace('.', '_')}_changelist"),
        product=model.ZOHO_PRODUCT,
        full_runs_see=model.FULL_RUNS_SEE,
        last_sync=SyncRun.last_complete(kind, full, changed),
        last_full=SyncRun.last_complete(kind, full),
        active=SyncRun.reading(kind),
        latest=SyncRun.objects.filter(kind=kind).exclude(mode=SyncRun.Mode.SENT).first(),
    )


def allowance(states: Sequence[MirrorState]) -> Allowance:
    used, limit = ZohoUsage.calls_today(), settings.ZOHO_REQUESTS_PER_DAY
    costs = sum(
        state.last_full.calls
        for state in states
        if state.last_full and state.product == ZohoUsage.Product.INVENTORY
    )
    left = max(0, limit - used)
    return Allowance(used, limit, left // costs if limit and costs else None)


def crm_credits() -> Allowance:
    used = ZohoUsage.used(ZohoUsage.Product.CRM)
    return Allowance(used, settings.ZOHO_CRM_CREDITS_PER_DAY, None)


def charts(today: dt.date | None = None) -> list[BarChart]:
    """The last 30 days: runs, how long they took, records changed, what was spent at Zoho."""
    today = today or timezone.localdate()
    first = today - dt.timedelta(days=DAYS - 1)
    by_day = (
        SyncRun.objects.filter(created_at__date__gte=first, dry_run=False)
        .exclude(mode=SyncRun.Mode.SENT)
        .order_by()
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(
            runs=Count("id"),
            changed=Sum(F("created") + F("updated") + F("retired")),
            longest=Max(F("finished_at") - F("started_at")),
        )
    )
    runs = {row["day"]: row["runs"] for row in by_day}
    changed = {row["day"]: row["changed"] for row in by_day}
    longest = {row["day"]: ceil(row["longest"].total_seconds()) for row in by_day if row["longest"]}
    usage = ZohoUsage.objects.filter(day__gte=first).order_by().values("product", "day")
    spent: dict[str, dict[dt.date, int]] = {product: {} for product in ZohoUsage.Product}
    for row in usage.annotate(n=Sum("calls")):
        spent[row["product"]][row["day"]] = row["n"]
    calls, credits = (spent[product] for product in ZohoUsage.Product)
    days = [first + dt.timedelta(days=number) for number in range(DAYS)]
    runs_url, changes_url, calls_url = (
        reverse(f"admin:{name}_changelist")
        for name in ("sync_syncrun", "sync_change", "integrations_zohousage")
    )
    crm = [BarChart.of("CRM credits", f"{sum(credits.values()):,}", calls_url, days, credits)]
    slowest = f"{max(longest.values(), default=0):,} s"
    return [
        BarChart.of("Syncs", f"{sum(runs.values()):,}", runs_url, days, runs),
        BarChart.of("Longest sync", slowest, runs_url, days, longest),
        BarChart.of("Records changed", f"{sum(changed.values()):,}", changes_url, days, changed),
        BarChart.of("Zoho calls", f"{sum(calls.values()):,}", calls_url, days, calls),
        *(crm if any(credits.values()) else ()),
    ]


def live() -> dict[str, Any]:
    """What changes while a run is under way, and after how many seconds to ask for it again."""
    credential = ZohoCredential.objects.first()
    states = mirrors(credential)
    failing = FailedRecord.objects.filter(closed_at=None).order_by()[:COUNT_FAILING_UP_TO]
    # Only those that go on by themselves; a paused one may stay so for days.
    watched = {
        state.active.pk: wait
        for state in states
        if state.active and (wait := state.active.look_again_after())
    }
    return {
        "credential": credential,
        "mirrors": states,
        "watched": ",".join(str(pk) for pk in watched),
        "look_again_after": max(AT_MOST_EVERY, min(watched.values())) if watched else None,
        "failing": failing.count(),
        "allowance": allowance(states),
        "crm_credits": crm_credits(),
        "quotas": ZohoQuota.of_all(),
        "next_runs": next_runs()[:3],
    }


def overview() -> dict[str, Any]:
    """All of it, for the template."""
    now = live()
    return {
        **now,
        "synced": any(state.last_sync for state in now["mirrors"]),
        "first_syncs": first_syncs(now["credential"], now["mirrors"]),
        "charts": charts(),
    }
