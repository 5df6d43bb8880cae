from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('crm_accounts', '0005_result_type'),
    ]

    operations = [
        migrations.AddField(
            model_name='changerequest',
            name='runs_workflows',
            field=models.BooleanField(default=True, verbose_name="Zoho's workflows run"),
        ),
    ]
