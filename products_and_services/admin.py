"""Products in the admin: what Zoho says is shown, what is ours can be edited."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminTextareaWidget
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html

from integrations.export import ExportedList
from integrations.listing import BoundedList, BoundedPaginator, ago
from integrations.models import ZohoCredential
from products_and_services.export import ProductExport
from products_and_services.filters import DuplicateSkuFilter, RetiredFilter, StockFilter
from products_and_services.mirror import PRODUCTS
from products_and_services.models import Product
from products_and_services.services import request_run
from products_and_services.templatetags.exactly import exactly
from sync.charts import StepChart
from sync.models import Change, SyncRun
from sync.views import land_on

# An item costs a fiftieth of a call by its id and a two-hundredth in the list.
MOST_SELECTED = 1_000
HISTORY_SHOWN = 50
MOST_CHARTED = 1_000
BADGES = {"Active": "state-ok", "Inactive": "state-warn", "Retired": "state-off"}


def history(product: Product) -> QuerySet[Change]:
    """What syncs last did to this product, newest first; that Zoho's time moved says nothing."""
    changes = Change.objects.filter(zoho_id=product.zoho_item_id, run__dry_run=False)
    changes = changes.exclude(field=PRODUCTS.modified)
    return changes.select_related("run").order_by("-id")[:HISTORY_SHOWN]


def chart(field: str, product: Product) -> StepChart | None:
    """How a number of this product moved, as far back as the history goes."""
    title = str(Product._meta.get_field(field).verbose_name).capitalize()  # type: ignore[union-attr]
    changes = Change.objects.filter(
        zoho_id=product.zoho_item_id, field=field, action=Change.Action.UPDATED, run__dry_run=False
    ).order_by("id")
    rows = changes.values_list("run__started_at", "before", "after")[:MOST_CHARTED]
    points: list[tuple[dt.datetime, Decimal]] = []
    for at, before, after in rows:
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
class ProductAdmin(ExportedList, admin.ModelAdmin):
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
    search_fields = ("searchable",)
    resource_classes = (ProductExport,)
    search_help_text = "Name, SKU or Zoho item ID"
    ordering = ("name", "id")
    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    actions = ("sync_selected_items",)
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
        full, changed = SyncRun.Mode.FULL, SyncRun.Mode.CHANGED
        context = {
            "last_full": SyncRun.last_complete(PRODUCTS.kind, full),
            "last_sync": SyncRun.last_complete(PRODUCTS.kind, full, changed),
            "low_stock": settings.LOW_STOCK,
        }
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
        context: dict[str, Any] = {"may_sync": self.has_sync_permission(request)}
        if product:
            context["title"] = product.name
            context["zoho_page"] = zoho_page(product, ZohoCredential.objects.first())
        if product and product.zoho_item_id and request.user.has_perm("sync.view_change"):
            charts = (
                chart("price", product),
                chart("stock_quantity", product),
            )
            context["history"] = history(product)
            context["charts"] = [it for it in charts if it]
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def get_urls(self) -> list[Any]:
        sync_now = self.admin_site.admin_view(self.sync_now)
        name = "products_and_services_product_sync_now"
        return [path("<int:pk>/sync-now/", sync_now, name=name), *super().get_urls()]

    def sync_now(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST: fetch just this product from Zoho, and land on the run's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_sync_permission(request):
            raise PermissionDenied
        product = get_object_or_404(Product.objects.exclude(zoho_item_id=None), pk=pk)
        run, is_new = request_run(
            SyncRun.Trigger.PERSON,
            mode=SyncRun.Mode.SELECTED,
            zoho_item_ids=[str(product.zoho_item_id)],
            user=request.user,
        )
        return land_on(request, run, is_new)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ProductList

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "note":
            kwargs["widget"] = AdminTextareaWidget(attrs={"rows": 3})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        # Those that share a SKU stand together.
        return ("sku", "id") if "duplicate_sku" in request.GET else self.ordering

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        # `searchable` is in small letters, so that the database need not make them each time.
        for word in search_term.lower().split():
            queryset = queryset.filter(searchable__contains=word)
        return queryset, False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        # The next sync would bring it back; what Zoho no longer has is retired.
        return False

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
        since = ""
        if product.retired_at is not None:
            since = f"Zoho no longer has it since {product.retired_at:%Y-%m-%d %H:%M} UTC"
        state = product.state()
        badge = format_html(
            '<span class="badge {}" title="{}">{}</span>', BADGES[state], since, state
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

    @admin.display(description="Last changed by a sync", ordering="synced_at")
    def changed(self, product: Product) -> str:
        return ago(product.synced_at)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync.trigger_zoho_sync")

    @admin.action(description="Sync selected items", permissions=["sync"])
    def sync_selected_items(
        self, request: HttpRequest, queryset: QuerySet[Product]
    ) -> HttpResponse | None:
        """Fetch just these from Zoho; the run's page then tells how each went."""
        selected = queryset.order_by("id").values_list("zoho_item_id", flat=True)
        ids = [zoho_item_id for zoho_item_id in selected if zoho_item_id]
        if without := len(selected) - len(ids):
            messages.warning(
                request, f"{without} of the selected products have no Zoho item ID: left out."
            )
        if not ids:
            return None
        if len(ids) > MOST_SELECTED:
            messages.error(
                request,
                f"{len(ids):,} items cost more Zoho calls one by one than all of them together. "
                f"Nothing was started: select at most {MOST_SELECTED:,}, or press 🔄 Sync Zoho.",
            )
            return None
        run, is_new = request_run(
            SyncRun.Trigger.PERSON,
            mode=SyncRun.Mode.SELECTED,
            zoho_item_ids=ids,
            user=request.user,
        )
        return land_on(request, run, is_new)
