"""Completed runs that were drawn for a second look, and what was found."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only

UNINDEXED = {"on_delete": django.db.models.deletion.PROTECT, "db_index": False}


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_tenant_closed"),
        ("runbooks", "0021_exception_bench"),
    ]

    operations = [
        migrations.CreateModel(
            name="SampledRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("share", models.FloatField()),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="sampled", to="runbooks.operationrun"
                    ),
                ),
                ("tenant", models.ForeignKey(to="access.tenant", **UNINDEXED)),
                ("workspace", models.ForeignKey(to="access.workspace", **UNINDEXED)),
            ],
            options={"indexes": [models.Index(fields=["workspace", "at"], name="sampled_by_time")]},
        ),
        migrations.CreateModel(
            name="RunReview",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                ("verdict", models.CharField(choices=[("right", "right"), ("wrong", "wrong")], max_length=16)),
                ("reason", models.CharField(max_length=500)),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="review", to="runbooks.operationrun"
                    ),
                ),
                ("tenant", models.ForeignKey(to="access.tenant", **UNINDEXED)),
                ("workspace", models.ForeignKey(to="access.workspace", **UNINDEXED)),
            ],
        ),
        append_only("runbooks_sampledrun"),
        append_only("runbooks_runreview"),
    ]
