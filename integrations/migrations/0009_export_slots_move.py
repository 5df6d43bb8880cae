from django.db import migrations


class Migration(migrations.Migration):
    """To `backoffice`, which makes its own table: a slot is held for seconds, so none is lost."""

    dependencies = [("integrations", "0008_zoho_quota")]

    operations = [migrations.DeleteModel(name="ExportSlot")]
