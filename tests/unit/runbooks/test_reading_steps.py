"""Steps that only read and have nothing to verify: alone, and as the last of several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from handrail.connectors import registry
from handrail.connectors.config import BreakerSettings, CallLimits, PassageSettings
from handrail.connectors.http import Client
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer
from handrail.connectors.rest import Get, RestConfig, RestConnector
from handrail.kernel.secrets import Secrets
from handrail.runbooks.limits import store
from handrail.runbooks.limits.circuit import CircuitState
from handrail.runbooks.models import Checkpoint, CompletionRecord, OperationRun
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, BoardConnector, SwitchBoard, connected
from tests.unit.connectors.peers import answering, peer, response

LOOK = """
  - name: look
    effect: reading
    call: {connector: lamp, get: "/lamps/{task.switch_id}"}
    answer: {status: string}
    result: {succeeded: [{status: [200], when: answer.status == "lit"}]}
"""
HEAD, _, REST = RUNBOOK.partition("steps:\n")
FLIP, _, TAIL = REST.partition("completion:")
ENDS = "completion: {copy: [task.switch_id, switch.state, steps.look.status]}" + TAIL.partition("}")[2]
ALONE = f"{HEAD}steps:{LOOK}{ENDS}"
LAST = f"{HEAD}steps:\n{FLIP.rstrip()}{LOOK}{ENDS}"


@dataclass
class Lamp(BoardConnector):
    """Answers how the lamp is; a call that changes nothing."""

    answer: str = "lit"
    name: str = "lamp"

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        assert isinstance(operation, Get)
        return Answer(status=200, body={"status": self.answer})


@pytest.fixture
def lamp(db: None) -> Iterator[Lamp]:
    board = SwitchBoard()
    world = Lamp(board)
    with (
        connected(board),
        registry.use(registry.Registry(MappingProxyType({"board": BoardConnector(board), "lamp": world}))),
    ):
        yield world


def carried(lamp: Lamp, text: str) -> tuple[Runs, OperationRun]:
    estate = Installation(text).runs
    lamp.board.add("s1", owner=estate.tenant.key)
    return estate, estate.advance(estate.start())


def kinds(run: OperationRun) -> list[str]:
    return list(Checkpoint.objects.filter(run=run).order_by("sequence").values_list("kind", flat=True))


def test_a_single_reading_step_completes(lamp: Lamp) -> None:
    _, run = carried(lamp, ALONE)
    assert run.state == "completed"
    assert kinds(run) == ["received", "claimed", "checked", "intent", "result", "completed"]
    assert CompletionRecord.objects.get(run=run).fields["steps.look.status"] == "lit"


def test_a_final_reading_step_completes_after_the_change_was_verified(lamp: Lamp) -> None:
    _, run = carried(lamp, LAST)
    assert run.state == "completed"
    assert kinds(run)[3:] == ["intent", "result", "verified", "intent", "result", "completed"]
    record = CompletionRecord.objects.get(run=run)
    assert record.fields == {"task.switch_id": "s1", "switch.state": "on", "steps.look.status": "lit"}


@pytest.mark.parametrize(("seconds", "state"), [(5.0, "completed"), (0.8, "exception")])
def test_pages_that_wait_their_turns_end_within_the_time_of_the_intent(lamp: Lamp, seconds: float, state: str) -> None:
    """Half a second apart: a list of three pages is whole within five seconds, and a part of it is none."""
    pages = [
        response(200, b'{"status": "lit", "items": [{"id": 1}]}', 'Link: </lamps/s1?page=2>; rel="next"'),
        response(200, b'{"status": "lit", "items": [{"id": 2}]}', 'Link: </lamps/s1?page=3>; rel="next"'),
        response(200, b'{"status": "lit", "items": [{"id": 3}]}'),
    ]
    with peer(answering(*pages)) as server:
        config = RestConfig(kind="rest", base_url=server.url, deadline_seconds=seconds)
        paged = RestConnector("lamp", Client(config, Secrets({})))
        two_a_second = {"lamp": PassageSettings(CallLimits(calls_a_second=2), BreakerSettings(failures=1))}
        both = {"board": BoardConnector(lamp.board), "lamp": paged}
        with registry.use(registry.Registry(MappingProxyType(both), two_a_second)):
            _, run = carried(lamp, ALONE)
    intent, result = Checkpoint.objects.filter(run=run, kind__in=("intent", "result")).order_by("sequence")
    assert result.at < intent.deadline_at
    assert (run.state, result.detail["failure"]) == (state, None if state == "completed" else "partial")
    assert store.known(["lamp"])["lamp"].state.circuit.state is CircuitState.CLOSED  # the service is not to blame


@pytest.mark.requirement("R2-12")
def test_a_reading_step_whose_answer_is_odd_stops(lamp: Lamp) -> None:
    lamp.answer = "dim"
    _, run = carried(lamp, ALONE)
    assert run.exception_packet.cause == "ambiguous-result"
