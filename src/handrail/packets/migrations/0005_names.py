"""Columns named for what they hold. What was sealed keeps its names (``packets.audit_sources``)."""

from django.db import migrations, models
from django.db.models import Q

_CHANGEABLE = (
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


def _frozen(moved: str) -> str:
    """The trigger's function again: which columns of a revision may change."""
    columns = ("state", moved, *_CHANGEABLE)
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
    dependencies = [("packets", "0004_given_up")]

    operations = [
        migrations.RemoveConstraint("packet", "packet_once_a_case_and_lane"),
        migrations.RenameField("packet", "given", "inputs"),
        migrations.RenameField("packet", "given_digest", "inputs_digest"),
        migrations.AddConstraint(
            "packet",
            models.UniqueConstraint(
                fields=["workspace", "profile", "inputs_digest", "lane"], name="packet_once_a_case_and_lane"
            ),
        ),
        migrations.RenameField("revision", "moved_at", "updated_at"),
        migrations.RunSQL(_frozen("updated_at"), _frozen("moved_at")),
        migrations.RenameField("holdrow", "says", "message"),
        migrations.RenameField("holdrow", "inside", "internal"),
        migrations.RenameField("annexrow", "sort", "type"),
        migrations.RemoveConstraint("vote", "vote_once_a_person"),
        migrations.RemoveConstraint("vote", "vote_approves_a_digest"),
        migrations.RemoveConstraint("vote", "vote_against_needs_reason"),
        migrations.RenameField("vote", "ballot", "kind"),
        migrations.AddConstraint(
            "vote",
            models.UniqueConstraint(
                fields=["revision", "user_id"], condition=Q(kind="approve"), name="vote_once_a_person"
            ),
        ),
        migrations.AddConstraint(
            "vote",
            models.CheckConstraint(
                condition=~Q(kind="approve") | (Q(user_id__isnull=False) & ~Q(manifest_digest="")),
                name="vote_approves_a_digest",
            ),
        ),
        migrations.AddConstraint(
            "vote",
            models.CheckConstraint(condition=Q(kind="approve") | ~Q(reason=""), name="vote_against_needs_reason"),
        ),
    ]
