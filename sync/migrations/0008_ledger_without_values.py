from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0007_runs_that_write'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='failedrecord',
            name='payload',
        ),
        migrations.AddField(
            model_name='failedrecord',
            name='field',
            field=models.CharField(blank=True, default='', max_length=255, verbose_name="Zoho's field"),
        ),
    ]
