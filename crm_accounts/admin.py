"""Accounts in the admin: what Zoho says is shown, what is ours can be edited."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from import_export.fields import Field
from import_export.resources import Resource
from import_export.widgets import DateTimeWidget

from backoffice.export import Exact, PlainText
from backoffice.listing import BoundedList, ReadOnlyAdmin, ago
from crm_accounts.mirror import ACCOUNTS
from crm_accounts.models import Account, ChangeRequest, CrmField, CrmUser, RequestedChange
from crm_accounts.models.change_request import VIEW
from crm_accounts.write_back.decisions import ASK
from crm_accounts.write_back.request_views import request_context, writing_forbidden
from crm_accounts.write_back.views import file_of, open_requests
from crm_accounts.write_back.wanted import MOST_ACCOUNTS, Wanted, make
from sync.mirrored_admin import MirroredAdmin, RetiredFilter
from sync.models.changes import as_text
from sync.templatetags.exactly import exactly

FACTS = (
    "in_zoho",
    "name",
    "account_type",
    "industry",
    "revenue",
    "employees",
    "phone",
    "website",
    "owned_by",
    "part_of",
    "own_fields",
    "description",
    "zoho_account_id",
    "zoho_modified_at",
)
ADDRESSES = tuple(
    f"{kind}_{part}"
    for kind in ("billing", "shipping")
    for part in ("street", "city", "state", "code", "country")
)
MORE = (
    "account_number",
    "account_site",
    "ownership",
    "rating",
    "ticker_symbol",
    "sic_code",
    "fax",
    "currency",
    "rate",
    "zoho_created_at",
    "created_at",
    "synced_at",
)


class AccountExport(Resource):
    """A row for each account, in the words and the order of its page."""

    zoho_account_id = Field("zoho_account_id", "Zoho account ID", PlainText())
    name = Field("name", "Name", PlainText())
    account_type = Field("account_type", "Type", PlainText())
    industry = Field("industry", "Industry", PlainText())
    annual_revenue = Field("annual_revenue", "Annual revenue", Exact())
    phone = Field("phone", "Phone", PlainText())
    website = Field("website", "Website", PlainText())
    owner_id = Field("owner_id", "Owner's ID", PlainText())
    billing_city = Field("billing_city", "Billing city", PlainText())
    billing_country = Field("billing_country", "Billing country", PlainText())
    note = Field("note", "Note", PlainText())
    modified = Field("zoho_modified_at", "Changed in Zoho", DateTimeWidget())


class OwnerFilter(admin.SimpleListFilter):
    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(user.pk, user.name) for user in CrmUser.objects.order_by("name")[:100]]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(owner_id=self.value()) if self.value() else queryset


class AccountList(BoundedList):
    """Of a page's rows, the owners' names are read together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        names = CrmUser.objects.in_bulk({account.owner_id for account in self.result_list})
        for account in self.result_list:
            user = names.get(account.owner_id)
            account.owner_name = user.name if user else account.owner_id


@admin.register(Account)
class AccountAdmin(MirroredAdmin):
    change_form_template = "admin/crm_accounts/account/change_form.html"
    change_list_template = "admin/crm_accounts/account/change_list.html"
    actions = (*MirroredAdmin.actions, "change_selected", "download_to_change")
    list_display = ("name", "industry", "owned_by", "billing_city", "phone", "in_zoho", "changed")
    empty_value_display = ""
    list_filter = (OwnerFilter, "industry", "account_type", RetiredFilter)
    search_help_text = "Name, phone, website, city or Zoho account ID"
    ordering = ("name", "id")
    resource_classes = (AccountExport,)
    left_out_of_history = (ACCOUNTS.modified,)
    fieldsets = (
        ("From Zoho", {"fields": FACTS}),
        ("Ours (Zoho never sees it, and a sync leaves it alone)", {"fields": ("note",)}),
        ("Addresses", {"fields": ADDRESSES}),
        ("More", {"fields": MORE}),
    )
    readonly_fields = (*FACTS, *ADDRESSES, *MORE)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedList]:
        return AccountList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        account = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if account and request.user.has_perms(VIEW):
            visible = ChangeRequest.objects.visible_to(request.user)
            asked = account.requested_changes.filter(request__in=visible)
            asked = asked.exclude(request__state=ChangeRequest.State.DRAFT)
            context["requested"] = asked.select_related("request__asked_by").order_by("-id")[:10]
            context["waiting"] = open_requests(account)
            if not account.retired_at and request.user.has_perm(ASK):
                context["edit_url"] = reverse("crm_accounts:edit", args=[account.pk])
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def has_write_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms([ASK, *VIEW])

    @admin.action(description="Change selected accounts in Zoho", permissions=["write"])
    def change_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Keep the selection as a draft, and ask what becomes of it."""
        accounts = self._selected(request, queryset)
        if accounts is None:
            return None
        rows = [
            Wanted(number, account, account.zoho_account_id, {})
            for number, account in enumerate(accounts, 1)
        ]
        draft = make(ChangeRequest.Origin.SELECTION, request.user, rows)
        return redirect("crm_accounts:many", draft.pk)

    @admin.action(description="Download selected accounts to change them", permissions=["write"])
    def download_to_change(
        self, request: HttpRequest, queryset: QuerySet
    ) -> HttpResponseBase | None:
        accounts = self._selected(request, queryset)
        return None if accounts is None else file_of(request, accounts)

    def _selected(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        accounts = queryset.order_by("name", "pk")
        if accounts[: MOST_ACCOUNTS + 1].count() <= MOST_ACCOUNTS:
            return accounts
        messages.error(
            request,
            f"More than {MOST_ACCOUNTS:,} accounts are too many to be changed together. Nothing "
            "was changed: select fewer.",
        )
        return None

    @admin.display(description="Annual revenue")
    def revenue(self, account: Account) -> str:
        if account.annual_revenue is None:
            return ""
        return f"{exactly(account.annual_revenue, at_least=2)} {account.currency}".strip()

    @admin.display(description="Exchange rate")
    def rate(self, account: Account) -> str:
        return "" if account.exchange_rate is None else exactly(account.exchange_rate)

    @admin.display(description="Owner", ordering="owner_id")
    def owned_by(self, account: Account) -> str:
        return getattr(account, "owner_name", None) or account.owner()

    @admin.display(description="Parent account")
    def part_of(self, account: Account) -> str:
        parent = account.parent()
        if parent is None:
            return account.parent_account_id
        url = reverse("admin:crm_accounts_account_change", args=[parent.pk])
        return format_html('<a href="{}">{}</a>', url, parent)

    @admin.display(description="Your own fields")
    def own_fields(self, account: Account) -> str:
        known = {field.api_name: field for field in CrmField.objects.defer("pick_list")}
        rows = (
            (_heading(name, known.get(name)), as_text(value))
            for name, value in account.custom_fields.items()
        )
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))

    @admin.display(description="In Zoho", ordering="retired_at")
    def in_zoho(self, account: Account) -> str:
        style, word = ("state-off", "Retired") if account.retired_at else ("state-ok", "There")
        return format_html('<span class="badge {}">{}</span>', style, word)


def _heading(name: str, field: CrmField | None) -> str:
    """The label; of a field that is no longer read, that its value is an old one."""
    if field is None:
        return name
    return field.label if field.is_read else f"{field.label} (no longer read; last known value)"


@admin.register(CrmField)
class CrmFieldAdmin(ReadOnlyAdmin):
    """What Zoho's metadata says of the fields of accounts, and which of them are mirrored."""

    list_display = ("label", "api_name", "type_of", "is_custom", "state", "gone_at")
    list_filter = ("is_custom", "is_mirrored", "is_waiting", "data_type")
    search_fields = ("label", "api_name")
    search_help_text = "Label or API name"

    @admin.display(description="Type", ordering="data_type")
    def type_of(self, field: CrmField) -> str:
        return f"{field.data_type} ({field.result_type})" if field.result_type else field.data_type

    @admin.display(description="Status", ordering="is_mirrored")
    def state(self, field: CrmField) -> str:
        return field.status()


@admin.register(ChangeRequest)
class ChangeRequestAdmin(ReadOnlyAdmin):
    """What people asked to be changed in Zoho, and what became of it."""

    empty_value_display = ""
    list_display = ("number", "badge", "about", "who", "made", "written", "not_written", "reason")
    list_filter = ("state", "origin", ("asked_by", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("asked_by", "decided_by", "run")
    list_per_page = 50
    change_form_template = "admin/crm_accounts/changerequest/change_form.html"
    change_list_template = "admin/crm_accounts/changerequest/change_list.html"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perms(VIEW))

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        found = RequestedChange.State
        failed = (*RequestedChange.FAILED, found.CONFLICT)
        requests: Any = super().get_queryset(request)
        return (
            requests.visible_to(request.user)
            .exclude(origin=ChangeRequest.Origin.SELECTION)
            .annotate(
                accounts=Count("changes"),
                first=Min("changes__account__name"),
                done=Count("changes", filter=Q(changes__state=found.WRITTEN)),
                undone=Count("changes", filter=Q(changes__state__in=failed)),
            )
        )

    @admin.display(description="Request", ordering="id")
    def number(self, asked: ChangeRequest) -> str:
        return f"#{asked.pk}"

    @admin.display(description="State", ordering="state")
    def badge(self, asked: Any) -> str:
        context = {"asked": asked, "failed": asked.undone}
        return render_to_string("crm_accounts/request_badge.html", context)

    @admin.display(description="What")
    def about(self, asked: Any) -> str:
        if asked.accounts != 1:
            return f"{asked.accounts:,} accounts, {asked.get_origin_display().lower()}"
        return asked.first or "1 account"

    @admin.display(description="Asked for by")
    def who(self, asked: ChangeRequest) -> str:
        return asked.asked_by.get_username() if asked.asked_by else "somebody who is gone"

    @admin.display(description="When", ordering="id")
    def made(self, asked: ChangeRequest) -> str:
        return ago(asked.created_at)

    @admin.display(description="Written")
    def written(self, asked: Any) -> str:
        return f"{asked.done:,}" if asked.done else ""

    @admin.display(description="Not written")
    def not_written(self, asked: Any) -> str:
        return f"{asked.undone:,}" if asked.undone else ""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        asked = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if asked:
            context = {
                "title": str(asked),
                "forbidden": writing_forbidden(),
                **request_context(request, asked),
            }
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )
