from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sync", "0003_keep_what_runs_found")]

    operations = [
        migrations.RemoveField(model_name="syncrun", name="zoho_ids"),
        migrations.DeleteModel(name="SyncError"),
    ]
