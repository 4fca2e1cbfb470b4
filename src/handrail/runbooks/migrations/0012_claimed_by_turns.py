"""A live run always says when it is due. Workers claim due runs and reports, each tenant in its turn.

What an earlier version had queued is due at once: a live run without a time, and an outcome that was never reported."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

DUE = """
UPDATE runbooks_operationrun SET due_at = now()
WHERE due_at IS NULL AND state NOT IN ('completed', 'exception', 'cancelled');
UPDATE runbooks_report SET due_at = now() WHERE due_at IS NULL AND delivered_at IS NULL AND failure = '';
"""
ENDED = Q(state__in=["completed", "exception", "cancelled"])


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0010_reports_end")]

    operations = [
        migrations.RunSQL(DUE, migrations.RunSQL.noop),
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", migrations.RunSQL.noop),
        migrations.RemoveConstraint("operationrun", "run_finished_paired"),
        migrations.AddConstraint(
            "operationrun",
            models.CheckConstraint(
                condition=(ENDED & Q(finished_at__isnull=False, due_at=None))
                | (~ENDED & Q(finished_at=None, due_at__isnull=False)),
                name="run_finished_paired",
            ),
        ),
        migrations.RemoveIndex("operationrun", "run_due"),
        migrations.AddIndex(
            "operationrun",
            models.Index(fields=["tenant", "due_at"], condition=Q(due_at__isnull=False), name="run_turn"),
        ),
        migrations.AddIndex(
            "operationrun",
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False, failures__gt=0), name="run_recovered"),
        ),
        migrations.AddIndex(
            "report",
            models.Index(fields=["tenant", "due_at"], condition=Q(due_at__isnull=False), name="report_turn"),
        ),
    ]
