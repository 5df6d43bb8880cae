"""Re-encrypt every stored secret with the first of ZOHO_ENCRYPTION_KEYS."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from backoffice.encryption import UNREADABLE, EncryptedTextField
from integrations.models import AuditEvent

VIA = "manage.py rotate_zoho_keys"


class Command(BaseCommand):
    help = "Re-encrypt every stored secret with the first key of ZOHO_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = 0
        with transaction.atomic():
            for model in apps.get_models():
                fields = [f for f in model._meta.fields if isinstance(f, EncryptedTextField)]
                if not fields:
                    continue
                for row in model._default_manager.select_for_update():
                    if any(field.unreadable_in(row) for field in fields):
                        raise CommandError(f"{UNREADABLE} Nothing was changed.")
                    row.save(update_fields=[field.name for field in fields])
                    rows += 1
            AuditEvent.record(
                AuditEvent.Action.KEYS_ROTATED, about="Stored Zoho secrets", via=VIA, rows=rows
            )
        self.stdout.write(
            f"{rows} row(s) re-encrypted with the first key. Older keys can be removed now."
        )
