from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm_accounts', '0005_result_type'),
    ]

    operations = [
        migrations.AddField(
            model_name='crmfield',
            name='is_waiting',
            field=models.BooleanField(default=False, editable=False, verbose_name='waiting'),
        ),
    ]
