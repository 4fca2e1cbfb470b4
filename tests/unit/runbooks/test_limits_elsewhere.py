"""Who else passes a connector's gate: reports of outcomes, pulls of tasks, previews, `handrail check`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType

import pytest

from handrail.cli import checks
from handrail.connectors import registry
from handrail.connectors.config import BreakerSettings, CallLimits, PassageSettings
from handrail.connectors.outcome import Answer
from handrail.connectors.rest import Get
from handrail.runbooks import timing
from handrail.runbooks.actions import previews, pulling, reading
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.gate import HeldUp
from handrail.runbooks.models import Report
from handrail.runbooks.timing import Timing
from tests.factories.limits import AT_ONCE
from tests.factories.runs import Runs
from tests.factories.switches import BoardConnector, SwitchBoard
from tests.factories.task_queue import Queue, item


@contextmanager
def one_at_once(queue: Queue, board: SwitchBoard, breaker: BreakerSettings | None = None) -> Iterator[None]:
    both = MappingProxyType({"queue": queue, "board": BoardConnector(board)})
    settings = PassageSettings(CallLimits(calls_at_once=1), breaker)
    quick = Timing(limit_wait_seconds=0.0, limit_further_wait_seconds=0.05)
    with registry.use(registry.Registry(both, {"queue": settings, "board": settings})), timing.use(quick):
        yield


def taken(connector: str) -> gate.Slot:
    slot = gate.enter(connector, seconds=30, turn_wait=AT_ONCE)
    assert slot is not None
    return slot


def test_report_waits_for_its_turn_and_counts_no_attempt(estate: Runs, board: SwitchBoard, queue: Queue) -> None:
    run = estate.advance(estate.start())
    with one_at_once(queue, board):
        slot = taken("queue")
        attempts = Report.objects.get(run=run).attempts
        assert estate.report(run) is not None
        report = Report.objects.get(run=run)
        assert (queue.told, report.attempts, report.failure) == ([], attempts - 1, "")
        gate.leave(slot, gate.Heard(gate.CallVerdict.WORKS))
        assert estate.report(run) is None
    assert len(queue.told) == 1


def test_report_that_fails_opens_the_breaker_and_counts(estate: Runs, board: SwitchBoard, queue: Queue) -> None:
    run = estate.advance(estate.start())
    queue.answer = Answer(status=503)
    with one_at_once(queue, board, BreakerSettings(failures=1)):
        estate.report(run)
        report = Report.objects.get(run=run)
        assert (report.attempts, report.failure) == (1, "The task system did not accept the outcome: status 503.")
        estate.report(run)
    assert (len(queue.told), Report.objects.get(run=run).attempts) == (1, 1)


def test_pull_waits_for_its_turn(estate: Runs, board: SwitchBoard, queue: Queue) -> None:
    queue.pages["/tasks"] = {"items": [item(estate, "T1")]}
    with one_at_once(queue, board):
        slot = taken("queue")
        with pytest.raises(HeldUp):
            pulling.pull(by=estate.worker)
        gate.leave(slot, gate.Heard(gate.CallVerdict.WORKS))
        assert len(pulling.pull(by=estate.worker)) == 1


def test_preview_says_that_the_connector_is_at_its_limit(estate: Runs, board: SwitchBoard, queue: Queue) -> None:
    with one_at_once(queue, board):
        taken("board")
        seen = previews.preview(task=estate.task(), by=estate.worker)
    assert (seen.would_start, seen.unreadable) == (False, "As many calls as may be are under way through board.")


def test_source_of_a_packet_is_read_once_it_is_its_turn(estate: Runs, board: SwitchBoard, queue: Queue) -> None:
    with one_at_once(queue, board):
        slot, source = taken("board"), BoardConnector(board)
        with pytest.raises(HeldUp) as caught:
            reading.read("board", source, Get(path="/switches/s1"))
        assert caught.value.retryable
        gate.leave(slot, gate.Heard(gate.CallVerdict.WORKS))
        assert reading.read("board", source, Get(path="/switches/s1")).status == 200


def test_check_shows_what_is_configured(estate: Runs, board: SwitchBoard, queue: Queue) -> None:
    settings = PassageSettings(
        CallLimits(calls_at_once=4, calls_a_second=10, burst=3), BreakerSettings(failures=5, share=0.5)
    )
    opened = registry.Registry(MappingProxyType({"board": BoardConnector(board)}), {"board": settings})
    with registry.use(opened):
        (found,) = [finding for finding in checks.connectors() if finding.name == "board: limits"]
    assert found.ok
    assert found.message == (
        "Over all workers: 4 calls at once; 10 calls a second, 3 without a pause; a circuit breaker that opens"
        " after 5 failures that are at least 50% of the calls in 60 s, for 30 to 600 s."
    )
