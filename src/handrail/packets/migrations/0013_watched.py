"""Sources of what was delivered are watched; vendors reply, and what was delivered can be recalled at any time."""

from __future__ import annotations

from django.db import migrations, models

_CHANGEABLE = (
    "state",
    "updated_at",
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
)
_WATCHED = ("watch_at", "watched_at", "watch_failure")
_KINDS = (
    "released",
    "intent",
    "receipt",
    "not-taken",
    "refused",
    "unknown",
    "absent",
    "consumed",
    "given-up",
    "recall",
    "withdrawn",
    "noticed",
    "never-delivered",
    "reply",
    "reply-refused",
    "settled",
    "drift-noted",
    "unwatched",
    "watched",
    "looked",
    "recall-signed",
)
_CAUSES = (
    "first",
    "new-evidence",
    "drift",
    "definition-changed",
    "hold-cleared",
    "text-masked",
    "rejected",
    "withdrawn",
    "expired",
    "discarded",
    "recalled",
    "rejected-by-vendor",
)


def _frozen(columns: tuple[str, ...]) -> str:
    """The trigger's function again: which columns of a revision may change."""
    names = ", ".join(f"'{name}'" for name in columns)
    return f"""
    CREATE OR REPLACE FUNCTION packets_revision_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (to_jsonb(NEW) - ARRAY[{names}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{names}]) THEN
            RAISE EXCEPTION 'frozen: only {", ".join(columns)} of packets_revision may change'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    """


class Migration(migrations.Migration):
    dependencies = [("packets", "0012_forgettable")]

    operations = [
        migrations.AddField("revision", "watch_at", models.DateTimeField(null=True)),
        migrations.AddField("revision", "watched_at", models.DateTimeField(null=True)),
        migrations.AddField("revision", "watch_failure", models.CharField(max_length=300, null=True)),
        migrations.RunSQL(_frozen((*_CHANGEABLE, *_WATCHED)), _frozen(_CHANGEABLE)),
        migrations.AlterField(
            "deliveryentry", "kind", models.CharField(choices=[(kind, kind) for kind in _KINDS], max_length=20)
        ),
        migrations.AlterField(
            "revision", "cause", models.CharField(choices=[(cause, cause) for cause in _CAUSES], max_length=32)
        ),
    ]
