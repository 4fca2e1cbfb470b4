"""What may be forgotten of packets is encrypted from here on; what was written before stays as it is.

No jsonb or bytea column changes in the database; varchar columns become text, which rewrites nothing.
"""

from __future__ import annotations

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

from handrail.access.fields import ForgettableBinaryField, ForgettableJSONField, ForgettableTextField
from handrail.audit.appendonly import append_only, frozen_columns

_NOT_APPEND_ONLY = migrations.RunSQL(
    "DROP TRIGGER handrail_append_only ON packets_packet;",
    """
    CREATE TRIGGER handrail_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON packets_packet
        FOR EACH STATEMENT EXECUTE FUNCTION handrail_refuse_change();
    ALTER TABLE packets_packet ENABLE ALWAYS TRIGGER handrail_append_only;
    """,
)


def _text(model: str, name: str, **more: object) -> migrations.AlterField:
    return migrations.AlterField(model, name, ForgettableTextField(**more))


def _object(model: str, name: str, **more: object) -> migrations.AlterField:
    return migrations.AlterField(model, name, ForgettableJSONField(**more))


def _bytes(model: str, name: str, **more: object) -> migrations.AlterField:
    return migrations.AlterField(model, name, ForgettableBinaryField(**more))


class Migration(migrations.Migration):
    dependencies = [("packets", "0011_proofs")]

    operations = [
        _object("packet", "inputs"),
        _text("packet", "subject", max_length=400),
        migrations.AddField(
            "packet",
            "terms",
            django.contrib.postgres.fields.ArrayField(models.CharField(max_length=16), null=True),
        ),
        migrations.AddIndex(
            "packet", django.contrib.postgres.indexes.GinIndex(fields=["terms"], name="packet_terms")
        ),
        _NOT_APPEND_ONLY,
        frozen_columns("packets_packet", ["terms"]),
        _object("revision", "cause_detail", default=list),
        _text("revision", "ended_reason", default="", max_length=500),
        *(_text("assembly", name) for name in ("packet", "trace", "holds")),
        _bytes("assembly", "manifest", null=True),
        _text("snapshot", "record", max_length=400),
        _text("snapshot", "version", max_length=200, null=True),
        *(_object("snapshot", name) for name in ("values", "problems")),
        *(_text("holdrow", name) for name in ("message", "released_by")),
        _object("holdrow", "internal"),
        _text("clearance", "reason", max_length=500),
        _text("pictureredaction", "artifact", max_length=300),
        _text("annexrow", "artifact", max_length=300),
        _object("annexrow", "report", default=dict),
        _text("vote", "reason", default="", max_length=500),
        *(_bytes("release", name) for name in ("manifest_envelope", "approvals_envelope")),
        migrations.CreateModel(
            name="Forgetting",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("kind", models.CharField(max_length=16)),
                ("reason", models.CharField(max_length=16)),
                (
                    "packet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="forgettings", to="packets.packet"
                    ),
                ),
                ("tenant", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.tenant")),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.workspace")),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("packet", "kind"), name="forgetting_once")]},
        ),
        append_only("packets_forgetting"),
    ]
