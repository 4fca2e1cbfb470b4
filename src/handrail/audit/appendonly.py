"""Append-only tables: the database itself refuses UPDATE, DELETE and TRUNCATE to everybody."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import migrations

FUNCTION = migrations.RunSQL(
    """
    CREATE FUNCTION handrail_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END $$;
    """,
    "DROP FUNCTION handrail_refuse_change();",
)


def append_only(table: str) -> migrations.RunSQL:
    """A migration step after which rows of ``table`` can only be added.

    The trigger is ``ALWAYS``, so that ``session_replication_role`` does not switch it off.
    """
    return migrations.RunSQL(
        f"""
        CREATE TRIGGER handrail_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION handrail_refuse_change();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER handrail_append_only;
        """,
        f"DROP TRIGGER handrail_append_only ON {table};",
    )


def frozen_columns(table: str, changeable: Sequence[str]) -> migrations.RunSQL:
    """A migration step after which only the ``changeable`` columns of a row can change, and no row can be deleted."""
    names = ", ".join(f"'{name}'" for name in changeable)
    return migrations.RunSQL(
        f"""
        CREATE FUNCTION {table}_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (to_jsonb(NEW) - ARRAY[{names}]) IS DISTINCT FROM (to_jsonb(OLD) - ARRAY[{names}]) THEN
                RAISE EXCEPTION 'frozen: only {", ".join(changeable)} of {table} may change'
                    USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER handrail_frozen BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_frozen();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER handrail_frozen;
        CREATE TRIGGER handrail_kept BEFORE DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION handrail_refuse_change();
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER handrail_kept;
        """,
        f"""
        DROP TRIGGER handrail_kept ON {table};
        DROP TRIGGER handrail_frozen ON {table};
        DROP FUNCTION {table}_frozen();
        """,
    )
