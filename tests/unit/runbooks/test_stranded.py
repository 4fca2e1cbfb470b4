"""Nothing strands: what is wrong with a definition, the configuration or Handrail ends in an exception packet."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest
from django.db import OperationalError

from handrail.connectors import registry
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.definitions import wiring
from handrail.kernel.clock import after
from handrail.kernel.errors import Conflict
from handrail.runbooks import timing
from handrail.runbooks.actions import previews
from handrail.runbooks.engine import advance
from handrail.runbooks.models import ExceptionPacket, OperationRun
from handrail.runbooks.timing import LOST_WORKER_LIMIT, UNEXPECTED_ERROR_LIMIT
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SILENT_NOT_DONE, BoardConnector, SwitchBoard

ELSEWHERE = RUNBOOK.replace("call: {connector: board, put", "call: {connector: elsewhere, put")


class Broken(BoardConnector):
    """Fails in a way that no connector should."""

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        raise RuntimeError("customer text that belongs nowhere")


class Away(BoardConnector):
    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        raise OperationalError("the connection is closed")


@pytest.fixture
def world(db: None) -> Iterator[SwitchBoard]:
    board = SwitchBoard()
    board.add("s1", owner="ten_one")
    with registry.use(registry.Registry(MappingProxyType({"board": BoardConnector(board)}))):
        yield board


def told(run: OperationRun) -> tuple[str, str]:
    packet = ExceptionPacket.objects.get(run=run)
    return packet.cause, packet.reason


def again(estate: Runs, run: OperationRun) -> OperationRun:
    """The next try, as if its time had come."""
    OperationRun.objects.filter(pk=run.pk).exclude(due_at=None).update(due_at=run.created_at)
    return estate.advance(run)


def test_a_missing_connector_of_a_later_part_stops_before_anything_is_read(world: SwitchBoard) -> None:
    estate = Installation(ELSEWHERE).runs
    run = estate.advance(estate.start())
    assert told(run) == ("definition-error", "connector-unusable")
    assert "steps[0].call.connector" in run.exception_packet.message
    assert world.calls == []


def test_a_connector_of_another_kind_stops_before_anything_is_read(world: SwitchBoard) -> None:
    estate = Installation().runs
    other = BoardConnector(world, kind="scim")
    with registry.use(registry.Registry(MappingProxyType({"board": other}))):
        run = estate.advance(estate.start())
    assert told(run) == ("definition-error", "connector-unusable")
    assert "board is of kind scim; this needs one of kind rest" in run.exception_packet.message


def test_a_preview_and_the_check_name_connectors_that_are_not_there(world: SwitchBoard) -> None:
    estate = Installation(ELSEWHERE).runs
    shown = previews.preview(task=estate.task(), by=estate.worker)
    assert "steps[0].call.connector" in shown.unreadable
    assert not shown.would_start
    (finding,) = wiring.check()
    assert (finding.name, finding.ok) == ("acme: flip-switch v1", False)


def test_the_check_finds_nothing_where_all_connectors_are_there(world: SwitchBoard) -> None:
    Installation()
    assert [finding.ok for finding in wiring.check()] == [True]


@pytest.mark.requirement("R2-15")
def test_a_connector_that_goes_while_the_outcome_is_unknown_leaves_it_unknown(world: SwitchBoard) -> None:
    estate = Installation().runs
    world.script = [SILENT_NOT_DONE]
    run = estate.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(advance.MOVES, advance.Phase.RECONCILE, _gone)  # type: ignore[misc]
        run = estate.advance(run)
    assert told(run) == ("outcome-unknown", "outcome-unknown")


def _gone(execution: object) -> None:
    registry.get("nowhere")


def test_an_unexpected_error_is_tried_again_later_and_ends_the_run_after_a_few(world: SwitchBoard) -> None:
    estate = Installation().runs
    world.switches["s1"] = {"state": "off", "fuse": "ok", "owner": estate.tenant.key}
    run = estate.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(advance.MOVES, advance.Phase.CLAIM, _breaks)  # type: ignore[misc]
        waits = []
        for number in range(1, UNEXPECTED_ERROR_LIMIT):
            run = again(estate, run)
            assert (run.state, run.failures) == ("received", number)
            assert run.due_at is not None
            waits.append(run.due_at)
        assert waits == sorted(set(waits))
        run = again(estate, run)
    assert told(run) == ("definition-error", "engine-failed")
    assert "ZeroDivisionError" in run.exception_packet.message
    assert run.exception_packet.escalate_to == "boards@example.com"
    assert run.exception_packet.fields == {}


def _breaks(execution: object) -> None:
    _ = 1 / 0


def test_a_run_that_ends_its_workers_one_after_the_other_stops(world: SwitchBoard) -> None:
    estate = Installation().runs
    run = estate.start()
    killed = 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(advance.MOVES, advance.Phase.CLAIM, _is_killed)  # type: ignore[misc]
        for _ in range(LOST_WORKER_LIMIT + 2):
            try:
                run = again(estate, run)
            except SystemExit:
                killed += 1
                run.refresh_from_db()
    assert killed == LOST_WORKER_LIMIT
    assert told(run) == ("definition-error", "engine-failed")
    assert "20 workers in a row" in run.exception_packet.message


def _is_killed(execution: object) -> None:
    raise SystemExit  # passes every handler, as the end of a process does


def test_a_run_that_was_given_back_counts_no_lost_worker(world: SwitchBoard) -> None:
    estate = Installation().runs
    run = estate.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(advance.MOVES, advance.Phase.CLAIM, _waits)  # type: ignore[misc]
        for _ in range(3):
            run = again(estate, run)
            assert (run.state, run.failures) == ("received", 0)


def _waits(execution: advance.Execution) -> advance.Wait:
    return advance.Wait(after(3600))


def test_a_call_that_fails_unexpectedly_counts_as_unknown_and_is_looked_for(world: SwitchBoard) -> None:
    estate = Installation().runs
    run = estate.start()
    with registry.use(registry.Registry(MappingProxyType({"board": Broken(world)}))):
        run = estate.advance(run)
    assert (run.state, run.failures) == ("invoking", 1)
    assert not ExceptionPacket.objects.exists()


def test_progress_forgets_failures(world: SwitchBoard) -> None:
    estate = Installation().runs
    run = estate.start()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(advance.MOVES, advance.Phase.CLAIM, _breaks)  # type: ignore[misc]
        run = estate.advance(run)
    assert run.failures == 1
    run = again(estate, run)
    assert (run.state, run.failures) == ("completed", 0)


def test_the_databases_absence_is_no_failure_of_the_run(world: SwitchBoard) -> None:
    estate = Installation().runs
    run = estate.start()
    with (
        registry.use(registry.Registry(MappingProxyType({"board": Away(world)}))),
        pytest.raises(OperationalError),
    ):
        estate.advance(run)
    run.refresh_from_db()
    assert run.failures == 0


def test_a_reason_made_of_long_names_fits_its_column(world: SwitchBoard) -> None:
    name = "r" + "x" * 62
    estate = Installation(RUNBOOK.replace("switch.", f"{name}.").replace("  switch:", f"  {name}:").replace(
        "reads: [switch]", f"reads: [{name}]")).runs  # fmt: skip
    run = estate.advance(estate.start(switch="nowhere"))
    assert told(run) == ("source-unreadable", f"source-unreadable-{name}")


def test_a_text_that_was_swapped_behind_the_trigger_is_not_followed(world: SwitchBoard) -> None:
    estate = Installation().runs
    run = estate.start()
    run.definition.text = RUNBOOK.replace('state: "on"', 'state: "burnt"')
    assert advance.advance(run, by=estate.worker, timing=timing.get()) is None
    assert told(run) == ("definition-error", "definition-altered")
    assert world.calls == []


def test_no_run_of_a_definition_that_is_not_what_was_approved_starts(world: SwitchBoard) -> None:
    estate = Installation(digest="sha256:" + "0" * 64).runs
    with pytest.raises(Conflict) as refused:
        estate.start()
    assert refused.value.code == "definition-altered"
    assert [finding.ok for finding in wiring.check()] == [False]


def test_a_digest_that_was_swapped_with_its_text_is_not_the_runs(world: SwitchBoard) -> None:
    estate = Installation().runs
    run = estate.start()
    run.definition.digest = "sha256:" + "0" * 64
    assert advance.advance(run, by=estate.worker, timing=timing.get()) is None
    assert told(run) == ("definition-error", "definition-altered")
