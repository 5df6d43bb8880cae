"""A run as it stands: JSON for programs, a piece of page for the run's own page."""

from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sync.models import SyncRun

STOP_POLLING = 286  # htmx's own status for "take this and ask no more"


@never_cache
@staff_member_required
@permission_required("sync.view_syncrun", raise_exception=True)
@require_safe
def status(request: HttpRequest, run_id: int) -> JsonResponse:
    """The state of a run; 404 for one that never was."""
    run = get_object_or_404(SyncRun, pk=run_id)
    return JsonResponse(
        {
            "run_id": run.pk,
            "task_id": str(run.task_id),
            "state": run.state,
            "percent": run.percent(),
            "message": run.message,
            "resume_at": run.resume_at,
            "stats": run.stats(),
        }
    )


@never_cache
@staff_member_required
@permission_required("sync.view_syncrun", raise_exception=True)
@require_safe
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """The live part of a run's page. The browser stops asking when the run has ended."""
    run = get_object_or_404(SyncRun, pk=run_id)
    code = 200 if run.is_active else STOP_POLLING
    return render(request, "sync/progress.html", {"run": run}, status=code)
