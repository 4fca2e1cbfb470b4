"""What the evaluation counts: recovery, completeness, causes, completions found wrong; in scope and bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability, Role, bundled
from handrail.definitions.states import DefinitionState
from handrail.kernel.clock import now
from handrail.kernel.errors import Denied
from handrail.runbooks import figures
from handrail.runbooks.actions import claims
from handrail.runbooks.evaluation import (
    Evaluation,
    EvaluationFilter,
    Period,
    RecoveryFigures,
    RunbookFigures,
    evaluate,
)
from handrail.runbooks.models import Checkpoint, CompletionRecord, ExceptionPacket, OperationRun, RetryLedgerEntry
from handrail.runbooks.states import RunState
from tests.factories import rows
from tests.factories.changes import PANEL, TWO_STEPS, after_a_call, set_to, world
from tests.factories.log import superuser
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import BUSY, FORBIDDEN, ODD, RUNBOOK, SILENT_DONE, SILENT_NOT_DONE, SwitchBoard, Turn

pytestmark = pytest.mark.django_db
ONCE = RUNBOOK.replace("deduplicates: true", "deduplicates: false").replace("{status: [503]}, ", "")
ALREADY = PANEL.replace("steps:", "already_as_required: {condition: switch.state == 'on'}\nsteps:", 1)


def reader(estate: Runs, **changes: Any) -> Actor:
    return as_person(estate.worker, capabilities=bundled([Role.AUDITOR]), **changes)


def counted(estate: Runs, **wanted: Any) -> Evaluation:
    return evaluate(reader(estate), EvaluationFilter(**wanted))


def after(*script: Turn, text: str = RUNBOOK) -> RunbookFigures:
    with world(text) as (estate, board, _):
        board.script = list(script)
        run = estate.start()
        for _ in range(3):
            OperationRun.objects.filter(pk=run.pk, finished_at=None).update(due_at="2020-01-01T00:00Z")
            estate.advance(run)
        assert run.finished_at is not None
        return counted(estate).total


# Recovery


@pytest.mark.requirement("R2-33")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ([], RecoveryFigures()),
        ([BUSY], RecoveryFigures()),  # was answered
        (
            [SILENT_DONE],
            RecoveryFigures(interrupted=1, recovered=1, unknown_outcomes=1, reconciled=1, effect_present=1),
        ),
        (
            [SILENT_NOT_DONE],
            RecoveryFigures(interrupted=1, recovered=1, unknown_outcomes=1, reconciled=1, sent_again=1),
        ),
        (
            [SILENT_NOT_DONE, SILENT_DONE],
            RecoveryFigures(
                interrupted=1, recovered=1, unknown_outcomes=2, reconciled=2, effect_present=1, sent_again=1
            ),
        ),
        (
            [SILENT_NOT_DONE] * 4,
            RecoveryFigures(interrupted=1, handed_over=1, unknown_outcomes=4, reconciled=4, sent_again=3),
        ),
    ],
)
def test_unknown_outcomes_and_what_became_of_them(script: list[Turn], expected: RecoveryFigures) -> None:
    assert after(*script).recovery == expected


@pytest.mark.requirement("R2-33")
def test_a_lost_answer_to_a_target_that_does_not_deduplicate_is_handed_over() -> None:
    found = after(SILENT_NOT_DONE, text=ONCE).recovery
    assert (found.interrupted, found.recovered, found.handed_over, found.sent_again) == (1, 0, 1, 0)


def lose(run: OperationRun) -> None:
    """A worker leases the run, and ends without a word."""
    OperationRun.objects.filter(pk=run.pk).update(due_at="2020-01-01T00:00Z")
    assert claims.claim_run(run.pk) is not None
    OperationRun.objects.filter(pk=run.pk).update(due_at="2020-01-01T00:00Z")


@pytest.mark.requirement("R2-33")
@pytest.mark.parametrize("times", [1, 3])
def test_leases_that_were_lost_stand_in_the_ledger_row_of_who_went_on(
    estate: Runs, board: SwitchBoard, times: int
) -> None:
    run = estate.start()
    for _ in range(times):
        lose(run)
    assert estate.advance(run).state == "completed"
    told = [row.detail.get("taken_over") for row in Checkpoint.objects.filter(run=run).order_by("sequence")]
    assert [one for one in told if one] == [times]
    found = counted(estate).total.recovery
    assert (found.interrupted, found.recovered, found.taken_over, found.unknown_outcomes) == (1, 1, times, 0)


def test_a_run_that_only_waited_was_not_taken_over(estate: Runs, board: SwitchBoard) -> None:
    board.script = [BUSY, BUSY]
    run = estate.start()
    while estate.advance(run).finished_at is None:
        OperationRun.objects.filter(pk=run.pk).update(due_at="2020-01-01T00:00Z")
    assert counted(estate).total.recovery == RecoveryFigures()


# Completeness


@pytest.mark.requirement("R2-32")
@pytest.mark.parametrize(
    ("script", "text"),
    [
        ([], RUNBOOK),
        ([BUSY, BUSY], RUNBOOK),
        ([ODD], RUNBOOK),
        ([FORBIDDEN], RUNBOOK),
        ([SILENT_NOT_DONE] * 4, RUNBOOK),
        ([after_a_call(Turn(), set_to(marker="alarm"))], RUNBOOK),
        ([], TWO_STEPS),
        ([], ALREADY),
    ],
)
def test_every_run_of_the_engine_leaves_complete_ledgers_and_packets(script: list[Turn], text: str) -> None:
    found = after(*script, text=text)
    assert found.ended == found.completeness.complete == 1


@pytest.mark.requirement("R2-32")
def test_runs_that_stop_before_or_were_cancelled_are_complete_too(estate: Runs, board: SwitchBoard) -> None:
    board.switches["s1"]["fuse"] = "sealed"
    estate.advance(estate.start("FIRST"))
    estate.advance(estate.start("SECOND", "none"))
    rows.run(estate.tenant, estate.definition, state=RunState.CANCELLED)
    found = counted(estate).total
    assert (found.ended, found.completeness.records, found.completeness.fields) == (3, 3, 3)
    assert found.completeness.ledgers == 2  # the row made by hand has no ledger


def removed(what: type[Any]) -> Callable[[OperationRun], None]:
    def act(run: OperationRun) -> None:
        what.objects.filter(run=run).delete()

    return act


def without_a_field(run: OperationRun) -> None:
    CompletionRecord.objects.filter(run=run).update(fields={"task.switch_id": "s1"})


def with_a_gap(run: OperationRun) -> None:
    Checkpoint.objects.filter(run=run, kind="result").delete()


def with_another_number_of_attempts(run: OperationRun) -> None:
    RetryLedgerEntry.objects.filter(run=run).update(attempts=7)


def with_a_packet_too(run: OperationRun) -> None:
    packet = rows.exception(run.tenant, run.definition)
    ExceptionPacket.objects.filter(pk=packet.pk).update(run=run)
    Checkpoint.objects.filter(run=packet.run).delete()
    RetryLedgerEntry.objects.filter(run=packet.run).delete()
    packet.run.delete()


@pytest.mark.requirement("R2-32")
@pytest.mark.parametrize(
    ("plant", "incomplete"),
    [
        (removed(CompletionRecord), {"records", "fields"}),
        (removed(RetryLedgerEntry), {"records"}),
        (without_a_field, {"fields"}),
        (with_a_gap, {"ledgers"}),
        (with_another_number_of_attempts, {"records"}),
    ],
)
def test_what_is_missing_is_counted(
    estate: Runs, board: SwitchBoard, plant: Callable[[OperationRun], None], incomplete: set[str]
) -> None:
    whole, run = estate.advance(estate.start()), estate.advance(estate.start("TASK-2"))
    tables = ("runbooks_checkpoint", "runbooks_completionrecord", "runbooks_retryledgerentry")
    with superuser(*tables):
        plant(run)
    found = counted(estate).total.completeness
    assert whole.state == "completed"
    assert {name for name in ("ledgers", "records", "fields") if getattr(found, name) == 1} == incomplete
    assert found.complete == 1


@pytest.mark.requirement("R2-32")
def test_a_packet_without_a_declared_field_that_the_run_knew_is_counted(estate: Runs, board: SwitchBoard) -> None:
    board.script = [ODD]
    run = estate.advance(estate.start())
    assert counted(estate).total.completeness.fields == 1
    with superuser("runbooks_exceptionpacket"):
        ExceptionPacket.objects.filter(run=run).update(fields={"task.switch_id": "s1", "switch.state": "off"})
    assert counted(estate).total.completeness.fields == 0


# Causes, versions, time


@pytest.mark.requirement("R2-31")
def test_causes_are_counted_by_reason_and_version_and_over_time(estate: Runs, board: SwitchBoard) -> None:
    board.script = [ODD, FORBIDDEN]
    estate.advance(estate.start())
    estate.advance(estate.start("TASK-2", "none"))
    board.add("s3", owner=estate.tenant.key)
    estate.advance(estate.start("TASK-3", "s3"))
    found = counted(estate, period=Period.DAY)
    assert {(one.cause, one.reason, one.runbook, one.version, one.count) for one in found.reasons} == {
        ("ambiguous-result", "ambiguous-result", "flip-switch", 1, 1),
        ("terminal-result", "terminal-result", "flip-switch", 1, 1),
        ("source-unreadable", "source-unreadable-switch", "flip-switch", 1, 1),
    }
    [today] = found.periods
    assert [(one.cause, one.count) for one in today.causes] == [(one.cause, one.count) for one in found.causes]
    assert [(one.runbook, one.version, one.figures.stopped) for one in found.versions] == [("flip-switch", 1, 3)]


def test_many_reasons_take_no_cause_away(estate: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "CAUSES", figures.CAUSES.replace(str(figures.MOST_CAUSES), "3"))
    for number in range(5):
        packet = rows.exception(estate.tenant, estate.definition)
        with superuser("runbooks_exceptionpacket"):
            ExceptionPacket.objects.filter(pk=packet.pk).update(reason=f"reason-{number}")
    found = counted(estate)
    assert len(found.reasons) == 3
    assert [(one.cause, one.count) for one in found.causes] == [("ambiguous-result", 5)]
    [this_week] = found.periods
    assert [(one.cause, one.count) for one in this_week.causes] == [("ambiguous-result", 5)]


@pytest.mark.parametrize(
    ("period", "begins"),
    [
        (Period.DAY, ["2026-03-02", "2026-03-01", "2026-01-31"]),
        (Period.WEEK, ["2026-03-02", "2026-02-23", "2026-01-26"]),
        (Period.MONTH, ["2026-03-01", "2026-01-01"]),
    ],
)
def test_figures_over_time_are_by_day_week_or_month_in_utc(estate: Runs, period: Period, begins: list[str]) -> None:
    for at in (
        "2026-01-31T23:59:59+00:00",
        "2026-03-01T00:00:00+00:00",
        "2026-03-02T00:30:00+01:00",
        "2026-03-02T10:00Z",
    ):
        rows.completed_run(estate.tenant, estate.definition, at=type(now()).fromisoformat(at))
    found = counted(estate, period=period)
    assert [one.begins_at.date().isoformat() for one in found.periods] == begins
    assert sum(one.figures.completed for one in found.periods) == found.total.completed == 4


def test_filters_choose_runs(estate: Runs) -> None:
    second = rows.definition(
        estate.workspace, text=RUNBOOK, name="flip-switch", version=2, state=DefinitionState.DEPRECATED
    )
    other = rows.tenant(estate.workspace, name="Other")
    rows.completed_run(estate.tenant, estate.definition, at=now() - timedelta(days=40))
    rows.completed_run(other, estate.definition)
    rows.completed_run(estate.tenant, second)
    ended = {
        "all": counted(estate),
        "tenant": counted(estate, tenant=other.key),
        "unknown tenant": counted(estate, tenant="ten_none"),
        "version": counted(estate, runbook="flip-switch", version=2),
        "unknown runbook": counted(estate, runbook="none"),
        "since": counted(estate, since=now() - timedelta(days=30)),
        "until": counted(estate, until=now() - timedelta(days=30)),
    }
    assert {name: found.total.ended for name, found in ended.items()} == {
        "all": 3,
        "tenant": 1,
        "unknown tenant": 0,
        "version": 1,
        "unknown runbook": 0,
        "since": 2,
        "until": 1,
    }
    assert [(one.runbook, one.version) for one in ended["all"].versions] == [("flip-switch", 1), ("flip-switch", 2)]


def test_a_run_that_was_already_as_required_is_counted_apart() -> None:
    with world(ALREADY) as (estate, board, _):
        estate.advance(estate.start())
        board.switches["s1"]["state"] = "on"
        estate.advance(estate.start("TASK-2"))
        total = counted(estate).total
    assert (total.completed, total.already_as_required, total.first_time) == (2, 1, 1)


# Scope and cost


def test_members_with_some_tenants_count_theirs_alone(estate: Runs, board: SwitchBoard) -> None:
    other = rows.tenant(estate.workspace, name="Other")
    board.script = [ODD]
    estate.advance(estate.start())
    rows.completed_run(other, estate.definition)
    limited = evaluate(reader(estate, tenant_ids=frozenset({other.pk})))
    assert (limited.total.completed, limited.total.stopped, limited.causes, limited.reasons) == (1, 0, [], [])
    assert limited.unresolved == 0
    nothing = evaluate(reader(estate, tenant_ids=frozenset()))
    assert (nothing.total.ended, nothing.runbooks, nothing.periods) == (0, [], [])


def test_evaluation_needs_its_capability(estate: Runs) -> None:
    with pytest.raises(Denied):
        evaluate(replace(reader(estate), capabilities=frozenset({Capability.RUN_VIEW})))


@pytest.fixture
def asked(estate: Runs) -> Iterator[CaptureQueriesContext]:
    for number in range(5):
        one = rows.definition(estate.workspace, text=RUNBOOK, name=f"flip-{number}")
        for _ in range(3):
            rows.completed_run(estate.tenant, one)
    with CaptureQueriesContext(connection) as context:
        yield context


def test_figures_are_five_statements_however_much_there_is(asked: CaptureQueriesContext, estate: Runs) -> None:
    assert len(counted(estate).runbooks) == 5
    assert len(asked) == 5


def test_no_more_runs_are_counted_than_the_newest(estate: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        rows.completed_run(estate.tenant, estate.definition, at=now() - timedelta(hours=number))
    for name in ("RUNS", "CAUSES", "HANDLING", "DEFINITIONS"):
        monkeypatch.setattr(figures, name, getattr(figures, name).replace(f" {figures.LIMIT}", " 2"))
    found = counted(estate)
    assert (found.total.ended, found.truncated) == (2, True)


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("SELECT unknown FROM handrail_recovery_lease", "checkpoint_recovery"),
        (
            "SELECT id FROM runbooks_operationrun WHERE workspace_id = 1 ORDER BY created_at DESC LIMIT 10",
            "run_recent",
        ),
    ],
)
def test_what_is_counted_is_found_by_an_index(db: None, statement: str, index: str) -> None:
    with connection.cursor() as cursor:
        # An almost empty table is as fast to read and sort by any way.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {statement}")
        assert index in str(cursor.fetchall())
