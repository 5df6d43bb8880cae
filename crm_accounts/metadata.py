"""The fields of Accounts, by Zoho's metadata: kept, compared, and told when they move."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

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


def fields_to_read(client: Crm, tell: Callable[[str], None]) -> dict[str, str]:
    """API name → data type of the fields that are mirrored; asks Zoho when what is known is old.

    Standard ones first, then the organisation's own by name, as many as Zoho gives at once. A field
    that is new, changed or gone is told, and never a reason to stop.
    """
    newest = CrmField.objects.order_by("-checked_at").first()
    if newest is None or newest.checked_at < timezone.now() - KEPT_FOR:
        rows = client.fields()
        with suppress(IntegrityError), transaction.atomic():  # a run beside this one was faster
            refresh(rows, tell)
        name_users(client, tell)
    known = CrmField.objects.filter(gone_at=None, is_mirrored=True)
    return {"id": "text", **dict(known.values_list("api_name", "data_type"))}


def refresh(rows: Sequence[Mapping[str, Any]], tell: Callable[[str], None]) -> None:
    """Make CrmField say what `rows`, Zoho's own, say."""
    now = timezone.now()
    known = {field.api_name: field for field in CrmField.objects.all()}
    first_time = not known
    found = {row["api_name"]: _field(row, now) for row in rows if row.get("api_name")}
    _choose(found)
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


def _field(row: Mapping[str, Any], now: dt.datetime) -> CrmField:
    length, places = row.get("length"), row.get("decimal_place")
    return CrmField(
        api_name=str(row["api_name"])[:255],
        label=str(row.get("field_label") or row["api_name"])[:255],
        data_type=_data_type(row),
        length=length if isinstance(length, int) and length >= 0 else None,
        is_custom=bool(row.get("custom_field")),
        decimal_places=places if isinstance(places, int) and 0 <= places <= 9 else None,
        is_read_only=bool(
            row.get("read_only")
            or row.get("field_read_only")
            or (row.get("operation_type") or {}).get("api_update") is False
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


def _data_type(row: Mapping[str, Any]) -> str:
    """Zoho's, but rich text told from plain: lists cut it."""
    area = row.get("textarea")
    if isinstance(area, dict) and area.get("type") == "rich_text":
        return "richtext"
    return str(row.get("data_type") or "")[:50]


def _choose(found: Mapping[str, CrmField]) -> None:
    """Zoho gives MOST_FIELDS at once. Those that are columns here come first."""
    readable = [name for name in sorted(found) if found[name].data_type not in NOT_IN_LISTS]
    columns = [name for name in readable if name in API_NAMES]
    own = [name for name in readable if name not in API_NAMES and found[name].is_custom]
    mirrored = {*columns, *own[: MOST_FIELDS - len(columns)]}
    for name, field in found.items():
        field.is_mirrored = name in mirrored


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
