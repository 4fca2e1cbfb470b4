"""What people have seen of a packet before they approve it."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0008_visits"),
        ("packets", "0006_claimed_by_turns"),
    ]

    operations = [
        migrations.CreateModel(
            name="SeenMark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("path", models.CharField(max_length=200)),
                ("digest", models.CharField(max_length=71)),
                ("user_id", models.BigIntegerField()),
                ("by", models.CharField(max_length=254)),
                (
                    "packet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="seen", to="packets.packet"
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="seen", to="packets.revision"
                    ),
                ),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.tenant")),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.workspace")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("packet", "user_id", "digest"), name="seen_once_a_person")
                ],
            },
        ),
        append_only("packets_seenmark"),
    ]
