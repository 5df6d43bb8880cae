"""Pages on which people change accounts in Zoho: one, many, by a file; and what became of it."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import permission_required
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from crm_accounts.models import Account, ChangeRequest, RequestedChange
from crm_accounts.write_back import decisions, file
from crm_accounts.write_back.decisions import APPROVE, ASK, NotPossible
from crm_accounts.write_back.forms import AccountForm, ManyForm, UploadForm
from crm_accounts.write_back.kinds import Kind, all_kinds, editable
from crm_accounts.write_back.wanted import MOST_ACCOUNTS, Wanted, differences, make, of_many
from integrations.models import ZohoCredential
from integrations.zoho.scopes import CRM_WRITE, features_of
from sync.views import STOP_POLLING

SEEN = "account-as-seen"  # the salt of what a form carries
PER_PAGE = 50
VIEW = ("crm_accounts.view_changerequest", "crm_accounts.view_account")
UNKNOWN_FIELDS = (
    "Which fields your accounts have is not known yet. Sync accounts once, then change them."
)

State, Of, Origin = ChangeRequest.State, RequestedChange.State, ChangeRequest.Origin


def allowed(*permissions: str) -> Callable[[Callable[..., HttpResponse]], Any]:
    """For staff with all of these permissions; never from a cache."""

    def decorate(view: Callable[..., HttpResponse]) -> Any:
        checked = permission_required(permissions, raise_exception=True)(view)
        return never_cache(staff_member_required(checked))

    return decorate


def writing_forbidden() -> str:
    """Why Zoho would refuse every change, as far as is known beforehand; "" when it may not."""
    credential = ZohoCredential.objects.first()
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


# --- one account ----------------------------------------------------------------------------------


@allowed(ASK, *VIEW)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change one account. What is sent is told apart from what the person saw: the form carries
    it, signed, so that a sync in between is no change of theirs."""
    account = get_object_or_404(Account, pk=pk)
    if account.retired_at:
        messages.error(request, "Zoho no longer has this account, so it cannot be changed there.")
        return redirect("admin:crm_accounts_account_change", pk)
    kinds = editable()
    sent = _seen(request, account)
    if sent is None and request.method == "POST":
        messages.error(
            request, "This page was too old to be saved. Nothing was changed: try once more."
        )
    seen = sent or _as_it_is(account, kinds)
    form = AccountForm(kinds, seen["now"], request.POST if sent else None)
    if sent and form.is_valid():
        fields = differences(seen["now"], form.after())
        if not fields:
            messages.info(request, "Nothing was changed, so nothing is sent to Zoho.")
            return redirect("admin:crm_accounts_account_change", pk)
        known_at = parse_datetime(seen["at"]) if seen["at"] else None
        one = Wanted(1, account, account.zoho_account_id, fields, known_at)
        made = make(Origin.PAGE, request.user, [one], form.cleaned_data["why"])
        return _decide(request, made, decisions.ask)
    context = {
        **page_context(request, f"Change {account} in Zoho"),
        "account": account,
        "form": form,
        "seen": signing.Signer(salt=SEEN).sign_object(seen),
        "unknown_fields": "" if kinds else UNKNOWN_FIELDS,
    }
    return render(request, "crm_accounts/edit.html", context)


def _as_it_is(account: Account, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    modified = account.zoho_modified_at
    return {
        "pk": account.pk,
        "now": {name: kind.known(account) for name, kind in kinds.items()},
        "at": modified.isoformat() if modified else "",
    }


def _seen(request: HttpRequest, account: Account) -> dict[str, Any] | None:
    """What the form that was sent began with; None for none, or one that is not ours."""
    if request.method != "POST":
        return None
    try:
        seen = signing.Signer(salt=SEEN).unsign_object(request.POST.get("seen", ""))
    except signing.BadSignature:
        return None
    return seen if isinstance(seen, dict) and seen.get("pk") == account.pk else None


# --- many -----------------------------------------------------------------------------------------


@allowed(ASK, *VIEW)
def many(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what becomes of the accounts that were selected for this draft."""
    draft = get_object_or_404(ChangeRequest, pk=pk, asked_by=request.user, origin=Origin.SELECTION)
    kinds = editable()
    form = ManyForm(kinds, request.POST if request.method == "POST" else None)
    selected = draft.changes.count()
    if request.method == "POST" and form.is_valid():
        after = form.after()
        accounts = Account.objects.filter(requested_changes__request=draft).order_by("name", "id")
        wanted = of_many(accounts, form.kinds, after)
        if not after:
            messages.error(request, "Tick the fields that are to be changed. Nothing was changed.")
        elif not wanted:
            messages.info(request, "All selected accounts have these values already.")
        else:
            made = make(Origin.LIST, request.user, wanted, form.cleaned_data["why"])
            draft.delete()
            if same := selected - len(wanted):
                messages.info(request, f"{same:,} of them have these values already: left out.")
            return redirect(made)
    context = {
        **page_context(request, f"Change {selected:,} accounts in Zoho"),
        "draft": draft,
        "selected": selected,
        "form": form,
        "unknown_fields": "" if kinds else UNKNOWN_FIELDS,
    }
    return render(request, "crm_accounts/many.html", context)


@allowed(ASK, *VIEW)
def upload(request: HttpRequest) -> HttpResponse:
    """Read a file; what it would change is shown before anything is asked for."""
    sent = request.method == "POST"
    form = UploadForm(request.POST, request.FILES) if sent else UploadForm()
    kinds = editable()
    if sent and form.is_valid():
        try:
            wanted, ignored = file.read(
                form.cleaned_data["file"].read(file.MOST_BYTES + 1),
                kinds,
                empty_clears=form.cleaned_data["empty_clears"],
            )
        except file.BadFile as error:
            form.add_error("file", str(error))
        else:
            if ignored:
                messages.info(request, f"These columns were left alone: {', '.join(ignored)}.")
            if wanted:
                made = make(Origin.FILE, request.user, wanted, form.cleaned_data["why"])
                return redirect(made)
            form.add_error(
                "file", "Everything in the file is as it is in Zoho already. Nothing to change."
            )
    context = {
        **page_context(request, "Change accounts by a file"),
        "form": form,
        "accounts": Account.objects.filter(retired_at=None).count(),
        "most": MOST_ACCOUNTS,
        "unknown_fields": "" if kinds else UNKNOWN_FIELDS,
    }
    return render(request, "crm_accounts/upload.html", context)


@allowed(ASK, *VIEW)
@require_safe
def download(request: HttpRequest) -> HttpResponse:
    """All accounts as a file to change."""
    accounts = Account.objects.filter(retired_at=None).order_by("name", "id")
    return file_of(accounts[:MOST_ACCOUNTS])


def file_of(accounts: Any) -> HttpResponse:
    name = f"accounts_to_change_{timezone.localtime():%Y-%m-%d_%H-%M}.csv"
    return HttpResponse(
        file.written(accounts, editable()).encode("utf-8-sig"),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# --- one request ----------------------------------------------------------------------------------


def request_context(request: HttpRequest, asked: ChangeRequest) -> dict[str, Any]:
    """What the page of a request shows: what was asked, what became of it, what can be done."""
    counts = dict(
        asked.changes.order_by()
        .values_list("state")
        .annotate(n=Count("pk"))
        .values_list("state", "n")
    )
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
        "rows": [(change, _told(change, kinds)) for change in page],
        "offers": offers(asked, request.user, counts),
        "ready": counts.get(Of.READY, 0),
        "to_undo": counts.get(Of.WRITTEN, 0),
        "failed": sum(counts.get(state, 0) for state in RequestedChange.FAILED),
        "needs_approval": decisions.needs_approval(request.user),
        "look_again_after": asked.run.look_again_after() if asked.run else None,
        "approvers": approvers(asked) if asked.state == State.PENDING else [],
    }


def _told(change: RequestedChange, kinds: Mapping[str, Kind]) -> list[dict[str, Any]]:
    """Each field in words: label, before, after, and theirs where it is another."""
    told = []
    for name, field in change.fields.items():
        kind = kinds.get(name)
        if kind is None:
            continue
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
    if not user.has_perm(ASK) and not user.has_perm(APPROVE):
        return set()
    found = set()
    is_own = asked.asked_by_id == user.pk
    is_idle = asked.run is None or not asked.run.is_active
    to_send = any(counts.get(state) for state in RequestedChange.TO_DO)
    failed = any(counts.get(state) for state in RequestedChange.FAILED)
    if asked.state == State.DRAFT and is_own:
        found |= {"ask", "withdraw"} if to_send else {"withdraw"}
    if asked.state == State.PENDING and not asked.is_expired:
        found |= {"withdraw"} if is_own else set()
        found |= {"approve", "reject"} if decisions.may_approve(asked, user) else set()
    if decisions.may_act(asked, user) and is_idle:
        if asked.state == State.APPROVED and to_send:
            found |= {"again", "give_up"}
        if asked.state in (State.CONFLICT, State.DONE) and failed:
            found.add("again")
        if asked.state == State.CONFLICT:
            found.add("resolve")
        if asked.state in (State.CONFLICT, State.DONE) and counts.get(Of.WRITTEN):
            found.add("undo")
    return found


def approvers(asked: ChangeRequest) -> list[str]:
    """Some of those who may approve it, by name."""
    people = get_user_model()._default_manager.filter(is_active=True, is_staff=True)
    return [
        person.get_username()
        for person in people.order_by("username")[:200]
        if decisions.may_approve(asked, person)
    ][:10]


@allowed(*VIEW)
@require_safe
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of its page that changes. The browser stops asking when nothing will."""
    asked = get_object_or_404(ChangeRequest, pk=pk)
    context = request_context(request, asked)
    code = 200 if context["look_again_after"] else STOP_POLLING
    return render(request, "crm_accounts/request_live.html", context, status=code)


@allowed(*VIEW)
@require_POST
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Do one of ACTIONS, and land on the request's page."""
    if action not in ACTIONS:
        raise Http404
    do, permission = ACTIONS[action]
    if not request.user.has_perm(permission):
        raise PermissionDenied
    asked = get_object_or_404(ChangeRequest, pk=pk)
    counts = dict.fromkeys(asked.changes.values_list("state", flat=True), 1)
    if action not in offers(asked, request.user, counts):
        messages.warning(
            request, f"{asked} is {asked.get_state_display().lower()} by now; nothing was done."
        )
        return redirect(asked)
    return do(request, asked)


def _decide(
    request: HttpRequest, asked: ChangeRequest, do: Callable[[ChangeRequest, Any], None]
) -> HttpResponse:
    try:
        do(asked, request.user)
    except NotPossible as error:
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
    elif asked.state == State.APPROVED:
        messages.success(request, f"{asked} is on its way to Zoho.")
    return redirect(asked)


def _ask(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    return _decide(request, asked, decisions.ask)


def _approve(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    left_out = [int(pk) for pk in request.POST.getlist("left_out") if pk.isdecimal()]
    return _decide(request, asked, lambda one, user: decisions.approve(one, user, left_out))


def _reject(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    why = request.POST.get("decision", "")
    return _decide(request, asked, lambda one, user: decisions.reject(one, user, why))


def _withdraw(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    return _decide(request, asked, decisions.withdraw)


def _again(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    return _decide(request, asked, decisions.send_again)


def _give_up(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    return _decide(request, asked, decisions.give_up)


def _undo(request: HttpRequest, asked: ChangeRequest) -> HttpResponse:
    try:
        return redirect(decisions.undo(asked, request.user))
    except NotPossible as error:
        messages.warning(request, str(error))
        return redirect(asked)


ACTIONS: dict[str, tuple[Callable[[HttpRequest, ChangeRequest], HttpResponse], str]] = {
    "ask": (_ask, ASK),
    "approve": (_approve, APPROVE),
    "reject": (_reject, APPROVE),
    "withdraw": (_withdraw, ASK),
    "again": (_again, ASK),
    "give_up": (_give_up, ASK),
    "undo": (_undo, ASK),
}


@allowed(ASK, *VIEW)
def resolve(request: HttpRequest, pk: int) -> HttpResponse:
    """Ours, before, theirs: choose for each field whose value stays."""
    asked = get_object_or_404(ChangeRequest, pk=pk)
    if not decisions.may_act(asked, request.user):
        raise PermissionDenied
    conflicts = asked.changes.filter(state=Of.CONFLICT).select_related("account")
    if asked.state != State.CONFLICT or not conflicts.exists():
        messages.info(request, "Every conflict of it is settled already.")
        return redirect(asked)
    shown = list(conflicts.order_by("number")[:PER_PAGE])
    if request.method == "POST":
        choices = {change.pk: _choices(request, change) for change in shown}
        missing = sum(len(set(change.theirs) - set(choices[change.pk])) for change in shown)
        if not missing:
            answer = _decide(
                request, asked, lambda one, user: decisions.resolve(one, choices, user)
            )
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
            (
                change,
                [
                    {**one, "chosen": request.POST.get(f"{change.pk}-{one['name']}")}
                    for one in _told(change, kinds)
                    if one["theirs"] is not None
                ],
            )
            for change in shown
        ],
    }
    return render(request, "crm_accounts/resolve.html", context)


def _choices(request: HttpRequest, change: RequestedChange) -> dict[str, Literal["ours", "theirs"]]:
    chosen: dict[str, Literal["ours", "theirs"]] = {}
    for name in change.theirs:
        match request.POST.get(f"{change.pk}-{name}"):
            case "ours":
                chosen[name] = "ours"
            case "theirs":
                chosen[name] = "theirs"
    return chosen
