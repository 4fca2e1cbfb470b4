"""Limits and circuit breakers of connectors, and which runs wait for them."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0016_found_wrong")]

    operations = [
        migrations.CreateModel(
            name="ConnectorGate",
            fields=[
                ("connector", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("version", models.BigIntegerField()),
                ("state", models.JSONField()),
                ("refused", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField("pausedrun", "connector", models.CharField(max_length=128, default="", db_default="")),
        migrations.AddField("pausedrun", "cause", models.CharField(max_length=16, default="", db_default="")),
        migrations.AddField("pausedrun", "until", models.DateTimeField(null=True)),
        migrations.AddField("pausedrun", "waited_seconds", models.FloatField(default=0.0, db_default=0.0)),
        migrations.AddField("pausedrun", "passed_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "pausedrun",
            models.Index(fields=["connector"], condition=~models.Q(connector=""), name="paused_connector"),
        ),
    ]
