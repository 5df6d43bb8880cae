"""Runs in the admin: a read-only history, and a page per run that follows it live."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from sync.models import SyncError, SyncRun


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shown, filtered and searched; never edited by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = (
        "run",
        "badge",
        "mode",
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
    list_filter = ("state", "mode", "trigger")
    list_select_related = ("user",)
    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/sync/syncrun/change_form.html"

    @admin.display(description="Run", ordering="id")
    def run(self, run: SyncRun) -> str:
        return str(run)

    @admin.display(description="State", ordering="state")
    def badge(self, run: SyncRun) -> str:
        return render_to_string("sync/badge.html", {"run": run})

    @admin.display(description="Started by")
    def who(self, run: SyncRun) -> str:
        return run.started_by()

    @admin.display(description="Asked for", ordering="created_at")
    def asked_at(self, run: SyncRun) -> str:
        return date_format(localtime(run.created_at), "j M Y, H:i:s")

    @admin.display(description="Seconds")
    def duration(self, run: SyncRun) -> str:
        return f"{run.duration_seconds():.1f}" if run.started_at else ""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        context = {"run": run, "title": str(run) if run else "", **(extra_context or {})}
        if run:
            context["progress_url"] = reverse("sync:progress", args=[run.pk])
        return super().change_view(request, object_id, form_url, context)


@admin.register(SyncError)
class SyncErrorAdmin(ReadOnlyAdmin):
    list_display = ("zoho_id", "message", "run_link", "created_at")
    list_display_links = None
    list_select_related = ("run",)
    search_fields = ("zoho_id",)
    show_full_result_count = False

    @admin.display(description="Run", ordering="run_id")
    def run_link(self, error: SyncError) -> str:
        url = reverse("admin:sync_syncrun_change", args=[error.run_id])
        return format_html('<a href="{}">#{}</a>', url, error.run_id)
