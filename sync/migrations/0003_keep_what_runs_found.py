from django.db import migrations


def keep(apps, schema_editor):
    """Errors become changes of their run; the ids an unfinished run was asked for, its portions."""
    change = apps.get_model("sync", "Change")
    page = apps.get_model("sync", "SyncPage")
    run_model = apps.get_model("sync", "SyncRun")
    for error in apps.get_model("sync", "SyncError").objects.order_by("id").iterator():
        change.objects.create(
            run_id=error.run_id, action="failed", zoho_id=error.zoho_id, after=error.message
        )
    active = ("queued", "running", "waiting")
    for run in run_model.objects.filter(mode="selected", state__in=active):
        page.objects.filter(run=run).delete()
        for number, start in enumerate(range(0, len(run.zoho_ids), 50), start=1):
            page.objects.create(run=run, number=number, zoho_ids=run.zoho_ids[start : start + 50])
        run.expected = len(run.zoho_ids)
        run.save()


class Migration(migrations.Migration):
    dependencies = [("sync", "0002_changes_and_failures")]

    operations = [migrations.RunPython(keep, migrations.RunPython.noop)]
