from django.db import migrations, models

# The frozen columns keep the backfill out, as they keep everything else out that writes to a run's past.
NAME_THE_RUNBOOK = """
ALTER TABLE runbooks_operationrun DISABLE TRIGGER handrail_frozen;
UPDATE runbooks_operationrun SET runbook = d.name FROM definitions_definition d WHERE d.id = definition_id;
ALTER TABLE runbooks_operationrun ENABLE ALWAYS TRIGGER handrail_frozen;
"""


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0004_room_for_names")]

    operations = [
        migrations.RemoveConstraint("operationrun", "run_once_a_task"),
        migrations.AddField(
            "operationrun", "runbook", models.CharField(max_length=64, default=""), preserve_default=False
        ),
        migrations.RunSQL(NAME_THE_RUNBOOK, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "operationrun",
            models.UniqueConstraint(
                fields=["workspace", "task_key", "runbook", "task_version", "tenant"], name="run_once_a_task"
            ),
        ),
    ]
