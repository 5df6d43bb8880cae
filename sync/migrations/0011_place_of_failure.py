from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0010_log_entries_without_names'),
    ]

    operations = [
        migrations.AddField(
            model_name='failedrecord',
            name='place',
            field=models.CharField(blank=True, default='', max_length=60),
        ),
    ]
