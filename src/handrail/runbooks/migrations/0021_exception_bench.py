"""Due times and outcomes of exception packets, their sources read again, and the runs that people start from them."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only

# As in 0002, with what may be written of a packet later.
FROZEN = """
CREATE OR REPLACE FUNCTION runbooks_exceptionpacket_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) - ARRAY[{names}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{names}]) THEN
        RAISE EXCEPTION 'frozen: only {listed} of runbooks_exceptionpacket may change'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
BEFORE = ("handling", "taken_at", "taken_by", "resolved_at", "resolved_by", "note")
SINCE = (*BEFORE, "overdue_at", "outcome")


def frozen(columns: tuple[str, ...]) -> str:
    return FROZEN.format(names=", ".join(f"'{name}'" for name in columns), listed=", ".join(columns))


# As in 0020. That it is late is noted once, while it is unresolved, and changes nothing else; the outcome comes with
# the resolution, and without it no longer.
HANDLED = """
CREATE OR REPLACE FUNCTION runbooks_exceptionpacket_handled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.overdue_at IS NULL AND NEW.overdue_at >= OLD.due_at AND OLD.handling <> 'resolved'
       AND to_jsonb(NEW) - 'overdue_at' = to_jsonb(OLD) - 'overdue_at' THEN
        RETURN NEW;
    END IF;
    IF NEW.overdue_at IS NOT DISTINCT FROM OLD.overdue_at THEN
        IF NEW.handling = 'taken' AND NEW.taken_at IS NOT NULL AND NEW.resolved_at IS NULL AND (
               OLD.handling = 'open'
               OR (OLD.handling = 'taken' AND NEW.taken_by <> OLD.taken_by AND NEW.taken_at > OLD.taken_at)) THEN
            RETURN NEW;
        END IF;
        IF OLD.handling = 'taken' AND NEW.handling = 'open' AND NEW.taken_at IS NULL AND NEW.resolved_at IS NULL THEN
            RETURN NEW;
        END IF;
        IF OLD.handling = 'taken' AND NEW.handling = 'resolved' AND NEW.resolved_at IS NOT NULL AND NEW.outcome <> ''
           AND (NEW.taken_at, NEW.taken_by) IS NOT DISTINCT FROM (OLD.taken_at, OLD.taken_by) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'handling: exception packet % can''t go from % to % like this', OLD.ref, OLD.handling, NEW.handling
        USING ERRCODE = 'restrict_violation';
END $$;
"""
HANDLED_BEFORE = """
CREATE OR REPLACE FUNCTION runbooks_exceptionpacket_handled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.handling = 'taken' AND NEW.taken_at IS NOT NULL AND NEW.resolved_at IS NULL AND (
           OLD.handling = 'open'
           OR (OLD.handling = 'taken' AND NEW.taken_by <> OLD.taken_by AND NEW.taken_at > OLD.taken_at)) THEN
        RETURN NEW;
    END IF;
    IF OLD.handling = 'taken' AND NEW.handling = 'open' AND NEW.taken_at IS NULL AND NEW.resolved_at IS NULL THEN
        RETURN NEW;
    END IF;
    IF OLD.handling = 'taken' AND NEW.handling = 'resolved' AND NEW.resolved_at IS NOT NULL
       AND (NEW.taken_at, NEW.taken_by) IS NOT DISTINCT FROM (OLD.taken_at, OLD.taken_by) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'handling: exception packet % can''t go from % to % like this', OLD.ref, OLD.handling, NEW.handling
        USING ERRCODE = 'restrict_violation';
END $$;
"""
UNINDEXED = {"on_delete": django.db.models.deletion.PROTECT, "db_index": False}
ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_tenant_closed"),
        ("runbooks", "0020_exception_notes"),
    ]

    operations = [
        migrations.AddField("exceptionpacket", "due_at", models.DateTimeField(null=True)),
        migrations.AddField("exceptionpacket", "overdue_at", models.DateTimeField(null=True)),
        migrations.AddField("exceptionpacket", "outcome", models.CharField(max_length=64, null=True)),
        migrations.AddConstraint(
            "exceptionpacket",
            models.CheckConstraint(
                condition=models.Q(outcome=None) | models.Q(resolved_at__isnull=False), name="exception_outcome"
            ),
        ),
        migrations.AddIndex(
            "exceptionpacket",
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False, overdue_at=None) & ~models.Q(handling="resolved"),
                name="exception_due",
            ),
        ),
        migrations.RunSQL(frozen(SINCE), frozen(BEFORE)),
        migrations.RunSQL(HANDLED, HANDLED_BEFORE),
        migrations.CreateModel(
            name="Rereading",
            fields=[
                ("id", ID),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                ("values", models.JSONField()),
                ("withheld", models.JSONField()),
                ("differing", models.JSONField()),
                ("evidence", models.JSONField()),
                ("unread", models.JSONField()),
                (
                    "packet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rereadings",
                        to="runbooks.exceptionpacket",
                    ),
                ),
                ("tenant", models.ForeignKey(to="access.tenant", **UNINDEXED)),
                ("workspace", models.ForeignKey(to="access.workspace", **UNINDEXED)),
            ],
        ),
        append_only("runbooks_rereading"),
        migrations.CreateModel(
            name="FollowUp",
            fields=[
                ("id", ID),
                ("number", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                (
                    "packet",
                    models.ForeignKey(related_name="follow_ups", to="runbooks.exceptionpacket", **UNINDEXED),
                ),
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="follow_up",
                        to="runbooks.operationrun",
                    ),
                ),
                ("tenant", models.ForeignKey(to="access.tenant", **UNINDEXED)),
                ("workspace", models.ForeignKey(to="access.workspace", **UNINDEXED)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("packet", "number"), name="follow_up_once")],
            },
        ),
        append_only("runbooks_followup"),
    ]
