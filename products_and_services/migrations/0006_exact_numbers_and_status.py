from django.db import migrations, models

from sync.fingerprint import watch_fingerprint


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
    ]
