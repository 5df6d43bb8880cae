from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notices', '0004_change_kinds'),
    ]

    operations = [
        migrations.AlterField(
            model_name='notice',
            name='kind',
            field=models.CharField(choices=[('reconnect', 'Zoho must be connected again'), ('sync_failed', 'A sync failed'), ('worker_dead', 'Syncs are not carried out'), ('not_started', 'A due sync is not carried out'), ('schedule_dead', 'The schedule stands still'), ('unconfirmed', 'A sync waits for confirmation'), ('unsent', 'Changes did not reach Zoho'), ('approval', 'Changes wait for approval'), ('stale', 'Data is older than promised'), ('low_stock', 'Stock runs low')], max_length=20),
        ),
    ]
