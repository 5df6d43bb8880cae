"""The fields of Accounts, by Zoho's metadata: kept, compared, and told when they move."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from crm_accounts.bulk_file import TEXT, FieldType
from crm_accounts.mapping import API_NAMES
from crm_accounts.models import CrmField, CrmUser
from integrations.zoho.crm.interface import MOST_FIELDS, Crm
from integrations.zoho.errors import ZohoPermissionError

KEPT_FOR = dt.timedelta(hours=1)
# What lists leave out or cut short, and what has no value of its own.
NOT_IN_LISTS = {
    "subform",
    "multiselectlookup",
    "multiuserlookup",
    "richtext",
    "fileupload",
    "imageupload",
    "profileimage",
    "consent_lookup",
}
NAMED = 10
LONGEST_NAME = 255


def fields_to_read(
    client: Crm, tell: Callable[[str], None], again: bool = False
) -> dict[str, FieldType]:
    """API name → how to read it, of the fields that are mirrored; asks Zoho when what is known is
    old, or `again`.

    Standard ones first, then the organisation's own by name, as many as Zoho gives at once. A field
    that is new, changed or gone is told, and never a reason to stop.
    """
    newest = CrmField.objects.order_by("-checked_at").first()
    if again or newest is None or newest.checked_at < timezone.now() - KEPT_FOR:
        rows = client.fields()
        with suppress(IntegrityError), transaction.atomic():  # a run beside this one was faster
            refresh(rows, tell)
        name_users(client, tell)
    known = CrmField.objects.filter(gone_at=None, is_mirrored=True)
    return {"id": TEXT, **{field.api_name: how_to_read(field) for field in known}}


def how_to_read(field: CrmField) -> FieldType:
    return FieldType(field.result_type or field.data_type, tuple(field.pick_list))


def refresh(rows: Sequence[Mapping[str, Any]], tell: Callable[[str], None]) -> None:
    """Make CrmField say what `rows`, Zoho's own, say."""
    now = timezone.now()
    known = {field.api_name: field for field in CrmField.objects.all()}
    first_time = not known
    found = {
        row["api_name"]: _field(row, now)
        for row in rows
        if isinstance(row.get("api_name"), str) and 0 < len(row["api_name"]) <= LONGEST_NAME
    }
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
        if name not in found and field.gone_at is None:
            CrmField.objects.filter(pk=field.pk).update(gone_at=now, checked_at=now)
            news["gone"].append(name)
    if not first_time:
        for what, names in news.items():
            if names:
                more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
                tell(f"Fields of accounts {what} in Zoho: {', '.join(names[:NAMED])}{more}.")
    if fresh := sorted(set(waiting) & {*news["new"], *news["back"]}):
        tell(
            f"Zoho gives {MOST_FIELDS} fields at once, and so many are mirrored already. Not "
            f"mirrored: {', '.join(fresh[:NAMED])}. They follow when others are gone."
        )


def _field(row: Mapping[str, Any], now: dt.datetime) -> CrmField:
    length, places = row.get("length"), row.get("decimal_place")
    return CrmField(
        api_name=row["api_name"],
        label=str(row.get("field_label") or row["api_name"])[:255],
        data_type=_data_type(row),
        result_type=_result_type(row),
        length=length if isinstance(length, int) and length >= 0 else None,
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
            str(choice.get("actual_value") or choice.get("display_value"))
            for choice in row.get("pick_list_values") or ()
            if isinstance(choice, dict)
        ],
        checked_at=now,
        gone_at=None,
    )


def _part(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = row.get(key)
    return part if isinstance(part, dict) else {}


def _result_type(row: Mapping[str, Any]) -> str:
    """What a formula or a roll-up gives: its value is one of that type, as text in files."""
    for key in ("formula", "rollup_summary"):
        made = row.get(key)
        if isinstance(made, dict) and isinstance(made.get("return_type"), str):
            return made["return_type"].lower()[:50]
    return ""


def _data_type(row: Mapping[str, Any]) -> str:
    """Zoho's, but rich text told from plain: lists cut it."""
    area = row.get("textarea")
    if isinstance(area, dict) and area.get("type") == "rich_text":
        return "richtext"
    return str(row.get("data_type") or "")[:50]


def _choose(found: Mapping[str, CrmField], known: Mapping[str, CrmField]) -> list[str]:
    """Zoho gives MOST_FIELDS at once. What is mirrored stays so: a new field must not push another
    one out, whose values would then look as if somebody had emptied them. Columns here come first,
    then the organization's own. The names for which there is no room."""
    readable = [name for name in sorted(found) if found[name].data_type not in NOT_IN_LISTS]
    wanted = [name for name in readable if name in API_NAMES or found[name].is_custom]

    def rank(name: str) -> tuple[bool, bool]:
        before = known.get(name)
        is_mirrored = before is not None and before.is_mirrored and before.gone_at is None
        return not is_mirrored, name not in API_NAMES

    wanted.sort(key=rank)
    for name, field in found.items():
        field.is_mirrored = name in wanted[:MOST_FIELDS]
    return wanted[MOST_FIELDS:]


def name_users(client: Crm, tell: Callable[[str], None]) -> None:
    """Learn the owners' names. Without the permission to read users, their ids must do."""
    try:
        rows = client.users()
    except ZohoPermissionError as error:
        tell(f"The names of the owners cannot be read: {error.message}")
        return
    users = [
        CrmUser(id=str(row["id"]), name=str(row.get("full_name") or row["id"])[:500])
        for row in rows
        if row.get("id")
    ]
    CrmUser.objects.bulk_create(
        users, update_conflicts=True, unique_fields=["id"], update_fields=["name"]
    )
