"""Lists of the admin as files: one click, just what is filtered."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.widgets import CharWidget, Widget

FORMATS = {"csv": CSV, "xlsx": XLSX}
# A file is made in memory, while somebody waits.
MOST_EXPORTED = 50_000
# What a spreadsheet would calculate instead of showing.
# Control characters that no spreadsheet can hold; nobody sees them.
NOT_IN_A_SHEET = {code: None for code in range(32) if chr(code) not in "\t\n\r"}
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")


class PlainText(CharWidget):
    """Text that stays text in a spreadsheet: a name from Zoho must not run as a formula there.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        text = str(super().render(value, obj, **kwargs) or "").translate(NOT_IN_A_SHEET)
        return f"'{text}" if text.startswith(FORMULA_BEGINS) else text


class Exact(Widget):
    """A number with all its digits and no others, in no country's notation."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        if value is None:
            return None if kwargs.get("force_native_type") else ""
        value = value.normalize()
        return value if kwargs.get("force_native_type") else f"{value:f}"


class ExportedList(ExportMixin):
    """A ModelAdmin whose list, as filtered and searched, can be had as CSV or XLSX.

    GET …/export/csv/ or …/export/xlsx/ with the list's own parameters.
    """

    import_export_change_list_template = None  # the list keeps its own

    def get_urls(self) -> list[Any]:
        export = self.admin_site.admin_view(self.export)
        name = "{}_{}_export".format(*self.get_model_info())
        # Past import-export's own page, which asks what is known here.
        return [
            path("export/<slug:name>/", export, name=name),
            *super(ExportMixin, self).get_urls(),
        ]

    def export(self, request: HttpRequest, name: str) -> HttpResponse:
        if name not in FORMATS:
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        back = reverse("admin:{}_{}_changelist".format(*self.get_model_info()))
        try:
            queryset = self.get_export_queryset(request)
        except IncorrectLookupParameters:
            return redirect(f"{back}?{ERROR_FLAG}=1")  # as the list itself answers
        if queryset.order_by()[: MOST_EXPORTED + 1].count() > MOST_EXPORTED:
            messages.error(
                request,
                f"More than {MOST_EXPORTED:,} rows do not fit into one file. Nothing was exported: "
                "narrow the list by a filter or a search, and export again.",
            )
            return redirect(f"{back}?{request.GET.urlencode()}")
        kind = FORMATS[name]()
        file = f"{self.opts.model_name}s_{timezone.localtime():%Y-%m-%d_%H-%M}.{name}"
        return HttpResponse(
            self.get_export_data(kind, request, queryset, encoding="utf-8-sig"),
            content_type=kind.get_content_type(),
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )
