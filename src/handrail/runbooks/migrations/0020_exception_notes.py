"""Notes on exception packets, and the way back from whoever has one to everybody."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only

# As in 0007, and from taken to open again: handed back. The events keep who had it.
BACK = """
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
ONE_WAY = """
CREATE OR REPLACE FUNCTION runbooks_exceptionpacket_handled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.handling = 'taken' AND NEW.taken_at IS NOT NULL AND NEW.resolved_at IS NULL AND (
           OLD.handling = 'open'
           OR (OLD.handling = 'taken' AND NEW.taken_by <> OLD.taken_by AND NEW.taken_at > OLD.taken_at)) THEN
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


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_tenant_closed"),
        ("runbooks", "0019_fewer_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExceptionNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                (
                    "kind",
                    models.CharField(
                        choices=[("interim", "interim"), ("handed-back", "handed-back")], max_length=16
                    ),
                ),
                ("text", models.TextField(max_length=4000)),
                (
                    "packet",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notes",
                        to="runbooks.exceptionpacket",
                    ),
                ),
                ("tenant", models.ForeignKey(to="access.tenant", **UNINDEXED)),
                ("workspace", models.ForeignKey(to="access.workspace", **UNINDEXED)),
            ],
        ),
        append_only("runbooks_exceptionnote"),
        migrations.RunSQL(BACK, ONE_WAY),
    ]
