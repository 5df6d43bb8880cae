from django.db import migrations

from sync.fingerprint import FingerprintField, watch_fingerprint


class Migration(migrations.Migration):
    dependencies = [("products_and_services", "0003_schedule")]

    operations = [
        migrations.AddField("product", "fingerprint", FingerprintField()),
        watch_fingerprint("products_and_services_product"),
    ]
