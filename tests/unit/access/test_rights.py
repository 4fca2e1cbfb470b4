"""What the serving role may do: exactly what the one table says, in the database itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest
from django.db import Error, connection, transaction

from handrail.access import protection
from handrail.access.rights import ALL, DIRECTORY, LEASES, RIGHTS, Shown, leaves, scoped_tables, views
from handrail.audit import sources
from handrail.audit.events import EventName
from handrail.conf.roles import SERVING
from handrail.connectors.desk import UNKNOWN_WORDS
from handrail.kernel.scope import NOTHING, Duty, RowScope, duty, entered
from tests.factories.sealed import decided

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R2-23")]


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


@pytest.fixture
def log() -> None:
    """Definitions, requests and exception packets, decided and not, with their events."""
    decided()


def tables() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in rows(
        "SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
    ):
        found.setdefault(str(table), set()).add(str(column))
    return found


def test_every_table_has_its_rights(counted: Callable[[str], None]) -> None:
    """A new table needs a row in access/rights.py: until then the serving role can't even read it."""
    assert set(tables()) - set(RIGHTS) == set()
    assert set(RIGHTS) - set(tables()) == set()
    counted(f"{len(RIGHTS)} tables, {len(scoped_tables())} of them under row security, {len(views())} views")


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
    } | {(view, "SELECT") for view in views()}
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
        "UPDATE handrail_run_claim SET workspace_id = 0",
        "UPDATE handrail_report_claim SET id = 0",
        "DELETE FROM handrail_run_claim",
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


def columns_of(views: Iterable[str]) -> list[tuple[object, ...]]:
    return rows(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_name = ANY(%s)",
        list(views),
    )


def test_leases_show_ids_states_and_times_alone() -> None:
    allowed = {"bigint", "integer", "timestamp with time zone", "boolean"}
    words = {"state", "handling", "kind", "mode", "event", "method", "cause", "connector"}  # the operator's own
    words.add("outcome")  # of a delivery to a channel
    words |= {"failure_code", "system", "code"}  # of what task systems were not told, and of how they were pulled
    words.add("delivery")  # sequence, kind and intent of the rows of a delivery ledger
    found = columns_of(LEASES)
    assert len(found) > 15
    assert [one for one in found if one[2] not in allowed and one[1] not in words] == []


def test_directory_shows_ids_slugs_and_digests_alone() -> None:
    found = columns_of(DIRECTORY)
    assert len(found) > 8
    assert [one for one in found if one[2] not in {"bigint", "boolean"} and one[1] not in {"slug", "digest"}] == []


def test_views_of_leaves_show_ids_times_leaves_and_transactions_alone() -> None:
    expected = {
        (source.view, *column)
        for source in sources.known()
        for column in (("id", "bigint"), ("at", "timestamp with time zone"), ("leaf", "jsonb"), ("written", "xid"))
    }
    assert set(columns_of(leaves())) == expected


def test_views_of_leaves_show_nothing_but_for_the_duty(log: None) -> None:
    """And then the columns that are sealed, of no row any other."""
    seen = 0
    for source in sources.known():
        for scope in (NOTHING, RowScope(1, None)):
            with entered(scope):
                assert rows(f"SELECT count(*) FROM {source.view}") == [(0,)]
        with entered(None), duty(Duty.AUDIT):
            shown = [leaf for (leaf,) in rows(f"SELECT leaf::text FROM {source.view}")]
        assert [(len(shown),)] == rows(f"SELECT count(*) FROM {source.table}")
        assert {name for leaf in shown for name in json.loads(str(leaf))} <= set(source.sealed.values())
        seen += bool(shown)
    assert seen > 4


def test_duty_of_sealing_sees_no_row_of_any_table(log: None) -> None:
    filled = [table for table in scoped_tables() if rows(f"SELECT count(*) FROM {table}") != [(0,)]]
    assert len(filled) > 5
    for table in filled:
        with entered(None), duty(Duty.AUDIT):
            shown = rows(f"SELECT count(*) FROM {table} WHERE to_jsonb({table}) ->> 'workspace_id' IS NOT NULL")
        assert (table, shown) == (table, [(0,)])


@pytest.mark.parametrize(
    ("view", "hidden"),
    [
        ("handrail_leaf_runbooks_exceptionpacket", {"note", "handling", "taken_by", "resolved_by"}),
        ("handrail_leaf_support_supportrequest", {"external_ticket_reference", "external_handoff_failure_summary"}),
        ("handrail_leaf_definitions_definition", {"state", "decided_by", "reason", "deprecated_by"}),
    ],
)
def test_what_is_decided_later_is_in_no_leaf_and_in_no_view(view: str, hidden: set[str]) -> None:
    (source,) = (one for one in sources.known() if one.view == view)
    assert hidden & {*source.sealed, *source.sealed.values()} == set()


@pytest.mark.parametrize("view", sorted(views()))
def test_views_are_for_reading(view: str) -> None:
    assert any(words in refused(f"DELETE FROM {view}") for words in ("permission denied", "cannot delete"))


def test_words_of_the_doubtful_view_are_the_desk_s() -> None:
    assert f"'{UNKNOWN_WORDS}'" in LEASES["handrail_handoff_lease"]


def test_events_of_the_view_of_log_ins_are_those_of_the_log() -> None:
    for name in (EventName.USER_LOGGED_IN, EventName.USER_LOGIN_REFUSED):
        assert f"'{name}'" in LEASES["handrail_log_in_lease"]


def test_row_security_is_forced_on_every_table_of_a_workspace() -> None:
    columns = tables()
    belonging = {name for name, names in columns.items() if names & {"workspace_id", "tenant_id", "membership_id"}}
    assert belonging - set(scoped_tables()) == set()
    found = rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'")
    assert {name for (name,) in found} == set(scoped_tables())


def test_policies_are_those_of_the_table_alone() -> None:
    expected = {(table, name) for table in scoped_tables() for name in ("handrail_owner", "handrail_scope")}
    assert set(rows("SELECT tablename, policyname FROM pg_policies")) == expected


def test_what_no_workspace_has_is_named_as_such() -> None:
    """A table of people, sessions or the queue; each new one is decided on here."""
    assert {name for name, rights in RIGHTS.items() if rights.shown is Shown.EVERYWHERE and "_audit" not in name} >= {
        "access_user",
        "django_session",
        "work_duty",
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
