"""Which worker has a run, so that one whose connection has ended is not waited for; and for how long nobody had it."""

from __future__ import annotations

from django.db import migrations, models

_BEFORE = ["state", "updated_at", "due_at", "finished_at", "failures", "turn"]
_NOW = [*_BEFORE, "held_by", "unattended_seconds"]


def _changeable(columns: list[str]) -> str:
    """Replaces the trigger's function: it names the columns of a run that may change."""
    names = ", ".join(f"'{name}'" for name in columns)
    return f"""
    CREATE OR REPLACE FUNCTION runbooks_operationrun_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (to_jsonb(NEW) - ARRAY[{names}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{names}]) THEN
            RAISE EXCEPTION 'frozen: only {", ".join(columns)} of runbooks_operationrun may change'
                USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$;
    """


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0014_turn")]

    operations = [
        migrations.AddField("operationrun", "held_by", models.BigIntegerField(null=True)),
        migrations.AddField("operationrun", "unattended_seconds", models.FloatField(default=0.0)),
        migrations.RunSQL(_changeable(_NOW), _changeable(_BEFORE)),
    ]
