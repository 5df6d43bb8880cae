"""Pages on which people change accounts in Zoho: one, many, or by a file."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core import signing
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from backoffice.export import TOO_MANY_AT_ONCE, as_csv, in_portions, record_download, while_held
from backoffice.models import ExportSlot
from crm_accounts.models import Account, ChangeRequest, RequestedChange
from crm_accounts.models.change_request import VIEW
from crm_accounts.write_back import decisions, file
from crm_accounts.write_back.decisions import ASK
from crm_accounts.write_back.forms import WORKFLOWS, AccountForm, ManyForm, UploadForm
from crm_accounts.write_back.kinds import Kind, editable
from crm_accounts.write_back.request_views import SEEN, allowed, decide, page_context
from crm_accounts.write_back.wanted import MOST_ACCOUNTS, Wanted, differences, make, of_many

UNKNOWN_FIELDS = (
    "Which fields your accounts have is not known yet. Sync accounts once, then change them."
)
State, Of, Origin = ChangeRequest.State, RequestedChange.State, ChangeRequest.Origin


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
    # A field that is new since the page was opened was not seen, and so not changed.
    kinds = {name: kind for name, kind in kinds.items() if name in seen["now"]}
    before = None if sent else _wanted_before(request, account)
    again = {name: field["after"] for name, field in before.fields.items()} if before else {}
    form = AccountForm(kinds, seen["now"], request.POST if sent else None, again)
    if before:
        form.initial[WORKFLOWS] = before.request.runs_workflows
    if sent and form.is_valid():
        fields = differences(seen["now"], form.after())
        if not fields:
            messages.info(request, "Nothing was changed, so nothing is sent to Zoho.")
            return redirect("admin:crm_accounts_account_change", pk)
        known_at = parse_datetime(seen["at"]) if seen["at"] else None
        one = Wanted(1, account, account.zoho_account_id, fields, known_at)
        made = make(Origin.PAGE, request.user, [one], **form.answers())
        return decide(request, made, decisions.ask)
    context = {
        **page_context(request, f"Change {account} in Zoho"),
        "account": account,
        "waiting": open_requests(account),
        "form": form,
        "seen": signing.Signer(salt=SEEN).sign_object(seen),
        "unknown_fields": "" if kinds else UNKNOWN_FIELDS,
    }
    return render(request, "crm_accounts/edit.html", context)


def _wanted_before(request: HttpRequest, account: Account) -> RequestedChange | None:
    """What was once wanted of it and did not come about, to be corrected: …?again=KEY, of a request
    that this person may see."""
    again = request.GET.get("again", "")
    if not again.isdecimal() or len(again) > 18:
        return None
    visible = ChangeRequest.objects.visible_to(request.user)
    changes = account.requested_changes.filter(pk=again, request__in=visible)
    return changes.select_related("request").first()


def open_requests(account: Account) -> Any:
    """What is asked for and not done yet, of one account."""
    waiting = account.requested_changes.filter(
        request__state__in=(State.PENDING, State.APPROVED, State.CONFLICT),
        state__in=(*RequestedChange.TO_DO, Of.CONFLICT),
    )
    return waiting.select_related("request__asked_by").order_by("request_id")


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
        seen = signing.Signer(salt=SEEN).unsign_object(request.POST.get("request-seen", ""))
    except signing.BadSignature:
        return None
    return seen if isinstance(seen, dict) and seen.get("pk") == account.pk else None


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
        if forgotten := form.forgotten():
            messages.error(
                request,
                f"You entered something in {', '.join(forgotten)} and did not tick it: tick it, or "
                "empty it. Nothing was changed.",
            )
        elif not after:
            messages.error(request, "Tick the fields that are to be changed. Nothing was changed.")
        elif not wanted:
            messages.info(request, "All selected accounts have these values already.")
        else:
            made = make(Origin.LIST, request.user, wanted, **form.answers())
            if same := selected - len(wanted):
                have = "has" if same == 1 else "have"
                messages.info(request, f"{same:,} of them {have} these values already: left out.")
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
            wanted, notes = file.read(
                form.cleaned_data["file"].file,
                kinds,
                empty_clears=form.cleaned_data["empty_clears"],
            )
        except file.InvalidFileError as error:
            form.add_error("file", str(error))
        else:
            for note in notes:
                messages.warning(request, note)
            if wanted:
                made = make(Origin.FILE, request.user, wanted, **form.answers())
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
def download(request: HttpRequest) -> HttpResponseBase:
    """All accounts as a file to change, or where they are too many, a word why not."""
    accounts = Account.objects.filter(retired_at=None).order_by("name", "id")
    if accounts.count() > MOST_ACCOUNTS:
        messages.error(request, "There are too many accounts for one file: select some of them.")
        return redirect("crm_accounts:upload")
    return file_of(request, accounts) or redirect("crm_accounts:upload")


def file_of(request: HttpRequest, accounts: QuerySet[Account]) -> HttpResponseBase | None:
    """These accounts as a CSV file to change; None, and a message, while others are exported."""
    slot = ExportSlot.take()
    if slot is None:
        messages.error(request, TOO_MANY_AT_ONCE)
        return None
    kinds = editable()
    keys = list(accounts.values_list("pk", flat=True))
    records = in_portions(Account.objects.all(), keys)
    lines = ([file.line(account, kinds) for account in portion] for portion in records)
    name = f"accounts_to_change_{timezone.localtime():%Y-%m-%d_%H-%M}.csv"
    record_download(request, name, rows=len(keys))
    return as_csv(name, file.head(kinds), while_held(slot, lines))
