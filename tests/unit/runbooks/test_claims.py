"""Claims: which rows a worker gets, in which order, in one statement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handrail.kernel.clock import now
from handrail.kernel.scope import NOTHING, entered
from handrail.runbooks import leases
from handrail.runbooks.actions import advancing
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import RunState
from handrail.work import lease, prepared
from tests.factories import rows
from tests.factories.runs import Runs
from tests.lanes import rounds

pytestmark = pytest.mark.usefixtures("db")


def make_due(run: OperationRun, *, seconds: float, failures: int = 0) -> None:
    OperationRun.objects.filter(pk=run.pk).update(due_at=now() - timedelta(seconds=seconds), failures=failures)


def test_claim_leases_what_is_due_and_counts_it(estate: Runs) -> None:
    run = estate.start()
    with entered(NOTHING):
        (claim,) = leases.claim_runs(5)
        assert leases.claim_runs(5) == []
    run.refresh_from_db()
    assert (claim.id, claim.workspace_id, claim.tenant_id) == (run.pk, run.workspace_id, run.tenant_id)
    assert (run.due_at, run.failures) == (claim.lease, 1)
    assert claim.lease > now() + timedelta(seconds=15)


def test_what_is_not_due_or_has_ended_is_not_claimed(estate: Runs) -> None:
    run = estate.start()
    make_due(run, seconds=-5)
    assert leases.claim_runs(5) == []
    assert leases.claim_run(run.pk) is None


def test_within_a_tenant_the_longest_due_comes_first_and_recovered_before_all(estate: Runs) -> None:
    made = [estate.start(f"T{number}", f"s{number}") for number in range(4)]
    for run, seconds in zip(made, (10, 30, 20, 1), strict=True):
        make_due(run, seconds=seconds)
    make_due(made[3], seconds=1, failures=2)
    assert [claim.id for claim in leases.claim_runs(9)] == [made[number].pk for number in (3, 1, 2, 0)]


def test_tenants_take_turns_beginning_behind_the_last(estate: Runs) -> None:
    first = [estate.start(f"A{number}", f"a{number}") for number in range(6)]
    other = rows.tenant(estate.workspace)
    for number in range(3):
        replace(estate, tenant=other).start(f"B{number}", f"b{number}")
    rows.tenant(estate.workspace)
    for run in first:
        make_due(run, seconds=1000)
    got = leases.claim_runs(4, after=estate.tenant.pk)
    assert [claim.tenant_id for claim in got] == [other.pk, estate.tenant.pk, other.pk, estate.tenant.pk]
    assert leases.claim_runs(1, after=other.pk)[0].tenant_id == estate.tenant.pk
    assert Counter(claim.tenant_id for claim in leases.claim_runs(9)) == {estate.tenant.pk: 3, other.pk: 1}


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_claim_is_one_statement_however_many_rows(estate: Runs, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for number in range(count):
        estate.start(f"T{number}", f"s{number}")
    sent: list[Any] = []

    class Counted(psycopg.Cursor[Any]):
        def execute(self, query: Any, *args: Any, **options: Any) -> Any:
            sent.append(query)
            return super().execute(query, *args, **options)

    monkeypatch.setattr(prepared.psycopg, "Cursor", Counted)
    with CaptureQueriesContext(connection) as asked:
        assert len(leases.claim_runs(count)) == count
    assert len(sent) + len(asked) == 1


@pytest.mark.parametrize("at_a_time", [1, 4])
def test_many_due_runs_of_one_tenant_keep_no_others_waiting(estate: Runs, at_a_time: int) -> None:
    """As 9,000 beside 1,000, by two workers whose threads get free one by one, or four at a time."""
    many, few = rounds(90, 9000), rounds(10, 1000)
    other = rows.tenant(estate.workspace)
    begun = now() - timedelta(hours=1)
    OperationRun.objects.bulk_create(
        [
            rows.made_run(tenant, estate.definition, due_at=begun + timedelta(milliseconds=number))
            for number, tenant in enumerate([estate.tenant] * many + [other] * few)
        ]
    )
    order: list[int] = []
    last = [0, 0]
    while len(order) < 2 * few:
        for worker in range(2):
            got = leases.claim_runs(at_a_time, after=last[worker])
            last[worker] = got[-1].tenant_id
            order += [claim.tenant_id for claim in got]
    assert order[: 2 * few].count(other.pk) >= few - at_a_time


def test_what_a_lost_worker_had_comes_back_and_its_writes_are_refused(estate: Runs) -> None:
    run = estate.start()
    (lost,) = leases.claim_runs(1)
    make_due(run, seconds=1, failures=1)
    (claim,) = leases.claim_runs(1)
    assert not lease.give_back(leases.RUNS, lost)
    assert advancing.advance(claim=lost, by=estate.worker) == advancing.Advanced()
    assert lease.give_back(leases.RUNS, claim)
    run.refresh_from_db()
    assert (run.failures, run.state) == (1, "received")


def test_claim_reads_no_more_of_a_queue_than_it_looks_at(estate: Runs) -> None:
    """By a plan of when next to nothing was due: workers keep theirs until somebody analyses the table."""
    at, count = now() - timedelta(hours=1), 2
    OperationRun.objects.bulk_create(
        rows.made_run(estate.tenant, estate.definition, state=RunState.COMPLETED) for _ in range(500)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE runbooks_operationrun")
    OperationRun.objects.bulk_create(rows.made_run(estate.tenant, estate.definition, due_at=at) for _ in range(60))
    statement = lease._statement(leases.RUNS, False)
    values = {"n": count, "looked_at": count * lease.LOOKED_AT, "after": 0, "lease": 20.0, "held_by": 1}
    with connection.cursor() as cursor:
        for name, value in {**statement.planned, "plan_cache_mode": "force_generic_plan"}.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute(f"PREPARE claims AS {statement._numbered.decode()}")
        given = ", ".join(str(values[name]) for name in statement._names)
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE claims ({given})")
        (explained,) = cursor.fetchone()
        cursor.execute("DEALLOCATE claims")
    assert max(_rows_read(explained[0]["Plan"])) <= count * lease.LOOKED_AT


def _rows_read(plan: dict[str, Any]) -> Iterator[float]:
    """How many rows each scan of ``plan`` has read."""
    if "Scan" in plan["Node Type"]:
        yield (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from _rows_read(part)
