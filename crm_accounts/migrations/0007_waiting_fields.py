from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm_accounts', '0006_runs_workflows'),
    ]

    operations = [
        migrations.AddField(
            model_name='crmfield',
            name='is_waiting',
            field=models.BooleanField(default=False, editable=False, verbose_name='waiting'),
        ),
    ]
