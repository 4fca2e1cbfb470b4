from django.db import migrations

_NOW = ["state", "updated_at", "due_at", "finished_at", "failures"]
_BEFORE = ["state", "moved_at", "due_at", "finished_at", "failures"]


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
    dependencies = [("runbooks", "0008_refusals_by_time")]

    operations = [
        migrations.RenameField("operationrun", "moved_at", "updated_at"),
        migrations.RunSQL(_changeable(_NOW), _changeable(_BEFORE)),
        migrations.RenameField("exceptionpacket", "says", "message"),
        migrations.RenameField("taskrefusal", "says", "message"),
    ]
