"""Sessions get a table of their own, with whose they are. Those of the old one can't be continued: people log in again."""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def forget(apps: Any, schema_editor: Any) -> None:
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0005_identities_by_issuer'),
        ('sessions', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='LoginSession',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('ref', models.CharField(max_length=24)),
                ('method', models.CharField(max_length=16)),
                ('address', models.CharField(max_length=45)),
                ('agent', models.CharField(max_length=80)),
                ('begun_at', models.DateTimeField(null=True)),
                ('seen_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'abstract': False,
            },
        ),
        migrations.RunPython(forget, migrations.RunPython.noop),
    ]
