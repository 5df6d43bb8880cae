"""Lists in the admin that stay quick however long they are."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest
from django.utils.functional import cached_property


class BoundedPaginator(Paginator):
    """Never counts a whole large table.

    Without a filter, PostgreSQL's own estimate is taken for a large table. With one, counting
    stops at `COUNT_UP_TO`: who looks for something further down filters more.
    """

    COUNT_UP_TO = 20_000

    @cached_property
    def count(self) -> int:
        query = self.object_list.query  # type: ignore[attr-defined]
        if connection.vendor == "postgresql" and not query.where:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT reltuples FROM pg_class WHERE oid = %s::regclass",
                    [query.model._meta.db_table],
                )
                estimate = int(cursor.fetchone()[0])
            if estimate > self.COUNT_UP_TO:
                return estimate
        return self.object_list.order_by()[: self.COUNT_UP_TO].count()  # type: ignore[attr-defined]


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shown, filtered and searched; never edited by hand."""

    show_full_result_count = False
    paginator = BoundedPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
