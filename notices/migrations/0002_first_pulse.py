from django.db import migrations


def begin(apps, schema_editor):
    """From here on a worker is waited for."""
    apps.get_model("notices", "Pulse").objects.get_or_create(name="worker")


class Migration(migrations.Migration):
    dependencies = [("notices", "0001_initial")]

    operations = [migrations.RunPython(begin, migrations.RunPython.noop)]
