"""The admin of a mirrored table: found quickly, exported, synced one by one, with its history."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.urls import path, reverse

from backoffice.export import ExportedList
from backoffice.listing import BoundedList, BoundedPaginator, ago
from sync.models import Change, SyncRun
from sync.start import request_run
from sync.views import land_on
from sync.visibility import may_view

# A record costs a fiftieth of a call by its id and a two-hundredth in a list.
MOST_SELECTED = 1_000
HISTORY_SHOWN = 50


class RetiredFilter(admin.SimpleListFilter):
    title = "still in Zoho"
    parameter_name = "retired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Still in Zoho"), ("yes", "Retired: no longer in Zoho")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() in ("yes", "no"):
            return queryset.filter(retired_at__isnull=self.value() == "no")
        return queryset


class MirroredAdmin(ExportedList, admin.ModelAdmin):
    """For a model as sync/mirror.py describes it, with a `searchable` column in small letters.

    What Zoho says is shown, what is ours can be edited; rows come and go by syncs alone.
    """

    # What says nothing in a history, as when Zoho last touched the record.
    left_out_of_history: tuple[str, ...] = ()

    search_fields = ("searchable",)
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    actions: tuple[str, ...] = ("sync_selected_items",)
    change_form_template = "admin/sync/mirrored/change_form.html"
    change_list_template = "admin/sync/mirrored/change_list.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        full, changed = SyncRun.Mode.FULL, SyncRun.Mode.CHANGED
        context = {
            "last_full": SyncRun.last_complete(self.opts.label_lower, full),
            "last_sync": SyncRun.last_complete(self.opts.label_lower, full, changed),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        record = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if record:
            zoho_id = getattr(record, record.ZOHO_ID_FIELD)
            context = {"title": str(record), "zoho_id": zoho_id}
            if zoho_id and self.has_sync_permission(request):
                name = f"{self.opts.app_label}_{self.opts.model_name}_sync_now"
                context["sync_now"] = reverse(f"admin:{name}", args=[record.pk])
            if zoho_id and request.user.has_perm("sync.view_change"):
                context["history"] = self.history(zoho_id)
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def history(self, zoho_id: str) -> QuerySet[Change]:
        """What syncs last did to this record, newest first."""
        changes = Change.objects.filter(
            zoho_id=zoho_id, run__kind=self.opts.label_lower, run__dry_run=False
        )
        changes = changes.exclude(field__in=self.left_out_of_history)
        changes = changes.exclude(action=Change.Action.UNLISTED)
        return changes.select_related("run").order_by("-id")[:HISTORY_SHOWN]

    def get_urls(self) -> list[Any]:
        sync_now = self.admin_site.admin_view(self.sync_now)
        name = f"{self.opts.app_label}_{self.opts.model_name}_sync_now"
        return [path("<int:pk>/sync-now/", sync_now, name=name), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        # `searchable` is in small letters, so that the database need not make them each time. It
        # makes the word's, too: not every database knows the small letter of every large one.
        for word in search_term.split():
            queryset = queryset.filter(searchable__contains=Lower(Value(word)))
        return queryset, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        # The next sync would bring it back; what Zoho no longer has is retired.
        return False

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        # Django lets those view who may change; here it takes the right to view, as everywhere.
        return may_view(request.user, self.model)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        may_change = super().has_change_permission(request, obj)
        return may_change and self.has_view_permission(request, obj)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        may_sync = request.user.has_perm("sync.trigger_zoho_sync")
        return may_sync and self.has_view_permission(request)

    @admin.display(description="Last changed by a sync", ordering="synced_at")
    def changed(self, record: Any) -> str:
        return ago(record.synced_at)

    def sync_now(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: fetch just this record from Zoho, and land on the run's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_sync_permission(request):
            raise PermissionDenied
        key = self.model.ZOHO_ID_FIELD
        record = get_object_or_404(self.model._default_manager.exclude(**{key: None}), pk=pk)
        return self._sync(request, [getattr(record, key)])

    @admin.action(description="Sync selected items", permissions=["sync"])
    def sync_selected_items(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Fetch just these from Zoho; the run's page then tells how each went."""
        key = self.model.ZOHO_ID_FIELD
        selected = list(queryset.order_by("pk").values_list(key, flat=True)[: MOST_SELECTED + 1])
        if len(selected) > MOST_SELECTED:
            messages.error(
                request,
                f"More than {MOST_SELECTED:,} records cost more Zoho calls one by one than all of "
                "them together. Nothing was started: select fewer, or sync all.",
            )
            return None
        ids = [zoho_id for zoho_id in selected if zoho_id]
        if without := len(selected) - len(ids):
            messages.warning(
                request, f"{without} of the selected records have no Zoho ID: left out."
            )
        if not ids:
            return None
        return self._sync(request, ids)

    def _sync(self, request: HttpRequest, zoho_ids: list[str]) -> HttpResponse:
        asked = request_run(
            self.model,
            SyncRun.Trigger.PERSON,
            mode=SyncRun.Mode.SELECTED,
            zoho_ids=zoho_ids,
            user=request.user,
        )
        return land_on(request, *asked)
