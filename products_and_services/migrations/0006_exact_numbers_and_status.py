from django.db import migrations, models

from sync.fingerprint import watch_fingerprint


MOST_BEFORE = 10**16 - 1


def fit_numbers(apps, schema_editor):
    """Backwards: the columns held up to 16 digits before the point, and no unknown status."""
    products = apps.get_model("products_and_services", "Product").objects
    for column in ("price", "stock_quantity"):
        products.filter(**{f"{column}__gt": MOST_BEFORE}).update(**{column: None})
        products.filter(**{f"{column}__lt": -MOST_BEFORE}).update(**{column: None})
    products.filter(is_active=None).update(is_active=False)


class Migration(migrations.Migration):

    dependencies = [
        ('products_and_services', '0005_searchable_and_note'),
    ]

    operations = [
        migrations.AddField(
            model_name='product',
            name='zoho_status',
            field=models.CharField(blank=True, default='', max_length=100, verbose_name='status in Zoho'),
        ),
        migrations.AlterField(
            model_name='product',
            name='is_active',
            field=models.BooleanField(default=True, null=True, verbose_name='active in Zoho'),
        ),
        migrations.AlterField(
            model_name='product',
            name='price',
            field=models.DecimalField(blank=True, decimal_places=20, max_digits=40, null=True),
        ),
        migrations.AlterField(
            model_name='product',
            name='stock_quantity',
            field=models.DecimalField(blank=True, decimal_places=20, max_digits=40, null=True, verbose_name='stock'),
        ),
        watch_fingerprint("products_and_services_product", again=True),
        migrations.RunPython(migrations.RunPython.noop, fit_numbers),
    ]
