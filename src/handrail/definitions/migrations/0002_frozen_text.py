from django.db import migrations

from handrail.audit.appendonly import frozen_columns


class Migration(migrations.Migration):
    dependencies = [("definitions", "0001_initial"), ("audit", "0002_append_only")]
    operations = [
        frozen_columns(
            "definitions_definition",
            ["state", "decided_at", "decided_by", "reason", "deprecated_at", "deprecated_by"],
        )
    ]
