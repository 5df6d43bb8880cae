"""The SDK's client, made from what is stored or from what the environment gives."""

from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.db import transaction

from integrations.models import AuditEvent, ZohoCredential, ZohoUsage
from integrations.zoho.configuration import ZohoSDKConfig
from integrations.zoho.crm.answers import crm_answer
from integrations.zoho.crm.rest import RestCrm
from integrations.zoho.crm.sdk import ZohoSDKClient
from integrations.zoho.errors import ZohoConfigError
from integrations.zoho.exchange import Answer, Reply, Request
from integrations.zoho.records import dumps
from integrations.zoho.storage import our_database
from integrations.zoho.transport import Transport


def create_zoho_client(
    use_mock: bool = False, purpose: ZohoUsage.Purpose = ZohoUsage.Purpose.PERSON
) -> RestCrm:
    """The client for the stored connection, or for the one that ZOHO_SDK_* describe, which is then
    stored: its tokens need a place that all workers share.

    Raises ZohoConfigError when there is neither, naming what is missing. Never falls back to a
    mock: that is returned when asked for, and refused unless DEBUG is on.
    """
    if use_mock:
        if not settings.DEBUG:
            raise ZohoConfigError("A mock of Zoho is refused: it is for development, with DEBUG.")
        return MockZohoClient()
    with our_database("The connection to Zoho could not be read, so nothing was sent."):
        credential = ZohoCredential.objects.first() or _given()
    return ZohoSDKClient(credential, purpose)


def _given() -> ZohoCredential:
    config = ZohoSDKConfig()
    with transaction.atomic():
        credential, is_new = ZohoCredential.objects.get_or_create(
            defaults={
                "data_center": config.region,
                "environment": config.environment,
                "client_id": config.client_id,
                "client_secret": config.client_secret.get_secret_value(),
                "refresh_token": config.refresh_token.get_secret_value(),
            }
        )
        if is_new:
            AuditEvent.record(
                AuditEvent.Action.CONNECTION_MADE,
                about=str(credential),
                via="ZOHO_SDK_…",
                data_center=credential.data_center,
            )
    return credential


class MockZohoClient(RestCrm):
    """Three made-up accounts in memory. Its `tier` says what it is."""

    tier = "mock"

    def __init__(self) -> None:
        super().__init__(ZohoCredential(data_center="us"), cast(Transport, _Memory()))
        self.tenant = f"mock {id(self)}"


class _Memory:
    """Answers lists, single accounts and updates; finds nothing else."""

    calls = 0

    def __init__(self) -> None:
        names = ("Mock Alpha", "Mock Beta", "Mock Gamma")
        self.rows = {
            str(number): {
                "id": str(number),
                "Account_Name": name,
                "Industry": "Energy",
                "Annual_Revenue": Decimal("1200.50"),
                "Modified_Time": "2026-01-01T00:00:00+00:00",
            }
            for number, name in enumerate(names, 1)
        }

    def ask(self, request: Request) -> Answer:
        self.calls += 1
        status, body = self._answer(request, request.path.split("/")[2:])
        reply = Reply(status, {}, dumps(body) if body else b"")
        return Answer(status, {}, reply.content, crm_answer(reply, request))

    def close(self) -> None:
        """Nothing is held."""

    def _answer(self, request: Request, path: list[str]) -> tuple[int, dict[str, Any]]:
        match request.method, *path:
            case "GET", "settings", "fields":
                names = sorted({name for row in self.rows.values() for name in row})
                return 200, {"fields": [{"api_name": name, "data_type": "text"} for name in names]}
            case "GET", "Accounts":
                return 200, {"data": list(self.rows.values()), "info": {"more_records": False}}
            case "GET", "Accounts", record_id if record_id in self.rows:
                return 200, {"data": [self.rows[record_id]]}
            case "PUT", "Accounts", *one:
                entries = [
                    self._write({"id": one[0], **r} if one else r) for r in request.body["data"]
                ]
                return 200, {"data": entries}
        return 204, {}

    def _write(self, row: dict[str, Any]) -> dict[str, Any]:
        if row["id"] not in self.rows:
            return {"code": "INVALID_DATA", "status": "error", "details": {"api_name": "id"}}
        self.rows[row["id"]] |= row
        return {"code": "SUCCESS", "status": "success", "details": {"id": row["id"]}}
