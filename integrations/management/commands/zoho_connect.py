"""Store the connection to Zoho, after proving that it works."""

import getpass
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from integrations.models import AuditEvent, ZohoCredential
from integrations.signals import connected
from integrations.zoho.data_centers import DATA_CENTERS
from integrations.zoho.errors import ZohoError
from integrations.zoho.tokens import exchange_code, verify

VIA = "manage.py zoho_connect"


class Command(BaseCommand):
    help = (
        "Store the connection to Zoho and verify it by a token refresh. Secrets come from "
        "ZOHO_SDK_CLIENT_SECRET and either ZOHO_SDK_REFRESH_TOKEN or ZOHO_GRANT_CODE (a self "
        "client's code), each also as NAME_FILE, or from a hidden prompt; never from arguments. "
        "Exit status: 0 connected, 1 not, with the reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data-center",
            choices=list(DATA_CENTERS),
            default=settings.ZOHO_SDK_REGION or None,
            help="Where the Zoho account lives. Default: ZOHO_SDK_REGION.",
        )
        parser.add_argument("--organization-id", required=True, help="Zoho Inventory's, digits.")
        parser.add_argument("--client-id", help="Default: ZOHO_SDK_CLIENT_ID, or a prompt.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["data_center"]:
            raise CommandError(
                "Say where the Zoho account lives: --data-center " + "|".join(DATA_CENTERS)
            )
        credential = ZohoCredential.objects.first() or ZohoCredential()
        credential.data_center = options["data_center"]
        credential.environment = settings.ZOHO_SDK_ENVIRONMENT
        credential.organization_id = options["organization_id"]
        credential.client_id = (
            options["client_id"] or settings.ZOHO_SDK_CLIENT_ID or prompt("Client ID", hide=False)
        )
        credential.client_secret = settings.ZOHO_SDK_CLIENT_SECRET or prompt("Client secret")
        credential.forget_access()
        code = settings.ZOHO_GRANT_CODE
        token = settings.ZOHO_SDK_REFRESH_TOKEN
        if not code and not token:
            token = prompt("Refresh token")
        credential.refresh_token = token or "from the code"
        try:
            credential.clean_fields()
            if code:
                exchange_code(credential, code, settings.ZOHO_SDK_REDIRECT_URL, via=VIA)
            else:
                verify(credential, via=VIA)
        except ValidationError as error:
            raise CommandError(
                "Nothing was stored. "
                + " ".join(f"{name}: {texts[0]}" for name, texts in error.message_dict.items())
            ) from error
        except ZohoError as error:
            raise CommandError(f"Nothing was stored. {error.message}") from error
        with transaction.atomic():
            credential.save()
            AuditEvent.record(
                AuditEvent.Action.CONNECTION_MADE,
                about=str(credential),
                via=VIA,
                data_center=credential.data_center,
                scopes=credential.scopes(),
            )
            connected.send(ZohoCredential, credential=credential)
        self.stdout.write(
            f"Connected to Zoho organisation {credential.organization_id} "
            f"({credential.get_data_center_display()})."
        )


def prompt(label: str, *, hide: bool = True) -> str:
    if not sys.stdin.isatty():
        raise CommandError(f"{label} is missing, and there is no terminal to ask on.")
    value = (getpass.getpass(f"{label}: ") if hide else input(f"{label}: ")).strip()
    if not value:
        raise CommandError(f"{label} is missing.")
    return value
