"""Records that Zoho's list left out, found by the database: no catalogue is held in memory."""

from django.db import connection

from sync.mirror import Mirror
from sync.models import Change, SyncPage, SyncRun

# The ids that the pages of a run listed, as the one column of a query with the run's id.
_LISTED_IDS = {
    "postgresql": "SELECT jsonb_array_elements_text(zoho_ids) FROM {pages} WHERE run_id = %s",
    "sqlite": "SELECT listed.value FROM {pages}, json_each(zoho_ids) AS listed WHERE run_id = %s",
}


def note_unlisted(run: SyncRun, mirror: Mirror) -> int:
    """Note in Change each unretired record that no page of this run listed; how many those are."""
    quote = connection.ops.quote_name
    table, changes = quote(mirror.model._meta.db_table), quote(Change._meta.db_table)
    key, label = quote(mirror.key), quote(mirror.label)
    listed = _LISTED_IDS[connection.vendor].format(pages=quote(SyncPage._meta.db_table))
    # The names are our own models'; every value is a parameter. EXCEPT, because it is planned as
    # one pass over both sides, however many they are.
    sql = f"""
        INSERT INTO {changes} (run_id, action, zoho_id, field, before)
        SELECT %s, %s, {key}, %s, {label} FROM {table} WHERE {key} IN (
            SELECT {key} FROM {table} WHERE retired_at IS NULL AND {key} IS NOT NULL
            EXCEPT {listed})
        ORDER BY {key}
    """  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [run.pk, Change.Action.UNLISTED.value, mirror.label, run.pk])
        return cursor.rowcount
