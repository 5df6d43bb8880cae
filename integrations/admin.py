"""The connection in the admin. Secrets go in and never come out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html

from backoffice.encryption import Unreadable
from backoffice.listing import ReadOnlyAdmin, ago
from backoffice.redaction import mask
from integrations import people  # noqa: F401 (registers itself)
from integrations.models import AuditEvent, ZohoCredential, ZohoQuota, ZohoUsage

SECRETS = ("client_id", "client_secret", "refresh_token")
# Learnt with the old ones, void with the new.
IDENTITY = (*SECRETS, "data_center", "environment")

STATE_STYLES = {
    ZohoCredential.State.CONNECTED: "state-ok",
    ZohoCredential.State.EXPIRING: "state-ok",
    ZohoCredential.State.EXPIRED: "state-warn",
    ZohoCredential.State.RECONNECT_NEEDED: "state-bad",
    ZohoCredential.State.UNREADABLE: "state-bad",
    ZohoCredential.State.NOT_CONNECTED: "state-off",
}
STATE_HELP = {
    ZohoCredential.State.CONNECTED: "The access token is good.",
    ZohoCredential.State.EXPIRING: "The access token ends soon; the next call renews it.",
    ZohoCredential.State.EXPIRED: "The next call gets a new access token by itself.",
    ZohoCredential.State.NOT_CONNECTED: "Press Connect with Zoho.",
}


class ZohoCredentialForm(forms.ModelForm):
    """Secret inputs start empty. Left blank, they keep what is stored."""

    class Meta:
        model = ZohoCredential
        fields = ("data_center", "environment", "organization_id", *SECRETS)
        widgets = {
            name: forms.PasswordInput(
                render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField"}
            )
            for name in SECRETS
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SECRETS:
            if name not in self.fields:  # shown read-only to whoever may only look
                continue
            stored = getattr(self.instance, name)
            self.initial.pop(name, None)
            field = self.fields[name]
            field.required = not stored and name != "refresh_token"
            field.help_text = (
                f"Stored: {mask(stored)}. Leave blank to keep it." if stored else "Not stored yet."
            )
            if isinstance(stored, Unreadable):
                field.help_text = "What is stored cannot be decrypted. Enter it again."

    def _kept(self, name: str) -> str:
        return self.cleaned_data.get(name) or getattr(self.instance, name)

    def clean_client_id(self) -> str:
        return self._kept("client_id")

    def clean_client_secret(self) -> str:
        return self._kept("client_secret")

    def clean_refresh_token(self) -> str:
        return self._kept("refresh_token")


@admin.register(ZohoCredential)
class ZohoCredentialAdmin(admin.ModelAdmin):
    form = ZohoCredentialForm
    list_display = ("organization_id", "data_center", "token_state", "client", "refreshed_at")
    actions = None
    readonly_fields = (
        "token_state",
        "stored_refresh_token",
        "expires_in",
        "scope",
        "api_domain",
        "refreshed_at",
    )
    fieldsets = (
        (
            "Connection",
            {
                "fields": (
                    "token_state",
                    "data_center",
                    "environment",
                    "organization_id",
                    *SECRETS,
                )
            },
        ),
        ("Access", {"fields": ("expires_in", "scope", "api_domain", "refreshed_at")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not ZohoCredential.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj and not self.has_change_permission(request, obj):
            # Who may look but not change gets no inputs, and masked texts instead of secrets.
            shown = ("token_state", "data_center", "organization_id", "stored_refresh_token")
            return (("Connection", {"fields": shown}), self.fieldsets[1])
        return self.fieldsets

    @admin.display(description="Token")
    def token_state(self, credential: ZohoCredential) -> str:
        state = credential.state()
        return format_html(
            '<span class="badge {}">{}</span> {}',
            STATE_STYLES[state],
            state.label,
            credential.problem().removeprefix(f"{state.label}: ") or STATE_HELP.get(state, ""),
        )

    @admin.display(description="Client ID")
    def client(self, credential: ZohoCredential) -> str:
        return mask(credential.client_id)

    @admin.display(description="Refresh token")
    def stored_refresh_token(self, credential: ZohoCredential) -> str:
        return mask(credential.refresh_token) or "none"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # There is one connection at most: a list of one is a click too many.
        credential = ZohoCredential.objects.first()
        if credential and self.has_view_permission(request, credential):
            return redirect("admin:integrations_zohocredential_change", credential.pk)
        return super().changelist_view(request, extra_context)

    def save_model(
        self, request: HttpRequest, obj: ZohoCredential, form: forms.ModelForm, change: bool
    ) -> None:
        if set(form.changed_data) & set(IDENTITY):
            obj.forget_access()
        super().save_model(request, obj, form, change)
        if form.changed_data:
            did = AuditEvent.Action
            AuditEvent.record(
                did.CONNECTION_CHANGED if change else did.CONNECTION_MADE,
                user=request.user,
                about=str(obj),
                via="the form Zoho Credentials",
                fields=form.changed_data,
            )


@admin.register(ZohoUsage)
class ZohoUsageAdmin(ReadOnlyAdmin):
    """The day ledger."""

    list_display = ("day", "product", "purpose", "calls", "rate_limited", "tokens", "last_call_at")
    list_display_links = None
    list_filter = ("product", "purpose")
    date_hierarchy = "day"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ZohoUsage]:
        """Without the purposes that nothing was spent for."""
        return super().get_queryset(request).exclude(calls=0, rate_limited=0, tokens=0)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"quotas": ZohoQuota.of_all(), **(extra_context or {})}
        return super().changelist_view(request, context)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = ("when", "who", "action", "about", "more")
    list_display_links = None
    list_filter = ("action", "at")
    list_per_page = 100
    search_fields = ("who", "about")
    search_help_text = "All of who, or about"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        if term := search_term.strip():
            queryset = queryset.filter(Q(who=term) | Q(about=term))
        return queryset, False

    @admin.display(description="When", ordering="id")
    def when(self, event: AuditEvent) -> str:
        return ago(event.at)

    @admin.display(description="Details")
    def more(self, event: AuditEvent) -> str:
        return ", ".join(
            f"{name.replace('_', ' ')}: {_in_words(value)}"
            for name, value in event.details.items()
            if value not in (None, "", [])
        )


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
