"""The fields of Accounts, by Zoho's metadata: kept, compared, and told when they move."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from crm_accounts.mapping import API_NAMES, FieldType, fits
from crm_accounts.models import CrmField, CrmUser
from crm_accounts.models.field import NOT_IN_LISTS
from integrations.zoho.crm.interface import Crm
from integrations.zoho.errors import ZohoAPIError, ZohoPermissionError
from integrations.zoho.records import usable_id
from sync import values

KEPT_FOR = dt.timedelta(hours=1)
# A bulk read has 200 columns, the id among them.
MAX_MIRRORED = 199
# Zoho's names for what a formula gives, where they are not those of a field's type.
RESULTS = {"string": "text", "number": "double", "long": "bigint"}
NAMED = 10
LONGEST_NAME = 255


def fields_to_read(
    client: Crm, tell: Callable[[str], None], again: bool = False
) -> dict[str, FieldType]:
    """API name → how to read it, of the fields that are mirrored; asks Zoho when what is known is
    old, or `again`.

    Standard ones first, then the organization's own by name, as many as a bulk read has room for. A
    field that is new, changed or gone is reported, and never a reason to stop.
    """
    newest = CrmField.objects.order_by("-checked_at").first()
    if again or newest is None or newest.checked_at < timezone.now() - KEPT_FOR:
        rows = client.fields()
        with suppress(IntegrityError), transaction.atomic():  # a run beside this one was faster
            refresh(rows, tell)
        name_users(client, tell)
    known = CrmField.objects.filter(gone_at=None, is_mirrored=True)
    return {"id": FieldType("text"), **{field.api_name: how_to_read(field) for field in known}}


def how_to_read(field: CrmField) -> FieldType:
    return FieldType(field.result_type or field.data_type, tuple(field.pick_list))


def refresh(rows: Sequence[Mapping[str, Any]], tell: Callable[[str], None]) -> None:
    """Make CrmField say what `rows`, Zoho's own, say."""
    now = timezone.now()
    known = {field.api_name: field for field in CrmField.objects.all()}
    first_time = not known
    found: dict[str, CrmField] = {}
    for row in rows:
        if is_named(row):
            found.setdefault(row["api_name"], _field(row, now))
    unnamed = sum(not is_named(row) for row in rows)
    waiting = _choose(found, known)
    news = {"new": [], "changed": [], "back": [], "gone": []}  # type: dict[str, list[str]]
    for name, field in found.items():
        before = known.get(name)
        if before is None:
            news["new"].append(name)
        else:
            field.pk, field.first_seen_at = before.pk, before.first_seen_at
            if before.gone_at is not None:
                news["back"].append(name)
            elif before.rules() != field.rules():
                news["changed"].append(name)
        field.save()
    for name, field in known.items():
        if name not in found and field.gone_at is None and not unnamed:
            CrmField.objects.filter(pk=field.pk).update(gone_at=now, checked_at=now)
            news["gone"].append(name)
    if unnamed:
        tell(
            f"{unnamed:,} of Zoho's descriptions of fields of accounts cannot be read, so none was "
            "taken for removed."
        )
    if not first_time:
        for what, names in news.items():
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                tell(f"Fields of accounts {what} in Zoho: {', '.join(names[:NAMED])}{more}.")
    if fresh := sorted(set(waiting) & {*news["new"], *news["back"]}):
        tell(
            f"Zoho gives {MAX_MIRRORED} fields at once, and so many are mirrored already. Not "
            f"mirrored: {', '.join(fresh[:NAMED])}. They follow when others are gone."
        )


def _field(row: Mapping[str, Any], now: dt.datetime) -> CrmField:
    length, places = row.get("length"), row.get("decimal_place")
    return CrmField(
        api_name=row["api_name"],
        label=usable_text(row.get("field_label"), LONGEST_NAME) or row["api_name"],
        data_type=_data_type(row),
        result_type=_result_type(row),
        length=length if isinstance(length, int) and 0 <= length < 2**31 else None,
        is_custom=bool(row.get("custom_field")),
        decimal_places=places if isinstance(places, int) and 0 <= places <= 9 else None,
        is_read_only=bool(
            row.get("read_only")
            or row.get("field_read_only")
            or _part(row, "operation_type").get("api_update") is False
        ),
        is_mandatory=bool(row.get("system_mandatory")),
        is_unique=bool(row.get("unique")),
        pick_list=[
            value
            for choice in listed(row.get("pick_list_values"))
            if isinstance(choice, dict)
            and (
                value := usable_text(
                    choice.get("actual_value") or choice.get("display_value"), LONGEST_NAME
                )
            )
        ],
        checked_at=now,
        gone_at=None,
    )


def is_named(row: Any) -> bool:
    name = usable_text(row.get("api_name"), LONGEST_NAME + 1) if isinstance(row, Mapping) else ""
    return 0 < len(name) <= LONGEST_NAME


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _part(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = row.get(key)
    return part if isinstance(part, dict) else {}


def _result_type(row: Mapping[str, Any]) -> str:
    """What a formula or a roll-up gives: its value is one of that type, as text in files."""
    for key in ("formula", "rollup_summary"):
        made = row.get(key)
        if isinstance(made, dict) and isinstance(made.get("return_type"), str):
            result = made["return_type"].lower()
            return RESULTS.get(result, result)[:50]
    return ""


def _data_type(row: Mapping[str, Any]) -> str:
    """Zoho's, but rich text told from plain: lists cut it."""
    area = row.get("textarea")
    if isinstance(area, dict) and area.get("type") == "rich_text":
        return "richtext"
    return usable_text(row.get("data_type"), 50)


def _choose(found: Mapping[str, CrmField], known: Mapping[str, CrmField]) -> list[str]:
    """Zoho gives MAX_MIRRORED at once. What is mirrored stays so: a new field must not push another
    one out, whose values would then look as if somebody had emptied them. Columns here come first,
    then the organization's own. The names for which there is no room."""
    readable = [name for name in sorted(found) if found[name].data_type not in NOT_IN_LISTS]
    wanted = [
        name
        for name in readable
        if (fits(name, found[name].data_type) if name in API_NAMES else found[name].is_custom)
    ]

    def rank(name: str) -> tuple[bool, bool]:
        before = known.get(name)
        is_mirrored = before is not None and before.is_mirrored and before.gone_at is None
        return not is_mirrored, name not in API_NAMES

    wanted.sort(key=rank)
    for name, field in found.items():
        field.is_mirrored = name in wanted[:MAX_MIRRORED]
        field.is_waiting = name in wanted[MAX_MIRRORED:]
    return wanted[MAX_MIRRORED:]


def name_users(client: Crm, tell: Callable[[str], None]) -> None:
    """Learn the owners' names. Where they cannot be read, those known so far and ids must do."""
    try:
        rows = client.users()
    except (ZohoPermissionError, ZohoAPIError) as error:
        tell(f"The names of the owners cannot be read: {error.message}")
        return
    users = {
        zoho_id: CrmUser(id=zoho_id, name=usable_text(row.get("full_name"), 500) or zoho_id)
        for row in rows
        if isinstance(row, Mapping) and (zoho_id := usable_id(row.get("id"), 30))
    }
    CrmUser.objects.bulk_create(
        users.values(), update_conflicts=True, unique_fields=["id"], update_fields=["name"]
    )


def usable_text(value: Any, limit: int) -> str:
    """A text of Zoho's, cut to `limit`; "" for what is none, or none that can be stored."""
    try:
        return values.text(value)[:limit]
    except values.UnusableError:
        return ""
