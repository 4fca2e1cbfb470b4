"""Prepared statements of workers: under row security each time that they run, and few of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection, transaction

from handrail.kernel.scope import NOTHING, entered
from handrail.runbooks import leases
from handrail.runbooks.engine import ledger
from handrail.runbooks.models import OperationRun
from handrail.work.prepared import Statement, preparing
from handrail.worker import handlers
from tests.factories.installation import Installation
from tests.factories.switches import SwitchBoard, connected

SETTINGS = "current_setting('handrail.workspace', true), current_setting('enable_seqscan')"


@pytest.fixture(autouse=True)
def as_a_worker(committed_db: str) -> Iterator[None]:
    with preparing.use(True):
        yield


def loaded(run: OperationRun) -> bool:
    assert run.due_at is not None
    return ledger.load(run_id=run.pk, workspace_id=run.workspace_id, lease=run.due_at) is not None


def test_statement_that_is_kept_shows_each_scope_its_own_rows() -> None:
    one, other = Installation(workspace="one").runs, Installation(workspace="other").runs
    mine, theirs = one.start(), other.start()
    for _ in range(10):  # the server plans a kept statement anew for its first five uses
        with entered(one.worker.scope):
            assert (loaded(mine), loaded(theirs)) == (True, False)
        with entered(other.worker.scope):
            assert (loaded(mine), loaded(theirs)) == (False, True)
        with entered(NOTHING):
            assert (loaded(mine), loaded(theirs)) == (False, False)


def test_what_was_set_for_a_statement_ends_with_it() -> None:
    with entered(Installation().runs.worker.scope):
        [(workspace, _)] = Statement(f"SELECT {SETTINGS}").fetch({})
    assert workspace not in (None, "", "0")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SETTINGS}")
        assert cursor.fetchone() == ("", "on")


def test_statement_that_fails_leaves_the_connection_as_it_was() -> None:
    fails = Statement("INSERT INTO work_duty (name, due_at, failures) VALUES (%(name)s, now(), %(failures)s)")
    with entered(NOTHING):
        with pytest.raises(IntegrityError):
            fails.fetch({"name": "seal", "failures": -1})
        assert Statement("SELECT 1 + %(n)s::int").fetch({"n": 1}) == [(2,)]
    assert connection.is_usable()


def test_inside_a_transaction_nothing_is_a_transaction_of_its_own() -> None:
    with transaction.atomic(), entered(NOTHING):
        [(first,)] = Statement("SELECT pg_current_xact_id()::text").fetch({})
        [(second,)] = Statement("SELECT pg_current_xact_id()::text").fetch({})
    assert first == second


def test_however_many_runs_a_worker_prepares_few_statements() -> None:
    estate, board = Installation().runs, SwitchBoard()
    with connected(board):
        for number in range(12):
            board.add(f"s{number}", owner=estate.tenant.key)
            estate.start(f"TASK-{number}", f"s{number}")
            for claim in leases.claim_runs(1 + number % 3):
                handlers.run(claim)
    assert set(OperationRun.objects.values_list("state", flat=True)) == {"completed"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, count(*) FROM pg_prepared_statements GROUP BY 1 ORDER BY 2 DESC")
        found = cursor.fetchall()
    assert len(found) <= 8
    assert max(count for _, count in found) <= 3  # a value that may be missing has two types


def test_statement_is_prepared_again_where_the_server_has_forgotten_all() -> None:
    one = Statement("SELECT 1 + %(n)s::int")
    with entered(NOTHING):
        assert one.fetch({"n": 1}) == [(2,)]
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        assert one.fetch({"n": 2}) == [(3,)]


def test_hint_that_comes_with_an_answer_is_heard() -> None:
    heard: list[str] = []
    with entered(NOTHING):
        with connection.cursor() as cursor:
            cursor.execute("LISTEN handrail_test")
        connection.connection.add_notify_handler(lambda notify: heard.append(notify.payload))
        Statement("SELECT pg_notify('handrail_test', %(payload)s)").fetch({"payload": "run"})
    assert heard == ["run"]
