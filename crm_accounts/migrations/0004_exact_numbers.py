from django.db import migrations, models

from sync.fingerprint import watch_fingerprint


MOST_BEFORE = 10**21 - 1


def fit_numbers(apps, schema_editor):
    """Backwards: the columns held numbers of up to 21 digits before the point."""
    accounts = apps.get_model("crm_accounts", "Account").objects
    for column in ("annual_revenue", "exchange_rate"):
        accounts.filter(**{f"{column}__gt": MOST_BEFORE}).update(**{column: None})
        accounts.filter(**{f"{column}__lt": -MOST_BEFORE}).update(**{column: None})


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
        migrations.RunPython(migrations.RunPython.noop, fit_numbers),
    ]
