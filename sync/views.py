"""A run as it stands, as JSON or as a piece of its page; and what a person may do with it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from sync import follow_up
from sync.home import live
from sync.mirror import mirrored_models
from sync.models import FailedRecord, SyncRun
from sync.queue import enqueue
from sync.start import request_run
from sync.visibility import may_view_kind

MOST_EVENTS = 200
NOTHING_TO_RETRY = (
    "None of these can be fetched alone: they have no Zoho ID, were tried by a later run, or are "
    "mended already. A full sync reads all of them again."
)
STOP_POLLING = 286  # htmx's own status for "take this and ask no more"
NOT_REACHED = (
    "The work queue cannot be reached at the moment. What you asked for is saved and starts by "
    "itself when the queue is back."
)


@never_cache
@staff_member_required
@permission_required("sync.view_syncrun", raise_exception=True)
@require_safe
def status(request: HttpRequest, run_id: int) -> JsonResponse:
    """The state of a run; 404 for one that never was."""
    run = get_object_or_404(SyncRun, pk=run_id)
    stats = run.stats()
    if not may_view_kind(request.user, run.kind):
        stats["errors"] = []  # they name records; counts do not
    return JsonResponse(
        {
            "run_id": run.pk,
            "task_id": str(run.task_id),
            "state": run.state,
            "percent": run.percent(),
            "message": run.message,
            "resume_at": run.resume_at,
            "stats": stats,
        }
    )


@never_cache
@staff_member_required
@permission_required("sync.view_syncrun", raise_exception=True)
@require_safe
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """The live part of a run's page. The browser stops asking when nothing will change."""
    run = get_object_or_404(SyncRun, pk=run_id)
    code = 200 if run.look_again_after() else STOP_POLLING
    return render(request, "sync/progress.html", run_context(request, run), status=code)


def run_context(request: HttpRequest, run: SyncRun) -> dict[str, Any]:
    """What the page of a run shows, besides the run: its log, and the buttons for this person."""
    return {
        "run": run,
        "offers": [name for name in run.actions() if may_act(request.user, run, name)],
        "events": run.events.order_by("-id")[:MOST_EVENTS],
    }


@never_cache
@staff_member_required
@permission_required("sync.view_syncrun", raise_exception=True)
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The live part of the admin's home, which asks for it anew while something runs.

    Notices and charts change when one of the `runs` it showed ends: then the page is loaded anew,
    once.
    """
    context = live()
    answer = render(request, "sync/home_live.html", context)
    if set(request.GET.get("runs", "").split(",")) - set(context["watched"].split(",")):
        answer["HX-Refresh"] = "true"
    return answer


@never_cache
@staff_member_required
@permission_required("sync.trigger_zoho_sync", raise_exception=True)
@require_POST
def start(request: HttpRequest, kind: str) -> HttpResponse:
    """Start a sync of one mirror: of everything, or with `mode=changed` of what was changed."""
    models = {model._meta.label_lower: model for model in mirrored_models()}
    if kind not in models:
        raise Http404
    changed = request.POST.get("mode") == SyncRun.Mode.CHANGED
    asked = request_run(
        models[kind],
        SyncRun.Trigger.PERSON,
        mode=SyncRun.Mode.CHANGED if changed else SyncRun.Mode.FULL,
        user=request.user,
    )
    return land_on(request, *asked)


@never_cache
@staff_member_required
@require_POST
def act(request: HttpRequest, run_id: int, action: str) -> HttpResponse:
    """Do one of ACTIONS with a run, and land on a run's page.

    An action that does not fit the run's state changes nothing, and says so.
    """
    if action not in ACTIONS:
        raise Http404
    run = get_object_or_404(SyncRun, pk=run_id)
    if not may_act(request.user, run, action):
        raise PermissionDenied
    if action not in run.actions():
        return _too_late(request, run)
    do, _ = ACTIONS[action]
    return do(request, run)


def may_act(user: Any, run: SyncRun, action: str) -> bool:
    """Each action takes its right, and the right to view the records it is about."""
    return user.has_perm(ACTIONS[action][1]) and may_view_kind(user, run.kind)


def _too_late(request: HttpRequest, run: SyncRun) -> HttpResponse:
    messages.warning(
        request, f"{run} is {run.get_state_display().lower()} by now; nothing was done."
    )
    return land(request, run)


def _pause(request: HttpRequest, run: SyncRun) -> HttpResponse:
    run.pause(
        f"Paused by {request.user.get_username()}. Nothing happens until somebody resumes or "
        f"cancels it; {run.kept()}."
    )
    return land(request, run)


def _resume(request: HttpRequest, run: SyncRun) -> HttpResponse:
    who = request.user.get_username()
    message = f"Resumed by {who}; waiting for the background service to take it up."
    if run.resume(message) and not enqueue(run):
        messages.warning(request, NOT_REACHED)
    return land(request, run)


def _cancel(request: HttpRequest, run: SyncRun) -> HttpResponse:
    run.cancel(f"Cancelled by {request.user.get_username()}: {run.kept()}.")
    return land(request, run)


def _confirm(request: HttpRequest, run: SyncRun) -> HttpResponse:
    confirmed = follow_up.confirm(run, request.user)
    if confirmed is None:
        return _too_late(request, run)
    return land_on(request, *confirmed)


def _dismiss(request: HttpRequest, run: SyncRun) -> HttpResponse:
    follow_up.dismiss(run, request.user)
    return land(request, run)


def _apply(request: HttpRequest, run: SyncRun) -> HttpResponse:
    return land_on(request, *follow_up.apply(run, request.user))


def _again(request: HttpRequest, run: SyncRun) -> HttpResponse:
    return land_on(request, *follow_up.again(run, request.user))


def _retry(request: HttpRequest, run: SyncRun) -> HttpResponse:
    requested = follow_up.retry(FailedRecord.objects.filter(run=run), request.user)
    if requested is None:
        messages.warning(request, NOTHING_TO_RETRY)
        return land(request, run)
    return land_on(request, *requested)


TRIGGER, MEND = "sync.trigger_zoho_sync", "sync.mend_zoho_data"
# What can be done with a run, and the right it takes.
ACTIONS: dict[str, tuple[Callable[[HttpRequest, Any], HttpResponse], str]] = {
    "pause": (_pause, TRIGGER),
    "resume": (_resume, TRIGGER),
    "cancel": (_cancel, TRIGGER),
    "apply": (_apply, TRIGGER),
    "again": (_again, TRIGGER),
    "confirm": (_confirm, MEND),
    "dismiss": (_dismiss, MEND),
    "retry": (_retry, MEND),
}


def land_on(request: HttpRequest, run: SyncRun, is_new: bool) -> HttpResponse:
    """Start a run that was just asked for, say so, and go to its page; or to the one that is in
    its way."""
    if not is_new:
        messages.warning(
            request,
            f"{run} is active, and only one can be. Nothing was started; ask again when it has "
            "ended, or cancel it.",
        )
    elif enqueue(run):
        messages.success(request, f"Task initiated: {run.task_id}")
    else:
        messages.warning(request, NOT_REACHED)
    return land(request, run)


def land(request: HttpRequest, run: SyncRun) -> HttpResponse:
    """The run's page, or its records for those who may not see runs."""
    if not request.user.has_perm("sync.view_syncrun"):
        return redirect(run.records_url())
    return redirect("admin:sync_syncrun_change", run.pk)
