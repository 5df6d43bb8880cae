from django.db import migrations

from sync.fingerprint import watch_fingerprint


class Migration(migrations.Migration):
    dependencies = [("crm_accounts", "0001_initial")]

    operations = [watch_fingerprint("crm_accounts_account")]
