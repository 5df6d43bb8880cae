"""Runs, what they changed and what they could not read, in the admin."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html

from backoffice.listing import BoundedList, ReadOnlyAdmin, ago
from sync import beat_admin, follow_up  # noqa: F401 (beat_admin registers itself)
from sync.mirror import mirrored_models
from sync.models import Change, FailedRecord, SyncRun
from sync.views import MEND, NOTHING_TO_RETRY, land_on, run_context
from sync.visibility import may_view_kind

# Not "none", which is a value, and not empty, which the admin would fill in.
NOT_SAID = "\N{NO-BREAK SPACE}"


def may_mend(request: HttpRequest) -> bool:
    return request.user.has_perm(MEND)


def name_records(rows: Iterable[Change | FailedRecord]) -> None:
    """Give each row the record it is about as `mirrored`, or None: one query for each kind."""
    by_kind: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        by_kind[row.kind].add(row.zoho_id)
    found = {}
    for kind, zoho_ids in by_kind.items():
        model = apps.get_model(kind)
        records = model._default_manager.in_bulk(zoho_ids, field_name=model.ZOHO_ID_FIELD)
        found[kind] = records
    for row in rows:
        row.mirrored = found[row.kind].get(row.zoho_id)  # type: ignore[union-attr]


def record_link(row: Any) -> str:
    """The record's name, as a link to it; its id where it is not mirrored (yet)."""
    record = getattr(row, "mirrored", None)
    if record is None:
        return row.zoho_id or (
            row.whereabouts() if isinstance(row, FailedRecord) else "Without an ID"
        )
    url = reverse(f"admin:{record._meta.label_lower.replace('.', '_')}_change", args=[record.pk])
    return format_html('<a href="{}">{}</a><br><small>{}</small>', url, record, row.zoho_id)


class NamedRows(BoundedList):
    """Of a page's rows, the records they are about are fetched together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        name_records(self.result_list)


class MirrorFilter(admin.SimpleListFilter):
    title = "what is mirrored"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            (model._meta.label_lower, str(model._meta.verbose_name_plural))
            for model in mirrored_models()
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = (
        "run",
        "badge",
        "what",
        "who",
        "asked_at",
        "duration",
        "total",
        "created",
        "updated",
        "failed",
        "retired",
        "calls",
    )
    list_filter = (MirrorFilter, "state", "mode", "dry_run", "trigger")
    list_select_related = ("user",)
    list_per_page = 50
    change_form_template = "admin/sync/syncrun/change_form.html"

    @admin.display(description="Run", ordering="id")
    def run(self, run: SyncRun) -> str:
        return str(run)

    @admin.display(description="State", ordering="state")
    def badge(self, run: SyncRun) -> str:
        return render_to_string("sync/badge.html", {"run": run})

    @admin.display(description="Mode", ordering="mode")
    def what(self, run: SyncRun) -> str:
        return run.what()

    @admin.display(description="Started by")
    def who(self, run: SyncRun) -> str:
        return run.started_by()

    @admin.display(description="Asked for", ordering="created_at")
    def asked_at(self, run: SyncRun) -> str:
        return ago(run.created_at)

    @admin.display(description="Seconds")
    def duration(self, run: SyncRun) -> str:
        return f"{run.duration_seconds():,.1f}" if run.started_at else ""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if run:
            context = {"title": str(run), **run_context(request, run)}
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )


class FieldFilter(admin.SimpleListFilter):
    """By mirrored field, with the name that people know it by."""

    title = "field"
    parameter_name = "field"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = SyncRun.objects.order_by("kind").values_list("kind", flat=True).distinct()
        fields = {
            field.name: str(field.verbose_name)
            for kind in kinds
            if may_view_kind(request.user, kind)
            for field in apps.get_model(kind)._meta.concrete_fields
            if not field.primary_key
        }
        return sorted(fields.items(), key=lambda field: field[1].lower())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(field=self.value()) if self.value() else queryset


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    """The history: what happened to which record. Of a dry run: what would."""

    list_display = ("happened", "about", "which", "from_", "to", "run_link", "at")
    list_display_links = None
    list_filter = ("action", FieldFilter)
    list_select_related = ("run",)
    list_per_page = 100
    search_fields = ("zoho_id__exact",)
    search_help_text = "Zoho ID"
    change_list_template = "admin/sync/change/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user)

    @admin.display(description="What happened")
    def happened(self, change: Change) -> str:
        words = change.get_action_display()
        if change.action == Change.Action.FAILED:
            return "Could not be read" if change.run.dry_run else words
        foretold = change.run.dry_run and change.action != Change.Action.UNLISTED
        return f"Would be {words.lower()}" if foretold else words

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedRows

    @admin.display(description="Record")
    def about(self, change: Change) -> str:
        return record_link(change)

    @admin.display(description="Field")
    def which(self, change: Change) -> str:
        return change.field_name()

    @admin.display(description="From", empty_value="none")
    def from_(self, change: Change) -> str | None:
        return change.before if change.action == Change.Action.UPDATED else NOT_SAID

    @admin.display(description="To", empty_value="none")
    def to(self, change: Change) -> str | None:
        gone = change.action in (Change.Action.RETIRED, Change.Action.UNLISTED)
        return NOT_SAID if gone else change.after

    @admin.display(description="Run")
    def run_link(self, change: Change) -> str:
        url = reverse("admin:sync_syncrun_change", args=[change.run_id])
        return format_html('<a href="{}">#{}</a>', url, change.run_id)

    @admin.display(description="When")
    def at(self, change: Change) -> str:
        return ago(change.run.started_at or change.run.created_at)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        number = request.GET.get("run__id__exact", "")
        run = SyncRun.objects.filter(pk=number).first() if number.isdecimal() else None
        title = "What runs changed"
        if run:
            title = f"What {run} {'would change' if run.dry_run else 'changed'}"
        return super().changelist_view(
            request, {"of_run": run, "title": title, **(extra_context or {})}
        )


class MendedFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "mended"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Mended"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": "To mend"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "all":
            return queryset
        return queryset.filter(closed_at__isnull=self.value() != "yes")


class ReasonFilter(admin.SimpleListFilter):
    title = "what is wrong"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        groups = FailedRecord.objects.visible_to(request.user).groups()
        return [(group["reason"], group["reason"]) for group in groups]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(FailedRecord)
class FailedRecordAdmin(ReadOnlyAdmin):
    """The error ledger."""

    list_display = ("reason", "about", "tries", "first", "last", "run_link")
    list_filter = (MendedFilter, ReasonFilter)
    list_per_page = 50
    search_fields = ("zoho_id__exact",)
    search_help_text = "Zoho ID"
    actions = ("retry_selected",)
    fields = (
        "about",
        "field",
        "reason",
        "remedy",
        "tries",
        "first_failed_at",
        "last_failed_at",
        "closed_at",
        "run_link",
    )
    readonly_fields = fields
    change_list_template = "admin/sync/failedrecord/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows: Any = super().get_queryset(request)
        return rows.visible_to(request.user)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NamedRows

    @admin.display(description="First failed", ordering="first_failed_at")
    def first(self, failed: FailedRecord) -> str:
        return ago(failed.first_failed_at)

    @admin.display(description="Last failed", ordering="last_failed_at")
    def last(self, failed: FailedRecord) -> str:
        return ago(failed.last_failed_at)

    @admin.display(description="Record here")
    def about(self, failed: FailedRecord) -> str:
        if not hasattr(failed, "mirrored"):
            name_records([failed])
        return record_link(failed)

    @admin.display(description="Last run", ordering="run")
    def run_link(self, failed: FailedRecord) -> str:
        if failed.run_id is None:
            return ""
        url = reverse("admin:sync_syncrun_change", args=[failed.run_id])
        return format_html('<a href="{}">#{}</a>', url, failed.run_id)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may_mend(request)

    @admin.action(description="Try selected records again", permissions=["retry"])
    def retry_selected(
        self, request: HttpRequest, queryset: QuerySet[FailedRecord]
    ) -> HttpResponse | None:
        return self._retry(request, queryset)

    def get_urls(self) -> list[Any]:
        retry_all = self.admin_site.admin_view(self.retry_all)
        return [
            path("retry-all/", retry_all, name="sync_failedrecord_retry_all"),
            *super().get_urls(),
        ]

    def retry_all(self, request: HttpRequest) -> HttpResponse:
        here = redirect("admin:sync_failedrecord_changelist")
        if request.method != "POST" or not may_mend(request):
            messages.error(
                request, "Nothing was tried again: that needs the button, and the right."
            )
            return here
        failures = FailedRecord.objects.visible_to(request.user)
        if reason := request.POST.get("reason"):
            failures = failures.filter(reason=reason)
        return self._retry(request, failures) or here

    def _retry(self, request: HttpRequest, failures: QuerySet[FailedRecord]) -> HttpResponse | None:
        requested = follow_up.retry(failures, request.user)
        if requested is None:
            messages.warning(request, NOTHING_TO_RETRY)
            return None
        return land_on(request, *requested)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {
            "may_retry": may_mend(request),
            "title": "Records to mend",
            "groups": FailedRecord.objects.visible_to(request.user).groups(),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})
