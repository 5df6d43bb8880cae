"""Lists in the admin that stay quick however long they are."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import BadRequest, FieldDoesNotExist, ValidationError
from django.core.paginator import Paginator
from django.db import DataError, connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
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


# What may follow a field in a list's address. Others can fail in the database (a range of one
# value, a broken pattern) or keep it busy (any pattern).
LOOKUPS = {"exact", "iexact", "in", "isnull", "gt", "gte", "lt", "lte"}
LOOKUPS |= {"contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"}
LOOKUPS |= {"date", "year", "month", "day"}
# Of a search: words, for each of which the table is read once; and characters.
MAX_WORDS, MAX_SEARCH = 10, 200
# What building a query from text raises, or PostgreSQL when it gets the value.
UNUSABLE = (IncorrectLookupParameters, ValidationError, ValueError, OverflowError, DataError)


@contextmanager
def usable_parameters(request: HttpRequest) -> Iterator[None]:
    """While a list is built from the address: what its parameters cannot mean is a 400. Without
    parameters, an error is ours, and stays one."""
    try:
        yield
    except UNUSABLE as error:
        if not request.GET:
            raise
        # Not the error itself: it quotes what somebody searched for, and goes to the log.
        raise BadRequest(f"A list cannot use its parameters ({type(error).__name__}).") from None


def after_fields(model: Any, lookup: str) -> list[str]:
    """What follows the fields in a lookup, as ["gte"] in "run__created_at__gte". Nothing where it
    does not begin with a field: then it is a filter's own name."""
    names = lookup.split("__")
    for place, name in enumerate(names):
        try:
            field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        except FieldDoesNotExist:
            return names[place:] if place else []
        model = field.related_model
        if model is None:
            return names[place + 1 :]
    return []


class CheckedAdmin(admin.ModelAdmin):
    """Checks what a list is asked for before the database is. The site gives this to all admins,
    as their first base."""

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        if not LOOKUPS.issuperset(after_fields(self.model, lookup)):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        with usable_parameters(request):
            changelist = super().get_changelist_instance(request)
            len(changelist.result_list)  # the database is asked here, not by the template
        return changelist

    def response_action(
        self, request: HttpRequest, queryset: QuerySet, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        key = self.opts.pk
        for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
            try:
                key.run_validators(key.to_python(selected))
            except ValidationError:
                raise BadRequest("Something was selected that cannot be.") from None
        return super().response_action(request, queryset, *args, **kwargs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        words = search_term[:MAX_SEARCH].split()
        if len(search_term) > MAX_SEARCH:
            messages.warning(request, f"Only the first {MAX_SEARCH} characters were searched for.")
        if len(words) > MAX_WORDS:
            messages.warning(request, f"Only the first {MAX_WORDS} words were searched for.")
        if len(words) > MAX_WORDS or len(search_term) > MAX_SEARCH:
            search_term = " ".join(words[:MAX_WORDS])
        return super().get_search_results(request, queryset, search_term)


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
