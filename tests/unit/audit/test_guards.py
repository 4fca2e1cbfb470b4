"""What the database must do for the log to be append-only is compared with what the migrations made it do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.db import connection

from handrail.audit import guards

pytestmark = pytest.mark.django_db


def test_file_of_guards_is_that_of_a_migrated_database() -> None:
    path = Path(guards.__file__).with_name(guards.FILE)
    made = json.dumps(guards.current(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("WRITE_GUARDS"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "run: make guards"


def test_migrated_database_has_every_guard() -> None:
    assert guards.differences() == []


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_operators_functions_and_casts_of_an_extension_are_no_lookalikes() -> None:
    run(
        "CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$",
        "CREATE FUNCTION never(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR public.@@ (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = never)",
        "CREATE CAST (jsonb AS integer[]) WITH INOUT",
    )
    assert [difference.message for difference in guards.differences()] == [
        "The cast jsonb as integer[] of the database can be taken for PostgreSQL's own.",
        "The function lower of public can be taken for PostgreSQL's own.",
        "The operator @@ of public can be taken for PostgreSQL's own.",
    ]
    run(
        "ALTER EXTENSION plpgsql ADD FUNCTION public.lower(varchar)",
        "ALTER EXTENSION plpgsql ADD OPERATOR public.@@ (varchar, varchar)",
        "ALTER EXTENSION plpgsql ADD CAST (jsonb AS integer[])",
    )
    assert guards.differences() == []


def test_foreign_key_that_is_not_validated_is_named() -> None:
    name = "packets_vote_revision_id_5f4be82c_fk_packets_revision_id"
    run(
        f"ALTER TABLE packets_vote DROP CONSTRAINT {name}",
        f"ALTER TABLE packets_vote ADD CONSTRAINT {name} FOREIGN KEY (revision_id) REFERENCES packets_revision (id)"
        " DEFERRABLE INITIALLY DEFERRED NOT VALID",
    )
    assert [f"The constraint {name} on packets_vote" in one.message for one in guards.differences()] == [True]
    run(f"ALTER TABLE packets_vote VALIDATE CONSTRAINT {name}")
    assert guards.differences() == []


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        (
            ("ALTER TABLE audit_auditnode RENAME TO kept_away", "CREATE VIEW audit_auditnode AS TABLE kept_away"),
            "audit_auditnode is not an ordinary table.",
        ),
        (("ALTER TABLE audit_auditnode SET UNLOGGED",), "audit_auditnode is not an ordinary table."),
        (
            ("ALTER TABLE packets_vote DISABLE TRIGGER ALL",),
            "A foreign key's trigger on packets_vote is disabled.",
        ),
        (
            ("UPDATE pg_trigger SET tgenabled = 'R' WHERE tgisinternal AND tgrelid = 'packets_vote'::regclass",),
            "A foreign key's trigger on packets_vote is disabled.",
        ),
    ],
)
def test_what_is_no_table_or_no_foreign_key_any_more_is_named(statements: tuple[str, ...], message: str) -> None:
    run(*statements)
    assert message in [one.message for one in guards.differences()]
