"""Accounts in the admin: what Zoho says is shown, what is ours can be edited."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from import_export.fields import Field
from import_export.resources import Resource
from import_export.widgets import DateTimeWidget

from crm_accounts.mirror import ACCOUNTS
from crm_accounts.models import Account, CrmField, CrmUser
from integrations.export import Exact, PlainText
from integrations.listing import BoundedList, ReadOnlyAdmin
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
    list_display = ("name", "industry", "owned_by", "billing_city", "phone", "in_zoho", "changed")
    empty_value_display = ""
    list_filter = (OwnerFilter, "industry", "account_type", RetiredFilter)
    search_help_text = "Name, phone, website, city or Zoho account ID"
    ordering = ("name", "id")
    resource_classes = (AccountExport,)
    left_out_of_history = (ACCOUNTS.modified,)
    fieldsets = (
        ("From Zoho (changed there, read here)", {"fields": FACTS}),
        ("Ours (yours to change; a sync leaves it alone)", {"fields": ("note",)}),
        ("Addresses", {"fields": ADDRESSES}),
        ("More", {"fields": MORE}),
    )
    readonly_fields = (*FACTS, *ADDRESSES, *MORE)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedList]:
        return AccountList

    @admin.display(description="Annual revenue", empty_value="")
    def revenue(self, account: Account) -> str | None:
        if account.annual_revenue is None:
            return None
        return f"{exactly(account.annual_revenue, at_least=2)} {account.currency}".strip()

    @admin.display(description="Exchange rate", empty_value="")
    def rate(self, account: Account) -> str | None:
        return None if account.exchange_rate is None else exactly(account.exchange_rate)

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
        labels = dict(CrmField.objects.values_list("api_name", "label"))
        rows = (
            (labels.get(name, name), as_text(value))
            for name, value in account.custom_fields.items()
        )
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))

    @admin.display(description="In Zoho", ordering="retired_at")
    def in_zoho(self, account: Account) -> str:
        style, word = ("state-off", "Retired") if account.retired_at else ("state-ok", "There")
        return format_html('<span class="badge {}">{}</span>', style, word)


@admin.register(CrmField)
class CrmFieldAdmin(ReadOnlyAdmin):
    """What Zoho's metadata says of the fields of accounts, and which of them are mirrored."""

    list_display = ("label", "api_name", "data_type", "is_custom", "is_mirrored", "gone_at")
    list_filter = ("is_custom", "is_mirrored", "data_type")
    search_fields = ("label", "api_name")
    search_help_text = "Label or API name"
