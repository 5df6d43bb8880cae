from django.apps import AppConfig


class CrmAccountsConfig(AppConfig):
    name = "crm_accounts"
    verbose_name = "CRM Accounts"
