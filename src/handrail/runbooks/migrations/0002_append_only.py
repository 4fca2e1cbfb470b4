from django.db import migrations

from handrail.audit.appendonly import append_only, frozen_columns


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0001_initial"), ("audit", "0002_append_only")]
    operations = [
        append_only("runbooks_checkpoint"),
        append_only("runbooks_retryledgerentry"),
        append_only("runbooks_completionrecord"),
        frozen_columns("runbooks_operationrun", ["state", "moved_at", "due_at", "finished_at"]),
        frozen_columns(
            "runbooks_exceptionpacket",
            ["handling", "taken_at", "taken_by", "resolved_at", "resolved_by", "note"],
        ),
    ]
