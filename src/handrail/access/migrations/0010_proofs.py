"""Statements that passkeys are asked to sign, each used once."""

from __future__ import annotations


import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0009_passkeys'),
    ]

    operations = [
        migrations.CreateModel(
            name='SigningCeremony',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('session', models.CharField(max_length=24)),
                ('subject_kind', models.CharField(max_length=24)),
                ('subject', models.CharField(max_length=200)),
                ('act', models.CharField(max_length=16)),
                ('nonce', models.CharField(max_length=64, unique=True)),
                ('statement', models.TextField()),
                ('begun_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('begun_at'))), name='ceremony_ends_after_begin')],
            },
        ),
    ]
