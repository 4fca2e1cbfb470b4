"""Runs of a subject take turns: what was read before a run's turn counts only if no other run took one since."""

from __future__ import annotations

from django.db import migrations, models

_BEFORE = ["state", "updated_at", "due_at", "finished_at", "failures"]
_NOW = [*_BEFORE, "turn"]


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
    dependencies = [("runbooks", "0013_brakes")]

    operations = [
        migrations.AddField("operationrun", "turn", models.PositiveIntegerField(null=True)),
        migrations.AddConstraint(
            "operationrun", models.UniqueConstraint(fields=["tenant", "subject", "turn"], name="run_turn_once")
        ),
        migrations.RunSQL(_changeable(_NOW), _changeable(_BEFORE)),
    ]
