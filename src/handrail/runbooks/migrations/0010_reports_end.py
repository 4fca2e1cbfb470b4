"""A report ends after a while; how often it was tried can be more than 32,767."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0009_message_and_updated_at")]

    operations = [
        migrations.AddField("report", "tried_until", models.DateTimeField(null=True)),
        migrations.AlterField("report", "attempts", models.PositiveIntegerField(default=0)),
    ]
