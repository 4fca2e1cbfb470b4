"""Each transaction tells the database its scope, in no further message; nothing stays behind on the connection."""

from __future__ import annotations

import psycopg
import pytest
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext

from handrail.access.models import Tenant
from handrail.kernel.scope import Duty, RowScope, duty, entered
from tests.factories.installation import Installation

ASK = "SELECT current_setting('handrail.workspace', true), current_setting('handrail.tenants', true)"


def told() -> tuple[str, ...]:
    """What the database knows of the scope."""
    with connection.cursor() as cursor:
        cursor.execute(ASK)
        return tuple(value or "" for value in cursor.fetchone())


@pytest.fixture
def autocommit(committed_db: str) -> None:
    """No transaction around the test."""


def test_statement_outside_any_transaction_says_its_scope(autocommit: None) -> None:
    with entered(RowScope(7, frozenset({3, 1}))):
        assert told() == ("7", "{1,3}")
    assert told() == ("", "")


def test_nothing_stays_behind_on_the_connection(autocommit: None) -> None:
    """What a pool hands on: asked below the backend, which would say its own scope."""
    with entered(RowScope(7, None)):
        assert told() == ("7", "*")
        with transaction.atomic():
            assert told() == ("7", "*")
        below = psycopg.Cursor(connection.connection).execute(ASK).fetchone()  # type: ignore[arg-type] # psycopg's
        assert set(below or ()) <= {"", None}


def test_scope_changes_inside_a_transaction(db: None) -> None:
    with entered(RowScope(7, None)):
        assert told() == ("7", "*")
        with entered(RowScope(8, frozenset())):
            assert told() == ("8", "{}")
        assert told() == ("7", "*")
    assert told() == ("", "")


def test_scope_is_said_again_after_a_savepoint_was_rolled_back(db: None) -> None:
    with entered(RowScope(7, None)):
        with transaction.atomic():
            with entered(RowScope(8, None)):
                assert told() == ("8", "*")
            transaction.set_rollback(True)
        assert told() == ("7", "*")


def test_scope_left_while_the_transaction_is_broken_does_not_stay(db: None) -> None:
    with pytest.raises(Error), transaction.atomic(), entered(RowScope(7, None)), connection.cursor() as cursor:
        cursor.execute("SELECT 1/0")
    assert told() == ("", "")


def test_scope_needs_no_statement_of_its_own(db: None) -> None:
    installation = Installation()
    with CaptureQueriesContext(connection) as alone:
        list(Tenant.objects.all())
    with CaptureQueriesContext(connection) as scoped, entered(RowScope(installation.workspace.pk, None)):
        list(Tenant.objects.all())
    assert len(scoped) == len(alone) == 1
    assert scoped.captured_queries[0]["sql"] == alone.captured_queries[0]["sql"]


def test_parameters_rows_and_counts_are_those_of_the_statement(db: None) -> None:
    installation = Installation()
    with entered(RowScope(installation.workspace.pk, None)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s || '%%', generate_series(1, 3)", ["100"])
            assert (cursor.rowcount, cursor.fetchall()) == (3, [("100%", 1), ("100%", 2), ("100%", 3)])
        assert Tenant.objects.update(name="Renamed") == 1


def test_rows_read_in_chunks_are_those_of_the_scope(autocommit: None) -> None:
    here, there = Installation(), Installation(workspace="other")
    with entered(RowScope(here.workspace.pk, None)):
        assert [t.pk for t in Tenant.objects.iterator(chunk_size=1)] == [here.tenant.pk]
        with transaction.atomic():
            assert [t.pk for t in Tenant.objects.iterator(chunk_size=1)] == [here.tenant.pk]
    assert there.tenant.pk != here.tenant.pk


def test_without_scope_the_serving_role_sees_nothing(db: None) -> None:
    Installation()
    with entered(RowScope()):
        assert not Tenant.objects.exists()
    assert Tenant.objects.exists()


def test_duty_reads_its_tables_and_writes_none(db: None) -> None:
    installation = Installation()
    with entered(None), duty(Duty.AUDIT):
        assert not Tenant.objects.exists()
    with pytest.raises(Error, match="row-level security"), transaction.atomic(), duty(Duty.AUDIT):
        Tenant.objects.create(
            workspace=installation.workspace, key="k", name="n", created_at=installation.tenant.created_at
        )
