"""The connection to Zoho, what is spent on it, and who used it."""

from integrations.models.attempt import ConnectAttempt
from integrations.models.audit import AuditEvent
from integrations.models.credential import EXPIRY_MARGIN, AwareDateTimeField, ZohoCredential
from integrations.models.quota import ZohoQuota
from integrations.models.usage import ZohoUsage

__all__ = [
    "EXPIRY_MARGIN",
    "AuditEvent",
    "AwareDateTimeField",
    "ConnectAttempt",
    "ZohoCredential",
    "ZohoQuota",
    "ZohoUsage",
]
