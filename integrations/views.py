"""The pages of the connection: begin, come back from Zoho, choose the organisation, test, end."""

from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.decorators import staff_member_required
from django.contrib.auth.decorators import permission_required
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from backoffice.redaction import mask
from integrations import connect
from integrations.models import ConnectAttempt, ZohoCredential
from integrations.zoho.data_centers import DATA_CENTERS
from integrations.zoho.errors import ZohoConfigError, ZohoError
from integrations.zoho.inventory import ZohoClient
from integrations.zoho.scopes import CHOICES, CRM_READ, CRM_WRITE, INVENTORY, features_of

MAY_CONNECT = "integrations.change_zohocredential"


def connect_view(view: Any) -> Any:
    """For staff who may change the connection; never cached, since it deals with secrets."""
    guarded = permission_required(MAY_CONNECT, raise_exception=True)(view)
    return never_cache(staff_member_required(guarded))


class ConnectForm(forms.Form):
    """Secrets go in and never come out; left blank, the stored ones are used."""

    data_center = forms.ChoiceField(
        label="Data centre",
        choices=[(dc.location, dc.name) for dc in DATA_CENTERS.values()],
        help_text="Where your Zoho account lives: the end of the address you sign in at.",
    )
    client_id = forms.CharField(
        label="Client ID",
        required=False,
        validators=[RegexValidator(r"^1000\.", "A client ID of Zoho's begins with 1000.")],
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "form-control"}),
    )
    client_secret = forms.CharField(
        label="Client secret",
        required=False,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password", "class": "form-control"}
        ),
    )

    grant_code = forms.CharField(
        label="Code of a Self Client",
        required=False,
        help_text="Made in Zoho's API console with the scopes above, good for a few minutes.",
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "class": "form-control"}
        ),
    )
    features = forms.MultipleChoiceField(
        required=False, choices=[(feature.key, feature.name) for feature in CHOICES]
    )

    def __init__(self, *args: Any, stored: ZohoCredential | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = stored
        self.fields["data_center"].widget.attrs["class"] = "form-select"
        for name in ("client_id", "client_secret"):
            known = getattr(stored, name, "")
            if known:
                self.fields[name].help_text = f"Stored: {mask(known)}. Leave blank to keep it."

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for name in ("client_id", "client_secret"):
            values[name] = values.get(name) or getattr(self.stored, name, "")
            if not values[name] and name not in self.errors:
                self.add_error(name, "Zoho's API console shows it under Client Secret.")
        if "with_code" in self.data and not values.get("grant_code"):
            self.add_error("grant_code", "Paste the code that Zoho's console has generated.")
        return values


@connect_view
def start(request: HttpRequest) -> HttpResponse:
    """GET explains and asks; POST begins an attempt and sends the browser to Zoho's consent, or
    takes a self client's code, for which Zoho needs not be able to reach a browser."""
    stored = ZohoCredential.objects.first()
    redirect_uri = request.build_absolute_uri(reverse("oauth:callback"))
    form = ConnectForm(
        request.POST or None,
        stored=stored,
        initial={
            "data_center": stored.data_center if stored else "us",
            "features": _allowed_before(stored) if stored else [],
        },
    )
    if request.method == "POST" and form.is_valid():
        attempt, state = ConnectAttempt.begin(
            request.user,
            _session_key(request),
            data_center=form.cleaned_data["data_center"],
            redirect_uri=redirect_uri,
            client_id=form.cleaned_data["client_id"],
            client_secret=form.cleaned_data["client_secret"],
        )
        if "with_code" not in request.POST:
            features = form.cleaned_data["features"]
            return HttpResponseRedirect(connect.consent_url(attempt, state, features))
        attempt.use()
        try:
            connect.redeem(attempt, form.cleaned_data["grant_code"])
            return _agreed(request, attempt)
        except ZohoError as error:
            form.add_error("grant_code", error.message)
    page = render(
        request,
        "integrations/connect.html",
        {
            **admin.site.each_context(request),
            "title": "Connect with Zoho",
            "form": form,
            "stored": stored,
            "redirect_uri": redirect_uri,
            "inputs": [form[name] for name in ("data_center", "client_id", "client_secret")],
            "grant_code": form["grant_code"],
            "inventory": INVENTORY,
            "choices": [(it, it.key in (form["features"].value() or ())) for it in CHOICES],
        },
    )
    # The form's own answer is a redirect to Zoho, which browsers hold against form-action, too.
    hosts = [SELF, *_consent_hosts()]
    csp_replace({"form-action": hosts})(lambda request: page)(request)
    return page


def _allowed_before(stored: ZohoCredential) -> list[str]:
    """What a reconnect should ask for. Of a connection that was entered by hand nobody knows what
    it allows: all that is in use here, or it would be lost without a word."""
    if stored.refresh_token and not stored.scopes():
        return [CRM_READ.key, CRM_WRITE.key]
    return features_of(stored.scopes())


def _consent_hosts() -> list[str]:
    centers = (ZohoCredential(data_center=location) for location in DATA_CENTERS)
    return sorted({center.accounts_url() for center in centers})


@connect_view
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Where Zoho sends the browser back to. The answer is used once and then left by a redirect,
    so that a reload asks for nothing twice and no code stays in the address."""
    try:
        attempt = connect.receive(request.GET, request.user, _session_key(request))
    except ZohoError as error:
        messages.error(request, error.message)
        return redirect("oauth:start")
    return _agreed(request, attempt)


def _agreed(request: HttpRequest, attempt: ConnectAttempt) -> HttpResponse:
    """The attempt holds tokens: on to the organisation, which is chosen where there is a choice."""
    found = connect.organisations(attempt.credential())
    stored = ZohoCredential.objects.first()
    known = stored.organization_id if stored else ""
    if len(found) == 1 and known in ("", found[0].id):
        return _connected(request, attempt, found[0].id)
    request.session["organisations"] = [attempt.pk, [[one.id, one.name] for one in found]]
    return redirect("oauth:organisation", attempt.pk)


class OrganisationForm(forms.Form):
    organization_id = forms.CharField(
        label="Organisation ID",
        validators=[RegexValidator(r"^\d{1,32}$", "An organisation ID consists of digits only.")],
        widget=forms.TextInput(attrs={"class": "form-control", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, found: list[list[str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if found:
            choices = [(one, f"{name} ({one})") for one, name in found]
            self.fields["organization_id"] = forms.ChoiceField(
                label="Organisation", choices=choices, widget=forms.RadioSelect
            )


@connect_view
def organisation(request: HttpRequest, attempt_id: int) -> HttpResponse:
    """Zoho has agreed; which organisation is it about?"""
    ConnectAttempt.forget_old()
    attempt = ConnectAttempt.objects.filter(pk=attempt_id).exclude(used_at=None).first()
    if attempt is None or not attempt.belongs_to(request.user, _session_key(request)):
        messages.error(request, f"This connection is not yours to finish. {connect.AGAIN}")
        return redirect("oauth:start")
    of, found = request.session.get("organisations", [None, []])
    try:
        has_agreed = of == attempt.pk and attempt.credential().refresh_token
    except ZohoConfigError as error:
        messages.error(request, error.message)
        return redirect("oauth:start")
    if not has_agreed:
        messages.error(request, f"Zoho has not agreed to this connection. {connect.AGAIN}")
        return redirect("oauth:start")
    stored = ZohoCredential.objects.first()
    form = OrganisationForm(
        request.POST or None,
        found=found,
        initial={"organization_id": stored.organization_id if stored else ""},
    )
    if request.method == "POST" and form.is_valid():
        return _connected(request, attempt, form.cleaned_data["organization_id"])
    context = {
        **admin.site.each_context(request),
        "title": "Choose the organisation",
        "form": form,
        "found": found,
        "stored": stored,
    }
    return render(request, "integrations/organisation.html", context)


def _connected(request: HttpRequest, attempt: ConnectAttempt, organization_id: str) -> HttpResponse:
    request.session.pop("organisations", None)
    try:
        credential = connect.choose(attempt, organization_id)
    except ZohoConfigError as error:
        messages.error(request, error.message)
        return redirect("oauth:start")
    messages.success(
        request,
        f"Connected to Zoho organisation {credential.organization_id}. The home page shows what is "
        "left to do.",
    )
    return _land()


@connect_view
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """One call, to see whether Zoho answers."""
    try:
        client = ZohoClient.from_database(user=request.user)
        try:
            client.fetch_products(per_page=1)
        finally:
            client.close()
    except ZohoError as error:
        messages.error(request, f"The connection does not work at the moment. {error.message}")
    else:
        messages.success(request, "The connection works: Zoho has answered. 1 call was used.")
    return _land()


@connect_view
@require_POST
def disconnect(request: HttpRequest) -> HttpResponse:
    try:
        told = connect.disconnect(request.user)
    except ZohoError as error:
        messages.error(request, error.message)
        return _land()
    kept = "Everything that was synced is kept; nothing is synced until you connect again."
    if told:
        messages.success(request, f"Disconnected, and Zoho was told so. {kept}")
    else:
        messages.warning(
            request,
            "Disconnected here, but Zoho could not be told. Remove the access in Zoho too: "
            f"accounts.zoho → Settings → Connected apps. {kept}",
        )
    return _land()


def _land() -> HttpResponse:
    return redirect("admin:integrations_zohocredential_changelist")


def _session_key(request: HttpRequest) -> str:
    if not request.session.session_key:
        request.session.save()
    return str(request.session.session_key)
