from django.db import migrations
from django.db.models import F, Value
from django.db.models.functions import Concat

# The mirrors that there were when the log still kept the names of records.
MIRRORS = (("products_and_services", "product"), ("crm_accounts", "account"))


def forget_names(apps, schema_editor):
    """The admin's log keeps which record was edited, and no longer how it was called."""
    log = apps.get_model("admin", "LogEntry")
    for app, model in MIRRORS:
        entries = log.objects.filter(content_type__app_label=app, content_type__model=model)
        entries.update(object_repr=Concat(Value(f"{model} "), F("object_id")))


class Migration(migrations.Migration):
    dependencies = [
        ("sync", "0009_zoho_clock"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(forget_names, migrations.RunPython.noop, elidable=True)]
