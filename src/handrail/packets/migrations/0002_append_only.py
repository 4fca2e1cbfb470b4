from django.db import migrations

from handrail.audit.appendonly import append_only, frozen_columns


class Migration(migrations.Migration):
    dependencies = [("packets", "0001_initial"), ("audit", "0002_append_only")]
    operations = [
        append_only("packets_packet"),
        append_only("packets_assembly"),
        append_only("packets_snapshot"),
        append_only("packets_holdrow"),
        append_only("packets_clearance"),
        append_only("packets_annexrow"),
        append_only("packets_vote"),
        append_only("packets_release"),
        append_only("packets_deliveryentry"),
        frozen_columns(
            "packets_revision",
            [
                "state",
                "moved_at",
                "due_at",
                "approved_at",
                "released_at",
                "consumed_at",
                "ended_at",
                "ended_from",
                "ended_cause",
                "ended_by",
                "ended_reason",
                "failure",
            ],
        ),
    ]
