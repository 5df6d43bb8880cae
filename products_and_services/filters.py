"""Filters of the list of products. Each choice stands in the address, to be kept and shared."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from products_and_services.models import Product

# The SKUs that are looked up by name; of more, the database joins all.
FEW_SKUS = 1_000


class StockFilter(admin.SimpleListFilter):
    title = "stock"
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("low", f"Low: {settings.LOW_STOCK:,} or less"),
            ("in", "In stock"),
            ("zero", "Zero"),
            ("negative", "Below zero"),
            ("untracked", "Not tracked"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        conditions = {
            "low": Product.low_stock(),
            "in": Q(stock_quantity__gt=0),
            "zero": Q(stock_quantity=0),
            "negative": Q(stock_quantity__lt=0),
            "untracked": Q(stock_quantity=None),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


class DuplicateSkuFilter(admin.SimpleListFilter):
    title = "SKU"
    parameter_name = "duplicate_sku"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Duplicate SKU")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() != "yes":
            return queryset
        # Counting the SKU itself lets the database answer from its index alone.
        rows = Product.objects.filter(sku__isnull=False).order_by()
        duplicates = rows.values("sku").annotate(n=Count("sku")).filter(n__gt=1).values("sku")
        few = list(duplicates.values_list("sku", flat=True)[: FEW_SKUS + 1])
        skus = few if len(few) <= FEW_SKUS else duplicates
        return queryset.filter(sku__in=skus)
