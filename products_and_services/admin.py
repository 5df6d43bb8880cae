"""Products in the admin: what Zoho says is shown, what is ours can be edited."""

from decimal import Decimal
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from integrations.listing import BoundedPaginator
from products_and_services.mirror import PRODUCTS
from products_and_services.models import Product
from products_and_services.services import request_run
from sync.models import Change, SyncRun
from sync.views import land_on

# An item costs a fiftieth of a call by its id and a two-hundredth in the list.
MOST_SELECTED = 1_000
HISTORY_SHOWN = 50


class YesNoFilter(admin.SimpleListFilter):
    """A filter whose two answers are two querysets."""

    yes, no = "Yes", "No"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", self.yes), ("no", self.no)]


class RetiredFilter(YesNoFilter):
    title = "still in Zoho"
    parameter_name = "retired"
    yes, no = "Retired: no longer in Zoho", "Still in Zoho"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() in ("yes", "no"):
            return queryset.filter(retired_at__isnull=self.value() == "no")
        return queryset


class StockFilter(admin.SimpleListFilter):
    title = "stock"
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("in", "In stock"),
            ("zero", "Zero"),
            ("negative", "Below zero"),
            ("untracked", "Not tracked"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        conditions: dict[str, dict[str, Any]] = {
            "in": {"stock_quantity__gt": 0},
            "zero": {"stock_quantity": 0},
            "negative": {"stock_quantity__lt": 0},
            "untracked": {"stock_quantity__isnull": True},
        }
        return queryset.filter(**conditions.get(self.value() or "", {}))


class DuplicateSkuFilter(YesNoFilter):
    title = "SKU"
    parameter_name = "duplicate_sku"
    yes, no = "Duplicate SKU", "Unique SKU or none"

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        duplicates = (
            Product.objects.filter(sku__isnull=False)
            .values("sku")
            .annotate(products=Count("id"))
            .filter(products__gt=1)
            .values("sku")
        )
        if self.value() == "yes":
            return queryset.filter(sku__in=duplicates).order_by("sku", "id")
        if self.value() == "no":
            return queryset.exclude(sku__in=duplicates)
        return queryset


def exactly(number: Decimal, at_least: int = 0) -> str:
    """All digits that count, and no zeros that do not: 12.50, 1,284.375, -3."""
    number = number.normalize()
    decimals = max(at_least, -int(number.as_tuple().exponent), 0)
    return f"{number:,.{decimals}f}"


def history(product: Product) -> QuerySet[Change]:
    """What syncs last did to this product, newest first."""
    changes = Change.objects.filter(zoho_id=product.zoho_item_id, run__dry_run=False)
    return changes.select_related("run").order_by("-id")[:HISTORY_SHOWN]


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("name", "sku", "price_shown", "stock_shown", "state", "zoho_item_id", "changed")
    list_filter = ("is_active", RetiredFilter, "product_type", StockFilter, DuplicateSkuFilter)
    search_fields = ("name", "sku", "zoho_item_id")
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
                    "state",
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
        ("Ours", {"fields": ("product_type",)}),
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
        if product and product.zoho_item_id and request.user.has_perm("sync.view_change"):
            context["history"] = history(product)
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
        return f"{exactly(product.stock_quantity)} {product.unit}".strip()

    @admin.display(description="In Zoho", ordering="retired_at")
    def state(self, product: Product) -> str:
        if product.retired_at is not None:
            return format_html(
                '<span class="badge state-off" title="{}">Retired</span>',
                f"Zoho no longer has it since {product.retired_at:%Y-%m-%d %H:%M} UTC",
            )
        if not product.is_active:
            return format_html('<span class="badge state-warn">{}</span>', "Inactive")
        return format_html('<span class="badge state-ok">{}</span>', "Active")

    @admin.display(description="Last changed by a sync", ordering="synced_at")
    def changed(self, product: Product) -> str:
        return date_format(localtime(product.synced_at), "j M Y, H:i")

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
