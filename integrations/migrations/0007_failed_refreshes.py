
import integrations.models.credential
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0006_export_slot'),
    ]

    operations = [
        migrations.AddField(
            model_name='zohocredential',
            name='refresh_failing_since',
            field=integrations.models.credential.AwareDateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='zohocredential',
            name='refresh_failures',
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
    ]
