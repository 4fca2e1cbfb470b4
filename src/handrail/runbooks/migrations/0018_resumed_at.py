"""When a run's wait for a person or a service ended, though it waits for the limits of a connector since."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0017_limits")]

    operations = [migrations.AddField("pausedrun", "resumed_at", models.DateTimeField(null=True))]
