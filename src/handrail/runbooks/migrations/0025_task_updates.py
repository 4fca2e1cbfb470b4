"""Further messages to task systems, what shows that one is kept, and how the last pull of each went."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

UNINDEXED = {"on_delete": django.db.models.deletion.PROTECT, "db_index": False}
KINDS = ["refused", "taken", "handed-back", "resolved", "followed-up"]


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_tenant_closed"),
        ("runbooks", "0024_waves"),
    ]

    operations = [
        migrations.AddField(
            "report", "failure_code", models.CharField(db_default="", default="", max_length=32)
        ),
        migrations.AddField("report", "unproven", models.PositiveSmallIntegerField(db_default=0, default=0)),
        migrations.CreateModel(
            name="TaskUpdate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref", models.CharField(max_length=24, unique=True)),
                ("task_key", models.CharField(max_length=128)),
                ("kind", models.CharField(choices=[(kind, kind) for kind in KINDS], max_length=16)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                ("detail", models.JSONField()),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(null=True)),
                ("tried_until", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("failure", models.CharField(default="", max_length=200)),
                ("failure_code", models.CharField(default="", max_length=32)),
                ("unproven", models.PositiveSmallIntegerField(default=0)),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="updates",
                        to="runbooks.operationrun",
                    ),
                ),
                ("tenant", models.ForeignKey(null=True, to="access.tenant", **UNINDEXED)),
                ("workspace", models.ForeignKey(to="access.workspace", **UNINDEXED)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["tenant", "due_at"], name="update_turn"
                    ),
                    models.Index(fields=["workspace", "task_key", "id"], name="update_of_task"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TaskPull",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("system", models.CharField(max_length=80)),
                ("at", models.DateTimeField()),
                ("whole_at", models.DateTimeField(null=True)),
                ("pages", models.PositiveIntegerField(default=0)),
                ("tasks", models.PositiveIntegerField(default=0)),
                ("code", models.CharField(default="", max_length=32)),
                ("message", models.CharField(default="", max_length=300)),
                (
                    "workspace",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.workspace"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("workspace", "system"), name="task_pull_once")],
            },
        ),
    ]
