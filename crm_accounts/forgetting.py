"""Erase what is known here of one record, as a person may demand who is named in it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q, QuerySet

from crm_accounts.models import Account, ChangeRequest, RequestedChange
from integrations.models import AuditEvent
from integrations.zoho.crm.cache import ACCOUNTS
from integrations.zoho.errors import ZohoError
from sync.mirror import mirrored_models
from sync.models import Change, FailedRecord, SyncRun


def mirrors() -> dict[str, Any]:
    """By the names that the commands know them by."""
    return {f"{model._meta.model_name}s": model for model in mirrored_models()}


class CannotForgetError(ZohoError):
    """Nothing was erased; the message says why and what to do."""


@dataclass(frozen=True)
class Forgotten:
    """How many rows were erased, by what they were. `is_in_zoho`: as far as is known here."""

    records: int
    history: int
    requested_changes: int
    failed_records: int
    log_entries: int
    is_in_zoho: bool


def forget_record(mirror: str, zoho_id: str, user: Any = None) -> Forgotten:
    """Erase the record's row, history, requested changes, failures and log entries.

    On record in the audit log: the id and how many rows, no values. All of it happens or none.
    Raises CannotForgetError while a sync of the mirror runs, which could save the record again from
    what it has read already, and when nothing is known of the id. Copies that other processes
    hold in their cache end within the hour that it keeps them.
    """
    model = mirrors()[mirror]
    kind = model._meta.label_lower
    with transaction.atomic():
        # A request that is just being sent must not lose what it has to write down.
        running = SyncRun.objects.filter(kind=kind, state=SyncRun.State.RUNNING).first()
        if running:
            raise CannotForgetError(
                f"{running} is running and may hold this record in memory. Nothing was erased: "
                "wait for it, or cancel it."
            )
        rows = model.objects.filter(**{model.ZOHO_ID_FIELD: zoho_id})
        row = rows.select_for_update().first()
        requested = RequestedChange.objects.filter(zoho_account_id=zoho_id)
        if model is not Account:
            requested = requested.none()
        emptied = list(requested.values_list("request", flat=True).distinct())
        log = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(model),
            object_id=str(row.pk) if row else "",
        )
        ids = Q(zoho_id=zoho_id)
        counts = {
            "requested_changes": _delete(requested),
            "history": _delete(Change.objects.filter(ids, run__kind=kind)),
            "failed_records": _delete(FailedRecord.objects.filter(ids, kind=kind)),
            "log_entries": _delete(log),
            "records": _delete(rows),
        }
        if not any(counts.values()):
            raise CannotForgetError("Nothing is known here of a record with this ID.")
        # What was asked for this record alone; the reason may name the person.
        ChangeRequest.objects.filter(pk__in=emptied, changes=None).delete()
        AuditEvent.record(
            AuditEvent.Action.RECORD_FORGOTTEN, user=user, about=mirror, zoho_id=zoho_id, **counts
        )
    if model is Account:
        ACCOUNTS.forget()
    return Forgotten(**counts, is_in_zoho=bool(row and row.retired_at is None))


def _delete(rows: QuerySet[Any]) -> int:
    """How many of these rows were deleted, not counting what hung on them."""
    return rows.delete()[1].get(rows.model._meta.label, 0)


# What the counts are of: one, many.
WORDS = {
    "records": ("record", "records"),
    "history": ("change in its history", "changes in its history"),
    "requested_changes": ("requested change", "requested changes"),
    "failed_records": ("failure", "failures"),
    "log_entries": ("log entry", "log entries"),
}


def in_words(forgotten: Forgotten) -> str:
    """As in "1 record, 12 changes in its history, 0 requested changes"."""
    counts = ((getattr(forgotten, name), words) for name, words in WORDS.items())
    return ", ".join(f"{count:,} {one if count == 1 else many}" for count, (one, many) in counts)
