"""Lists of the admin as files: one click, just what is filtered."""

import csv
import io
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from import_export.admin import ExportMixin
from import_export.widgets import CharWidget, Widget
from openpyxl import Workbook

from backoffice.exact import digits
from backoffice.listing import usable_parameters
from backoffice.models import ExportSlot
from backoffice.signals import downloaded

# Rows in one file. CSV is sent while it is made; a workbook is complete before the first byte.
MAX_ROWS = {"csv": 1_000_000, "xlsx": 50_000}
PORTION = 500
TOO_MANY_AT_ONCE = (
    "Other files are being exported right now. Nothing was exported: try again in a minute."
)
T = TypeVar("T")
Table = Sequence[Sequence[Any]]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Workbooks hold numbers as doubles.
DIGITS_OF_A_CELL = 15
# Control characters that no spreadsheet can hold; nobody sees them.
NOT_IN_A_SHEET = {code: None for code in range(32) if chr(code) not in "\t\n\r"}
# What a spreadsheet would calculate instead of showing.
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")


class PlainText(CharWidget):
    """Text that stays text in a spreadsheet: a name from Zoho must not run as a formula there.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        text = str(super().render(value, obj, **kwargs) or "").translate(NOT_IN_A_SHEET)
        return f"'{text}" if text.startswith(FORMULA_BEGINS) else text


class Exact(Widget):
    """A number with all its digits: in a workbook as text where a cell would round it."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        native = kwargs.get("force_native_type")
        if value is None:
            return None if native else ""
        text = digits(value)
        fits = len(text.replace(".", "").strip("-0")) <= DIGITS_OF_A_CELL
        return Decimal(text) if native and fits else text


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

    def export(self, request: HttpRequest, name: str) -> HttpResponseBase:
        if name not in MAX_ROWS:
            raise Http404
        if not self.has_view_permission(request):
            raise PermissionDenied
        changelist = reverse("admin:{}_{}_changelist".format(*self.get_model_info()))
        back = f"{changelist}?{request.GET.urlencode()}"
        with usable_parameters(request):
            try:
                queryset = self.get_export_queryset(request)
            except IncorrectLookupParameters:
                return redirect(f"{changelist}?{ERROR_FLAG}=1")  # back to the whole list
            # The list's order is read once; the rows then come in portions, so that neither the
            # memory nor a statement grows with the list.
            keys = array("q", queryset.values_list("pk", flat=True)[: MAX_ROWS[name] + 1])
        if len(keys) > MAX_ROWS[name]:
            advice = "narrow the list by a filter or a search"
            if name == "xlsx":
                advice += ", or export it as CSV"
            messages.error(
                request,
                f"More than {MAX_ROWS[name]:,} rows do not fit into one file. Nothing was "
                f"exported: {advice}.",
            )
            return redirect(back)
        slot = ExportSlot.take()
        if slot is None:
            messages.error(request, TOO_MANY_AT_ONCE)
            return redirect(back)
        (resource_class,) = self.get_export_resource_classes(request)
        resource = resource_class()
        records = in_portions(self.get_queryset(request), keys)
        file = f"{self.opts.model_name}s_{timezone.localtime():%Y-%m-%d_%H-%M}.{name}"
        record_download(request, file, rows=len(keys), filters=sorted(request.GET))
        make = as_csv if name == "csv" else as_workbook
        native = name != "csv"  # numbers and moments, else texts
        rows = (
            [resource.export_resource(record, force_native_type=native) for record in portion]
            for portion in records
        )
        return make(file, resource.get_export_headers(), while_held(slot, rows))


def record_download(request: HttpRequest, file: str, **details: Any) -> None:
    """On record, before the first byte leaves: names of filters, not what was searched for."""
    downloaded.send(sender=None, user=request.user, file=file, details=details)


def in_portions(queryset: QuerySet, keys: Sequence[int]) -> Iterator[list[Any]]:
    """The records of these primary keys, in this order, PORTION at a time. Records deleted
    meanwhile are left out."""
    for start in range(0, len(keys), PORTION):
        portion = keys[start : start + PORTION]
        found = queryset.in_bulk(portion)
        yield [found[key] for key in portion if key in found]


class ExportInterruptedError(Exception):
    """The slot was lost to another export. The file ends here, and the browser says so."""


def while_held(slot: ExportSlot, portions: Iterator[T]) -> Iterator[T]:
    """`portions`, as long as `slot` is held; frees it at the end, whatever that is."""
    try:
        for portion in portions:
            if not slot.extend():
                raise ExportInterruptedError
            yield portion
    finally:
        slot.free()


def as_csv(file: str, headings: Sequence[str], portions: Iterable[Table]) -> StreamingHttpResponse:
    """Sent while it is made."""
    return StreamingHttpResponse(
        (csv_lines(rows) for rows in chain([[["\ufeff" + headings[0], *headings[1:]]]], portions)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def csv_lines(rows: Table) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_workbook(file: str, headings: Sequence[str], portions: Iterable[Table]) -> FileResponse:
    """Made in a file, row by row; a workbook's index stands at its end."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    for row in chain([headings], chain.from_iterable(portions)):
        sheet.append(row)
    content = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    book.save(content)
    content.seek(0)
    return FileResponse(content, as_attachment=True, filename=file, content_type=XLSX)
