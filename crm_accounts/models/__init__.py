"""Accounts as they are mirrored, their fields, and what people want changed of them in Zoho."""

from crm_accounts.models.account import Account, CrmUser
from crm_accounts.models.change_request import ChangeRequest, RequestedChange
from crm_accounts.models.field import CrmField

__all__ = ["Account", "ChangeRequest", "CrmField", "CrmUser", "RequestedChange"]
