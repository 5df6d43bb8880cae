"""The page behind 🔄 Sync Zoho."""

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from integrations.models import ZohoCredential
from products_and_services.mirror import PRODUCTS
from products_and_services.services import request_run
from sync.models import SyncRun
from sync.queue import enqueue
from sync.views import NOT_REACHED, land, land_on


@never_cache
@staff_member_required
@permission_required("sync.trigger_zoho_sync", raise_exception=True)
@require_http_methods(["GET", "POST"])
def trigger_sync_view(request: HttpRequest) -> HttpResponse:
    """GET asks "really?" and starts nothing; POST enqueues a sync: of all items, or with
    `mode=changed` of those changed; with `dry_run=1` it writes nothing.

    A browser lands on the run's page with a message, a JSON client gets 202 and
    {"task_id", "run_id", "status_url"} (503 with the same when the queue cannot be reached).
    A second request while a run is active answers with that run.
    """
    if request.method != "POST":
        return _confirmation(request)
    changed = request.POST.get("mode") == SyncRun.Mode.CHANGED
    run, is_new = request_run(
        SyncRun.Trigger.PERSON,
        mode=SyncRun.Mode.CHANGED if changed else SyncRun.Mode.FULL,
        dry_run="dry_run" in request.POST,
        user=request.user,
    )
    if _wants_json(request):
        reached = enqueue(run) if is_new else True
        return JsonResponse(
            {
                "task_id": str(run.task_id),
                "run_id": run.pk,
                "status_url": reverse("sync:status", args=[run.pk]),
                **({} if reached else {"message": NOT_REACHED}),
            },
            status=202 if reached else 503,
        )
    if not is_new:
        messages.info(request, f"A sync is already under way: {run}. Nothing was started twice.")
        return land(request, run)
    return land_on(request, run, is_new)


def _confirmation(request: HttpRequest) -> HttpResponse:
    runs = SyncRun.objects.filter(kind=PRODUCTS.kind)
    context = {
        **admin.site.each_context(request),
        "title": "Sync Zoho",
        "credential": ZohoCredential.objects.first(),
        "active": runs.filter(state__in=SyncRun.ACTIVE).first(),
        "last": SyncRun.last_complete(PRODUCTS.kind, SyncRun.Mode.FULL),
    }
    return render(request, "products_and_services/sync_zoho.html", context)


def _wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
