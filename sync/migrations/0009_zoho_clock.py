
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0008_ledger_without_values'),
    ]

    operations = [
        migrations.AddField(
            model_name='syncrun',
            name='zoho_clock',
            field=models.FloatField(blank=True, editable=False, null=True),
        ),
    ]
