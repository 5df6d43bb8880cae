from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0007_failed_refreshes'),
    ]

    operations = [
        migrations.CreateModel(
            name='ZohoQuota',
            fields=[
                ('product', models.CharField(choices=[('inventory', 'Inventory'), ('crm', 'CRM')], max_length=10, primary_key=True, serialize=False)),
                ('limit', models.PositiveIntegerField(null=True)),
                ('remaining', models.PositiveIntegerField()),
                ('resets_at', models.DateTimeField(null=True)),
                ('seen_at', models.DateTimeField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
    ]
