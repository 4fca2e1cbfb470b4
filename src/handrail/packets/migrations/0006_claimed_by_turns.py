"""Workers claim due revisions, each tenant in its turn. One that was never tried, and has no time, is due at once."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

DUE = "UPDATE packets_revision SET due_at = now() WHERE due_at IS NULL AND state = 'assembling' AND failure = ''"


class Migration(migrations.Migration):
    dependencies = [("packets", "0005_names")]

    operations = [
        migrations.RunSQL(DUE, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveIndex("revision", "revision_due"),
        migrations.AddIndex(
            "revision",
            models.Index(fields=["tenant", "due_at"], condition=Q(due_at__isnull=False), name="revision_turn"),
        ),
    ]
