"""What staff were told: open and past."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from backoffice.listing import ReadOnlyAdmin, ago
from notices.kinds import visible_to
from notices.models import Notice


class OpenFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Open"), ("no", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() in ("yes", "no"):
            return queryset.filter(closed_at__isnull=self.value() == "yes")
        return queryset


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("badge", "words", "since", "until", "by_mail")
    list_filter = (OpenFilter, "kind")
    list_per_page = 50
    fields = ("badge", "words", "things", "page", "since", "until", "by_mail")
    readonly_fields = fields
    change_list_template = "admin/notices/notice/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        told = {"told": Count("tellings__told_at"), "told_at": Min("tellings__told_at")}
        notices = super().get_queryset(request).filter(kind__in=visible_to(request.user))
        return notices.annotate(**told)

    @admin.display(description="Notice", ordering="kind")
    def badge(self, notice: Notice) -> str:
        look = {"danger": "state-bad", "warning": "state-warn"}.get(notice.about.look, "state-off")
        return format_html(
            '<span class="badge {}">{}</span>',
            "state-ok" if notice.closed_at else look,
            f"Over: {notice}" if notice.closed_at else str(notice),
        )

    def get_fields(self, request: HttpRequest, obj: Notice | None = None) -> Any:
        empty = {"things": "details", "page": "url"}
        return [name for name in self.fields if getattr(obj, empty.get(name, "kind"), True)]

    @admin.display(description="About")
    def things(self, notice: Notice) -> str:
        return format_html_join("", "{}<br>", ((line,) for line in notice.details.splitlines()))

    @admin.display(description="Where")
    def page(self, notice: Notice) -> str:
        return format_html('<a href="{}">{}</a>', notice.url, notice.about.page)

    @admin.display(description="Since", ordering="opened_at")
    def since(self, notice: Notice) -> str:
        return ago(notice.opened_at)

    @admin.display(description="Until", ordering="closed_at")
    def until(self, notice: Notice) -> str:
        return ago(notice.closed_at) or "still so"

    @admin.display(description="Told by e-mail")
    def by_mail(self, notice: Any) -> str:
        if not notice.told:
            return "nobody"
        people = "1 person" if notice.told == 1 else f"{notice.told:,} people"
        return format_html("{}, {}", people, ago(notice.told_at))
