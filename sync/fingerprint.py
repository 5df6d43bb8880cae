"""The column by which a sync knows that a row holds what its record said.

A fingerprint is only worth something while the row is as the sync left it. A trigger sees to that:
any UPDATE that does not bring a new fingerprint takes the old one away, whoever makes it, and the
next sync compares the row with Zoho field by field again.
"""

from typing import Any

from django.db import migrations, models


class FingerprintField(models.BigIntegerField):
    """64 bits of what Zoho last sent for this row; NULL when that is not known."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"null": True, "editable": False, **kwargs})


_POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION sync_forget_fingerprint() RETURNS trigger AS $$
    BEGIN
        NEW.fingerprint := NULL;
        RETURN NEW;
    END $$ LANGUAGE plpgsql
    """,
    """
    CREATE TRIGGER {table}_fingerprint BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN (NEW.fingerprint IS NOT DISTINCT FROM OLD.fingerprint AND NEW.fingerprint IS NOT NULL)
    EXECUTE FUNCTION sync_forget_fingerprint()
    """,
)
_SQLITE = (
    """
    CREATE TRIGGER {table}_fingerprint AFTER UPDATE ON {table} FOR EACH ROW
    WHEN NEW.fingerprint IS OLD.fingerprint AND NEW.fingerprint IS NOT NULL
    BEGIN UPDATE {table} SET fingerprint = NULL WHERE id = NEW.id; END
    """,
)


def watch_fingerprint(table: str, *, again: bool = False) -> migrations.RunPython:
    """The migration that puts the trigger on `table`.

    Each later migration that changes the table ends with it `again`: SQLite then makes the table
    anew, and forgets its triggers.
    """

    def make(apps: Any, schema_editor: Any) -> None:
        drop(apps, schema_editor)
        postgresql = schema_editor.connection.vendor == "postgresql"
        for statement in _POSTGRESQL if postgresql else _SQLITE:
            schema_editor.execute(statement.format(table=table))

    def drop(apps: Any, schema_editor: Any) -> None:
        on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {table}_fingerprint{on}")

    return migrations.RunPython(make, make if again else drop)
