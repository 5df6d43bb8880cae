"""Products in the admin: what Zoho says is shown, what is ours can be edited."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminTextareaWidget
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from backoffice.listing import BoundedList
from integrations.models import ZohoCredential
from products_and_services.export import ProductExport
from products_and_services.filters import DuplicateSkuFilter, StockFilter
from products_and_services.mirror import PRODUCTS
from products_and_services.models import Product
from sync.charts import StepChart
from sync.mirrored_admin import MirroredAdmin, RetiredFilter
from sync.models import Change
from sync.templatetags.exactly import exactly

MOST_CHARTED = 1_000
BADGES = {
    "Active": "state-ok",
    "Inactive": "state-warn",
    "Unknown": "state-warn",
    "Retired": "state-off",
}


def chart(field: str, product: Product) -> StepChart | None:
    """How a number of this product moved, as far back as the history goes."""
    title = str(Product._meta.get_field(field).verbose_name).capitalize()  # type: ignore[union-attr]
    changes = Change.objects.filter(
        zoho_id=product.zoho_item_id, field=field, action=Change.Action.UPDATED, run__dry_run=False
    ).order_by("-id")
    rows = changes.values_list("run__started_at", "before", "after")[:MOST_CHARTED]
    points: list[tuple[dt.datetime, Decimal]] = []
    for at, before, after in reversed(rows):
        assert at is not None  # a run that changes something has begun
        if not points and before is not None:
            begin = timezone.now() - dt.timedelta(days=settings.SYNC_HISTORY_DAYS)
            points.append((min(at, max(product.created_at, begin)), Decimal(before)))
        if after is not None:
            points.append((at, Decimal(after)))
    return StepChart.of(title, points, timezone.now())


class ProductList(BoundedList):
    """Each row knows its page in Zoho: the connection is read once for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        credential = ZohoCredential.objects.first()
        self.result_list = list(self.result_list)
        for product in self.result_list:
            product.zoho_page = zoho_page(product, credential)


def zoho_page(product: Product, credential: ZohoCredential | None) -> str:
    """The product's page in Zoho; "" when there is none."""
    if credential is None or not product.zoho_item_id or product.retired_at:
        return ""
    return credential.item_page(product.zoho_item_id)


@admin.register(Product)
class ProductAdmin(MirroredAdmin):
    list_display = (
        "name",
        "sku",
        "price_shown",
        "stock_shown",
        "in_zoho",
        "zoho_item_id",
        "changed",
    )
    list_filter = ("is_active", RetiredFilter, "product_type", StockFilter, DuplicateSkuFilter)
    left_out_of_history = (PRODUCTS.modified,)
    resource_classes = (ProductExport,)
    search_help_text = "Name, SKU or Zoho item ID"
    ordering = ("name", "id")
    fieldsets = (
        (
            "From Zoho (changed there, read here)",
            {
                "fields": (
                    "in_zoho",
                    "name",
                    "sku",
                    "price_shown",
                    "stock_shown",
                    "zoho_type",
                    "zoho_item_id",
                    "zoho_created_at",
                    "zoho_modified_at",
                )
            },
        ),
        ("Ours (yours to change; a sync leaves it alone)", {"fields": ("product_type", "note")}),
        ("Sync", {"fields": ("created_at", "synced_at")}),
    )
    readonly_fields = (*fieldsets[0][1]["fields"], *fieldsets[2][1]["fields"])

    change_list_template = "admin/products_and_services/product/change_list.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"low_stock": settings.LOW_STOCK}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    change_form_template = "admin/products_and_services/product/change_form.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        product = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if product:
            context["zoho_page"] = zoho_page(product, ZohoCredential.objects.first())
        if product and product.zoho_item_id and request.user.has_perm("sync.view_change"):
            charts = (chart("price", product), chart("stock_quantity", product))
            context["charts"] = [it for it in charts if it]
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ProductList

    def save_model(
        self, request: HttpRequest, obj: Product, form: forms.ModelForm, change: bool
    ) -> None:
        # Only what was edited: a sync may have written the other columns meanwhile.
        obj.save(update_fields=form.changed_data)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "note":
            kwargs["widget"] = AdminTextareaWidget(attrs={"rows": 3})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # Those that share a SKU stand together.
        return ("sku", "id") if "duplicate_sku" in request.GET else self.ordering

    @admin.display(description="Price", ordering="price", empty_value="")
    def price_shown(self, product: Product) -> str | None:
        return None if product.price is None else exactly(product.price, at_least=2)

    @admin.display(description="Stock", ordering="stock_quantity", empty_value="")
    def stock_shown(self, product: Product) -> str | None:
        if product.stock_quantity is None:
            return None
        stock = f"{exactly(product.stock_quantity)} {product.unit}".strip()
        if not product.runs_low:
            return stock
        return format_html('{} <span class="badge state-warn">Low</span>', stock)

    @admin.display(description="In Zoho", ordering="retired_at")
    def in_zoho(self, product: Product) -> str:
        more = ""
        if product.retired_at is not None:
            at = date_format(localtime(product.retired_at), "DATETIME_FORMAT")
            more = f"Zoho no longer has it since {at}"
        elif product.is_active is None:
            more = f"Zoho's status: {product.zoho_status or 'none'}"
        state = product.state()
        badge = format_html(
            '<span class="badge {}" title="{}">{}</span>', BADGES[state], more, state
        )
        if not getattr(product, "zoho_page", ""):
            return badge
        return format_html(
            '{} <a href="{}" target="_blank" rel="noopener noreferrer" class="zoho-link">View'
            '<span class="visually-hidden"> {} in Zoho</span></a>',
            badge,
            product.zoho_page,  # type: ignore[attr-defined]
            product,
        )
