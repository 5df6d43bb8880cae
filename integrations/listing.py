"""Lists in the admin that stay quick however long they are."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.paginator import Paginator
from django.db import connection
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.timezone import localtime


def ago(moment: dt.datetime | None) -> str:
    """How long ago, with the exact moment on hover."""
    if moment is None:
        return ""
    here = localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        here.isoformat(),
        date_format(here, "j F Y, H:i:s e"),
        naturaltime(moment),
    )


class BoundedPaginator(Paginator):
    """Never counts a whole large table, and searches through it at most once.

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
        found = self.object_list.order_by().values_list("pk", flat=True)  # type: ignore[attr-defined]
        if not query.where:
            return found[: self.COUNT_UP_TO].count()
        keys = list(found[: self.COUNT_UP_TO])
        if len(keys) < self.COUNT_UP_TO:
            # All is found. Asked for in the list's order now, PostgreSQL would walk the order's
            # index and look for the few among the many once more.
            self.object_list = self.object_list.filter(pk__in=keys)  # type: ignore[attr-defined]
        return len(keys)


class BoundedList(ChangeList):
    """Takes what its paginator has found, also where all of it fits on one page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if (self.show_all and self.can_show_all) or not self.multi_page:
            self.result_list = self.paginator.object_list


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shown, filtered and searched; never edited by hand."""

    show_full_result_count = False
    paginator = BoundedPaginator

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ForSuperusers:
    """Before a ModelAdmin: nobody else sees it or changes anything there."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    has_add_permission = has_module_permission
    has_change_permission = has_delete_permission = has_view_permission
