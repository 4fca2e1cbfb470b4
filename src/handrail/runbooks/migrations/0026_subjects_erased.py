"""The subject of a run that has ended can be overwritten, by its own reference and nothing else: its tenant was erased."""

from __future__ import annotations

from django.db import migrations

_CHANGEABLE = [
    *("state", "updated_at", "due_at", "finished_at", "failures", "turn", "held_by", "unattended_seconds"),
    *("wave_round", "admitted_at", "not_attempted"),
]


def _frozen(columns: list[str], *, only_erased: str = "") -> str:
    """Replaces the trigger's function: it names the columns of a run that may change."""
    names = ", ".join(f"'{name}'" for name in columns)
    return f"""
    CREATE OR REPLACE FUNCTION runbooks_operationrun_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (to_jsonb(NEW) - ARRAY[{names}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{names}]) THEN
            RAISE EXCEPTION 'frozen: only {", ".join(columns)} of runbooks_operationrun may change'
                USING ERRCODE = 'restrict_violation';
        END IF;{only_erased}
        RETURN NEW;
    END $$;
    """


_ONLY_ERASED = """
        IF NEW.subject <> OLD.subject AND (NEW.subject <> 'erased ' || NEW.ref OR OLD.finished_at IS NULL) THEN
            RAISE EXCEPTION 'frozen: only once it has ended, and only to erased, may the subject of a run change'
                USING ERRCODE = 'restrict_violation';
        END IF;"""


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0025_task_updates")]
    operations = [
        migrations.RunSQL(_frozen([*_CHANGEABLE, "subject"], only_erased=_ONLY_ERASED), _frozen(_CHANGEABLE))
    ]
