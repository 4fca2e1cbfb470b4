from django.db import migrations, models

_NOW = ["state", "moved_at", "due_at", "finished_at", "failures"]
_BEFORE = ["state", "moved_at", "due_at", "finished_at"]


def _changeable(columns: list[str]) -> str:
    """The trigger's function again: which columns of a run may change."""
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
    dependencies = [("runbooks", "0005_once_a_task")]

    operations = [
        migrations.AddField("operationrun", "failures", models.PositiveSmallIntegerField(default=0)),
        migrations.RunSQL(_changeable(_NOW), _changeable(_BEFORE)),
    ]
