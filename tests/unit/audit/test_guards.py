"""What the database must do for the log to be append-only is compared with what the migrations made it do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.db import connection

from handrail.access import strays
from handrail.audit import guards
from handrail.conf.roles import SERVING

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


HONEST = (
    "ALTER TABLE audit_auditevent SET (autovacuum_vacuum_scale_factor = 0.01, fillfactor = 90)",
    "ALTER TABLE audit_auditleaf ALTER leaf_hash SET STATISTICS 500, ALTER leaf_hash SET STORAGE EXTERNAL",
    "CREATE STATISTICS of_events ON actor, event FROM audit_auditevent",
    "CREATE INDEX by_actor ON audit_auditevent (actor)",
    "COMMENT ON TABLE audit_auditevent IS 'The log.'",
    "COMMENT ON VIEW handrail_leaf_audit_auditevent IS 'Of events.'",
    "CREATE ROLE monitor; GRANT pg_monitor, pg_read_all_data TO monitor; GRANT SELECT ON audit_auditevent TO monitor",
    "CREATE PUBLICATION everything FOR ALL TABLES",
    "ALTER TABLE audit_auditevent REPLICA IDENTITY FULL",
    "CLUSTER audit_auditevent USING audit_auditevent_pkey",
    "CREATE SCHEMA other; CREATE TABLE other.notes (id bigint); SET LOCAL search_path = other, public",
    "CREATE VIEW by_day AS SELECT date_trunc('day', at) AS day, count(*) FROM audit_auditevent GROUP BY 1",
    "CREATE MATERIALIZED VIEW by_event AS SELECT event, count(*) FROM audit_auditevent GROUP BY 1",
    "CREATE FUNCTION working_days(date, date) RETURNS integer LANGUAGE sql AS 'SELECT $2 - $1'",
    "CREATE TYPE mood AS ENUM ('good'); CREATE DOMAIN short AS varchar(10)",
    "REINDEX TABLE audit_auditevent",
)


@pytest.mark.django_db
@pytest.mark.parametrize("statement", HONEST)
def test_what_administrators_do_is_no_fault(statement: str) -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run(statement)
    assert guards.differences() == []
    assert strays.found(SERVING) == []


LOOKALIKES = {
    "CREATE FUNCTION to_jsonb(text) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'": (
        "ALTER FUNCTION to_jsonb(text) OWNER TO",
        "ALTER EXTENSION plpgsql ADD FUNCTION to_jsonb(text)",
        "The function to_jsonb of public can be taken for PostgreSQL's own.",
    ),
    "CREATE OPERATOR = (FUNCTION = int8eq, LEFTARG = bigint, RIGHTARG = bigint)": (
        "ALTER OPERATOR public.=(bigint, bigint) OWNER TO",
        "ALTER EXTENSION plpgsql ADD OPERATOR public.=(bigint, bigint)",
        "The operator = of public can be taken for PostgreSQL's own.",
    ),
    "CREATE TYPE mine AS (a text); CREATE FUNCTION as_text(mine) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';"
    " CREATE CAST (mine AS text) WITH FUNCTION as_text(mine)": (
        "ALTER TYPE mine OWNER TO",
        "ALTER EXTENSION plpgsql ADD CAST (mine AS text)",
        "The cast mine as text of the database can be taken for PostgreSQL's own.",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("statement", LOOKALIKES)
def test_extension_hides_no_lookalike_but_a_superusers(statement: str) -> None:
    """The owner of a trusted extension may add objects to it."""
    owner, addition, message = LOOKALIKES[statement]
    run(statement)
    run(addition)
    assert guards.differences() == []
    run("GRANT ALL ON SCHEMA public TO handrail_owner")
    run(f"{owner} handrail_owner")
    assert [found.message for found in guards.differences()] == [message]
