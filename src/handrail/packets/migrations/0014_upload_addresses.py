"""The upload addresses that vendors give for their cases."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import handrail.access.fields
from handrail.audit.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("packets", "0013_watched"),
    ]

    operations = [
        migrations.CreateModel(
            name="GivenUploadAddress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("address", handrail.access.fields.ForgettableTextField(max_length=8000)),
                ("expires_at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                ("user_id", models.BigIntegerField(null=True)),
                (
                    "packet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="upload_addresses", to="packets.packet"
                    ),
                ),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.tenant")),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.workspace")),
            ],
            options={"abstract": False},
        ),
        append_only("packets_givenuploadaddress"),
    ]
