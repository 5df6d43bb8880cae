from django.db import migrations

TASK = "products_and_services.tasks.task_sync_zoho_products"


def make_schedule(apps, schema_editor):
    """Changes every hour, everything at 02:00. Made once: from here on it is staff's."""
    crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    task = apps.get_model("django_celery_beat", "PeriodicTask")
    hourly, _ = crontab.objects.get_or_create(minute="0", hour="*")
    nightly, _ = crontab.objects.get_or_create(minute="0", hour="2")
    # What the settings of the first version put here at each start; its times are kept.
    task.objects.filter(name="Sync Zoho products every hour").update(
        name="Changed Zoho products", kwargs='{"mode": "changed"}'
    )
    task.objects.filter(name="Sync all Zoho products at 02:00").update(name="All Zoho products")
    task.objects.get_or_create(
        name="Changed Zoho products",
        defaults={"task": TASK, "crontab": hourly, "kwargs": '{"mode": "changed"}'},
    )
    task.objects.get_or_create(
        name="All Zoho products", defaults={"task": TASK, "crontab": nightly}
    )


class Migration(migrations.Migration):
    dependencies = [
        ("products_and_services", "0002_indexes_for_large_lists"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(make_schedule, migrations.RunPython.noop)]
