"""What the serving role may do: exactly what the one table says, in the database itself."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import Error, connection, transaction

from handrail.access import protection
from handrail.access.rights import ALL, LEASES, RIGHTS, Shown, scoped_tables
from handrail.conf.roles import SERVING
from handrail.connectors.desk import UNKNOWN_WORDS
from handrail.kernel.scope import Duty

pytestmark = pytest.mark.django_db


@contextmanager
def as_serving() -> Iterator[None]:
    """SQL as whoever got hold of the serving role's connection; what it does is undone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {SERVING}")
        yield
        transaction.set_rollback(True)


def refused(statement: str) -> str:
    """The database's refusal of ``statement`` to the serving role. Fails when it was carried out."""
    try:
        with as_serving(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except Error as error:
        return str(error)
    raise AssertionError(f"carried out: {statement}")


def rows(statement: str, *parameters: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)  # type: ignore[arg-type] # texts
        return list(cursor.fetchall())


def tables() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in rows(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    ):
        found.setdefault(str(table), set()).add(str(column))
    return found


def test_every_table_has_its_rights() -> None:
    """A new table needs a row in access/rights.py: until then the serving role can't even read it."""
    assert set(tables()) - set(RIGHTS) == set()
    assert set(RIGHTS) - set(tables()) == set()
    counted = f"{len(RIGHTS)} tables, {len(scoped_tables())} of them under row security, {len(LEASES)} views of leases"
    sys.stdout.write(f"\n{counted}\n")


def test_every_column_that_may_change_exists() -> None:
    columns = tables()
    wrong = [
        (table, column)
        for table, rights in RIGHTS.items()
        for column in rights.update
        if table in columns and column != ALL and column not in columns[table]
    ]
    assert wrong == []


def test_grants_are_exactly_the_table() -> None:
    columns = tables()
    expected = {
        (table, word)
        for table, rights in RIGHTS.items()
        if table in columns
        for word, given in (
            ("SELECT", True),
            ("INSERT", rights.insert),
            ("DELETE", rights.delete),
            ("UPDATE", rights.update == (ALL,)),
        )
        if given
    } | {(view, "SELECT") for view in LEASES}
    found = rows(
        "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = %s", SERVING
    )
    assert set(found) == expected


def test_changeable_columns_are_exactly_the_table() -> None:
    expected = {
        (table, column)
        for table, rights in RIGHTS.items()
        if rights.update != (ALL,)
        for column in (rights.update or (("id",) if rights.lock else ()))
    }
    found = rows(
        "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'"
        "   AND has_column_privilege(%s, c.oid, a.attnum, 'UPDATE') AND NOT has_table_privilege(%s, c.oid, 'UPDATE')",
        *(SERVING, SERVING),
    )
    assert set(found) == expected


@pytest.mark.parametrize(
    "table", ["audit_auditevent", "audit_auditleaf", "audit_auditcheckpoint", "runbooks_checkpoint"]
)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET id = id",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE {} OWNER TO handrail_app",
        "CREATE POLICY everything ON {} USING (true)",
        "DROP POLICY handrail_scope ON {}",
        "CREATE RULE hide AS ON SELECT TO {} DO INSTEAD NOTHING",
        "CREATE TRIGGER other BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION handrail_refuse_change()",
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        "DROP TABLE {}",
    ],
)
def test_serving_role_cannot_touch_what_is_only_added_to(table: str, statement: str) -> None:
    said = refused(statement.format(table))
    assert any(word in said for word in ("permission denied", "must be owner", "does not exist"))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION handrail_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SET session_replication_role = 'replica'",
        "ALTER ROLE handrail_app BYPASSRLS",
        "ALTER DATABASE postgres SET session_replication_role = 'replica'",
        "COPY audit_auditevent TO PROGRAM 'true'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT setval('audit_auditevent_id_seq', 1)",
        "UPDATE handrail_run_lease SET due_at = NULL",
        "DELETE FROM django_migrations",
    ],
)
def test_serving_role_defines_nothing(statement: str) -> None:
    assert any(
        word in refused(statement) for word in ("permission denied", "must be owner", "must be superuser", "may")
    )


def test_columns_that_may_change_are_those_that_triggers_let_change() -> None:
    found = rows("SELECT proname, prosrc FROM pg_proc WHERE proname LIKE '%%\\_frozen'")
    assert len(found) >= 5
    for name, source in found:
        changeable = re.findall(r"'(\w+)'", str(source).partition("ARRAY[")[2].partition("]")[0])
        assert set(RIGHTS[str(name).removesuffix("_frozen")].update) == set(changeable), name


def test_serving_role_is_nobody_else() -> None:
    assert rows("SELECT pg_has_role(%s, 'handrail_owner', 'MEMBER')", SERVING) == [(False,)]
    assert rows(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s",
        SERVING,
    ) == [(False, False, False, False, False)]


def test_leases_show_ids_states_and_times_alone() -> None:
    allowed = {"bigint", "timestamp with time zone", "boolean"}
    words = {"state", "handling", "mode"}
    found = rows(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_name = ANY(%s)",
        list(LEASES),
    )
    assert len(found) > 15
    assert [one for one in found if one[2] not in allowed and one[1] not in words] == []


def test_words_of_the_doubtful_view_are_the_desk_s() -> None:
    assert f"'{UNKNOWN_WORDS}'" in LEASES["handrail_handoff_lease"]


def test_row_security_is_forced_on_every_table_of_a_workspace() -> None:
    columns = tables()
    belonging = {name for name, names in columns.items() if names & {"workspace_id", "tenant_id", "membership_id"}}
    assert belonging - set(scoped_tables()) == set()
    found = rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'")
    assert {name for (name,) in found} == set(scoped_tables())


def test_policies_are_those_of_the_table_alone() -> None:
    expected = {
        (table, name)
        for table in scoped_tables()
        for name in ("handrail_owner", "handrail_scope", *(f"handrail_duty_{duty}" for duty in RIGHTS[table].duties))
    } | {("access_workspace", "handrail_new")}
    assert set(rows("SELECT tablename, policyname FROM pg_policies")) == expected
    reading = rows("SELECT DISTINCT cmd FROM pg_policies WHERE policyname LIKE 'handrail_duty_%%'")
    assert reading == [("SELECT",)]
    assert {duty for rights in RIGHTS.values() for duty in rights.duties} == set(Duty)


def test_what_no_workspace_has_is_named_as_such() -> None:
    """A table of people, sessions or the queue; each new one is decided on here."""
    assert {name for name, rights in RIGHTS.items() if rights.shown is Shown.EVERYWHERE and "_audit" not in name} >= {
        "access_user",
        "django_session",
        "procrastinate_jobs",
    }


def test_applying_again_changes_nothing() -> None:
    assert protection.is_applied()
    assert not protection.apply()


def test_grant_taken_by_hand_comes_back_with_the_next_change() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT DELETE ON audit_auditevent TO {SERVING}")
        cursor.execute(f"COMMENT ON VIEW {protection.MARK} IS 'earlier'")
    assert not protection.is_applied()
    assert protection.apply()
    assert "permission denied" in refused("DELETE FROM audit_auditevent")
