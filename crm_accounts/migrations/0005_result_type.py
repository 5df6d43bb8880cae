
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm_accounts', '0004_exact_numbers'),
    ]

    operations = [
        migrations.AddField(
            model_name='crmfield',
            name='result_type',
            field=models.CharField(blank=True, default='', max_length=50, verbose_name='type of its result'),
        ),
    ]
