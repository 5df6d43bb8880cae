from django.db import migrations, models

from sync.fingerprint import watch_fingerprint


class Migration(migrations.Migration):

    dependencies = [
        ('crm_accounts', '0003_change_requests'),
    ]

    operations = [
        migrations.AlterField(
            model_name='account',
            name='annual_revenue',
            field=models.DecimalField(blank=True, decimal_places=20, max_digits=42, null=True),
        ),
        migrations.AlterField(
            model_name='account',
            name='exchange_rate',
            field=models.DecimalField(blank=True, decimal_places=20, max_digits=42, null=True),
        ),
        watch_fingerprint("crm_accounts_account", again=True),
    ]
