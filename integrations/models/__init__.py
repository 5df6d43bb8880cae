"""The connection to Zoho, and what is spent on it."""

from integrations.models.attempt import ConnectAttempt
from integrations.models.credential import EXPIRY_MARGIN, AwareDateTimeField, ZohoCredential
from integrations.models.usage import ZohoUsage

__all__ = [
    "EXPIRY_MARGIN",
    "AwareDateTimeField",
    "ConnectAttempt",
    "ZohoCredential",
    "ZohoUsage",
]
