"""The page of one change request: what was asked, what became of it, what can be done."""

from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import permission_required
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm_accounts.mapping import COLUMNS
from crm_accounts.models import ChangeRequest, RequestedChange
from crm_accounts.models.change_request import VIEW
from crm_accounts.write_back import decisions
from crm_accounts.write_back.decisions import APPROVE, ASK, NotPossibleError
from crm_accounts.write_back.kinds import Kind, all_kinds
from integrations.models import ZohoCredential
from integrations.zoho.scopes import CRM_WRITE, features_of
from sync.views import NOT_REACHED, STOP_POLLING

SEEN = "account-as-seen"  # the salt of what a form carries
PER_PAGE = 50
SECONDS_BETWEEN_LOOKS = 15  # at a request that waits for somebody else

Action = Callable[[HttpRequest, ChangeRequest], HttpResponse]
State, Of, Origin = ChangeRequest.State, RequestedChange.State, ChangeRequest.Origin
# What did not come about, and may with another value.
CORRECTABLE = (*RequestedChange.FAILED, Of.INVALID, Of.READY, Of.LEFT_OUT)


def allowed(*permissions: str) -> Callable[[Callable[..., HttpResponseBase]], Any]:
    """For staff with all of these permissions; never from a cache."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Any:
        checked = permission_required(permissions, raise_exception=True)(view)
        return never_cache(staff_member_required(checked))

    return decorate


def writing_forbidden() -> str:
    """Why Zoho would refuse every change, as far as is known beforehand; "" when it may not."""
    credential = ZohoCredential.objects.first()
    if credential and credential.problem():
        return (
            "The connection to Zoho has to be renewed before anything can be sent. Ask whoever may "
            "connect Zoho."
        )
    scopes = credential.scopes() if credential else []
    if not scopes or CRM_WRITE.key in features_of(scopes):
        return ""
    return (
        "The connection to Zoho may only read accounts, so Zoho would refuse every change. Open "
        f"Connect with Zoho and choose “{CRM_WRITE.name}”, or ask whoever may."
    )


def page_context(request: HttpRequest, title: str) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": title,
        "needs_approval": decisions.needs_approval(request.user),
        "forbidden": writing_forbidden(),
    }


def request_context(request: HttpRequest, asked: ChangeRequest) -> dict[str, Any]:
    """What the page of a request shows: what was asked, what became of it, what can be done."""
    if asked.state == State.APPROVED and not asked.is_under_way:
        asked.settle()  # its run may have ended without a last word
    counts = dict(
        asked.changes.order_by()
        .values_list("state")
        .annotate(n=Count("pk"))
        .values_list("state", "n")
    )
    offered = offers(asked, request.user, counts)
    only = request.GET.get("state", "")
    changes = asked.changes.select_related("account").order_by("number")
    if only in counts:
        changes = changes.filter(state=only)
    page = Paginator(changes, PER_PAGE).get_page(request.GET.get("page"))
    kinds = all_kinds({name for change in page for name in change.fields})
    return {
        "asked": asked,
        "counts": [(Of(state), counts[state]) for state in Of if state in counts],
        "only": only if only in counts else "",
        "page": page,
        "rows": [
            {
                "change": change,
                "state": RequestedChange.state_of(change, asked),
                "fields": _told(change, kinds),
                "may_correct": change.account is not None
                and change.state in CORRECTABLE
                and not asked.is_under_way
                and asked.state not in (State.DRAFT, State.PENDING, State.CONFLICT)
                and request.user.has_perm(ASK),
            }
            for change in page
        ],
        "offers": offered,
        "ready": counts.get(Of.READY, 0),
        "to_undo": counts.get(Of.WRITTEN, 0),
        "failed": sum(counts.get(state, 0) for state in RequestedChange.FAILED),
        "needs_approval": decisions.needs_approval(request.user),
        "look_again_after": _look_again_after(asked, offered),
        "approvers": approvers(asked) if asked.state == State.PENDING else [],
        "undone_by": asked.undone_by.exclude(state__in=ChangeRequest.NEVER_SENT),
        "is_over": asked.is_expired or asked.state in ChangeRequest.NEVER_SENT,
        "may_leave_out": decisions.may_leave_out(asked, request.user),
        "was_sent": asked.was_sent,
    }


def _look_again_after(asked: ChangeRequest, offered: set[str]) -> int | None:
    """Seconds. Not while somebody may be writing why they reject it."""
    if asked.run and asked.is_under_way:
        return asked.run.look_again_after()
    waits = asked.state == State.PENDING and not asked.is_expired
    return SECONDS_BETWEEN_LOOKS if waits and "reject" not in offered else None


def _told(change: RequestedChange, kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """Each field in words: label, before, after, and theirs where it is another."""
    told = []
    places = {name: place for place, name in enumerate(COLUMNS)}
    for name in sorted(change.fields, key=lambda name: (places.get(name, len(places)), name)):
        field, kind = change.fields[name], kinds[name]
        told.append(
            {
                "name": name,
                "label": kind.label,
                "before": kind.shown(field["before"]),
                "after": kind.shown(field["after"]),
                "left_out": field.get("left_out", False),
                "theirs": kind.shown(change.theirs[name]) if name in change.theirs else None,
            }
        )
    return told


def offers(asked: ChangeRequest, user: Any, counts: Mapping[str, int]) -> set[str]:
    """What this person can do with it as it stands."""
    found = set()
    is_own = asked.asked_by_id == user.pk
    ready = bool(counts.get(Of.READY))
    if asked.state == State.DRAFT and is_own and user.has_perm(ASK):
        found |= {"ask", "withdraw"} if ready else {"withdraw"}
    if asked.state == State.PENDING and not asked.is_expired:
        found |= {"withdraw"} if is_own else set()
        if decisions.may_approve(asked, user):
            found |= {"approve", "reject"} if ready else {"reject"}
    if decisions.may_leave_out(asked, user):
        found.add("leave_out")
    if not decisions.may_act(asked, user):
        return found
    if asked.is_under_way:
        return found | {"stop"}
    if asked.state == State.APPROVED:
        found |= {"again", "give_up"}
    if asked.state == State.CONFLICT:
        found |= {"resolve", "keep_theirs", "give_up"}
    if asked.state == State.DONE and any(counts.get(state) for state in RequestedChange.FAILED):
        found.add("again")
    undone = asked.undone_by.exclude(state__in=ChangeRequest.NEVER_SENT).exists()
    if asked.state not in (State.DRAFT, State.PENDING) and counts.get(Of.WRITTEN) and not undone:
        found.add("undo")
    return found


def approvers(asked: ChangeRequest) -> list[str]:
    """Some of those who may approve it, by name."""
    users = get_user_model()._default_manager
    # Named, because the throttle of sign-ins is a backend too; it knows no permissions.
    people = users.with_perm(APPROVE, backend="django.contrib.auth.backends.ModelBackend")
    people = people.filter(is_staff=True)
    if settings.ZOHO_CRM_APPROVAL == decisions.ALWAYS and asked.asked_by_id:
        people = people.exclude(pk=asked.asked_by_id)
    return [person.get_username() for person in people.order_by("username")[:10]]


def find(request: HttpRequest, pk: int) -> ChangeRequest:
    """A request that this person may see, with its run, as they stand at one moment; a mere
    selection is none yet."""
    visible = ChangeRequest.objects.visible_to(request.user)
    requests = visible.exclude(origin=Origin.SELECTION)
    return get_object_or_404(requests.select_related("run", "asked_by", "decided_by"), pk=pk)


@allowed(*VIEW)
@require_safe
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of its page that changes. The browser stops asking when nothing will."""
    asked = find(request, pk)
    context = request_context(request, asked)
    code = 200 if context["look_again_after"] else STOP_POLLING
    return render(request, "crm_accounts/request_live.html", context, status=code)


@allowed(*VIEW)
@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Do one of ACTIONS, and land on the request's page."""
    if action not in ACTIONS:
        raise Http404
    if not (request.user.has_perm(ASK) or request.user.has_perm(APPROVE)):
        raise PermissionDenied
    asked = find(request, pk)
    counts = dict.fromkeys(asked.changes.values_list("state", flat=True), 1)
    if action not in offers(asked, request.user, counts):
        messages.warning(
            request,
            f"{asked} is {asked.get_state_display().lower()} by now, or that is for others to "
            "do. Nothing was done.",
        )
        return redirect(asked)
    return ACTIONS[action](request, asked)


def decide(
    request: HttpRequest, asked: ChangeRequest, do: Callable[[ChangeRequest, Any], None]
) -> HttpResponse:
    try:
        do(asked, request.user)
    except NotPossibleError as error:
        messages.warning(request, str(error))
        return redirect(asked)
    if asked.state == State.PENDING:
        if approvers(asked):
            messages.success(request, f"{asked} waits for approval.")
        else:
            messages.warning(
                request,
                f"{asked} waits for approval, and nobody may approve it: have somebody given the "
                "right “Can approve changes of accounts in Zoho”.",
            )
    elif asked.is_under_way and not asked.is_queue_reached:
        messages.warning(request, NOT_REACHED)
    elif asked.is_under_way:
        messages.success(request, f"{asked} is on its way to Zoho.")
    elif asked.state == State.REJECTED:
        messages.success(request, f"{asked} is rejected; who asked for it sees why.")
    return redirect(asked)


def _reject(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    why = request.POST.get("decision", "")
    return decide(request, asked, lambda one, user: decisions.reject(one, user, why))


def _leave_out(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    change = request.POST.get("change", "")
    pk = int(change) if change.isdecimal() and len(change) < 19 else 0
    try:
        decisions.leave_out(asked, request.user, pk)
    except NotPossibleError as error:
        messages.warning(request, str(error))
    back = QueryDict(request.POST.get("back", "")).urlencode()
    return redirect(f"{asked.get_absolute_url()}?{back}#change-{pk}")


def _undo(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    try:
        return redirect(decisions.undo(asked, request.user))
    except NotPossibleError as error:
        messages.warning(request, str(error))
        return redirect(asked)


def _deciding(do: Callable[[ChangeRequest, Any], None]) -> Action:
    return lambda request, asked: decide(request, asked, do)


# What can be done with a request; `offers` says when, and by whom.
ACTIONS: dict[str, Action] = {
    "ask": _deciding(decisions.ask),
    "approve": _deciding(decisions.approve),
    "reject": _reject,
    "leave_out": _leave_out,
    "withdraw": _deciding(decisions.withdraw),
    "stop": _deciding(decisions.stop),
    "again": _deciding(decisions.send_again),
    "give_up": _deciding(decisions.give_up),
    "keep_theirs": _deciding(decisions.keep_theirs),
    "undo": _undo,
}


@allowed(*VIEW)
def resolve(request: HttpRequest, pk: int) -> HttpResponse:
    """Ours, before, theirs: choose for each field whose value stays."""
    asked = find(request, pk)
    if not decisions.may_act(asked, request.user):
        raise PermissionDenied
    conflicts = asked.changes.filter(state=Of.CONFLICT).select_related("account")
    if asked.state != State.CONFLICT or asked.is_under_way or not conflicts.exists():
        messages.info(request, "There is nothing to decide about it just now.")
        return redirect(asked)
    shown = list(conflicts.order_by("number")[:PER_PAGE])
    if request.method == "POST":
        choices = {change.pk: _chosen(request, change) for change in shown}
        missing = sum(len(set(change.theirs) - set(choices[change.pk].stays)) for change in shown)
        if not missing:
            answer = decide(request, asked, lambda one, user: decisions.resolve(one, choices, user))
            asked.refresh_from_db()
            if asked.state == State.CONFLICT:
                return redirect("crm_accounts:resolve", pk)
            return answer
        messages.error(
            request,
            f"Choose whose value stays in {missing:,} more field{'s' if missing > 1 else ''}. "
            "Nothing was changed.",
        )
    kinds = all_kinds({name for change in shown for name in change.fields})
    context = {
        **page_context(request, f"{asked}: decide"),
        "asked": asked,
        "left": conflicts.count() - len(shown),
        "rows": [
            {
                "change": change,
                "seen": signing.Signer(salt=SEEN).sign_object(change.theirs),
                "fields": [
                    {**one, "chosen": request.POST.get(f"{change.pk}-{one['name']}")}
                    for one in _told(change, kinds)
                    if one["theirs"] is not None
                ],
                "others": [
                    one
                    for one in _told(change, kinds)
                    if one["theirs"] is None and not one["left_out"]
                ],
            }
            for change in shown
        ],
    }
    return render(request, "crm_accounts/resolve.html", context)


def _chosen(request: HttpRequest, change: RequestedChange) -> decisions.Chosen:
    """What was chosen, and what the page showed as Zoho's when it was."""
    try:
        seen = signing.Signer(salt=SEEN).unsign_object(request.POST.get(f"{change.pk}-seen", ""))
    except signing.BadSignature:
        seen = {}
    stays = {name: request.POST.get(f"{change.pk}-{name}") for name in change.theirs}
    return decisions.Chosen(
        seen, {name: whose for name, whose in stays.items() if whose in ("ours", "theirs")}
    )
