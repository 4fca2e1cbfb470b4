"""An outside world that changes between two calls of a run, and what people then see of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType

from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.connectors import registry
from handrail.connectors.operation import Performer
from handrail.runbooks.models import Checkpoint, ExceptionPacket, OperationRun
from handrail.runbooks.queries.exceptions import ExceptionDetail, get_exception
from tests.factories.installation import Installation
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import (
    RUNBOOK,
    BoardConnector,
    SwitchBoard,
    Turn,
)

# Everything is read from the panel and done at the board. The second step begins where the first was verified.
SECOND = """
  - name: fasten
    effect: mutating
    deduplicates: true
    call: {connector: board, put: "/switches/{task.switch_id}", json: {state: "on"}}
    answer: {status: string}
    result: {succeeded: [{status: [200]}]}
    verify:
      reads: [switch]
      conditions: [{condition: switch.state == "on", reason: not-on}]
      unchanged: [switch.owner]
completion:"""
PANEL = RUNBOOK.replace("reads:\n  switch:\n    connector: board", "reads:\n  switch:\n    connector: panel")
COPIED = next(line for line in RUNBOOK.splitlines() if line.startswith("exception:"))
NARROW = PANEL.replace(COPIED, "exception: {copy: [task.switch_id, switch.state]}")
TWO_STEPS = PANEL.replace("\ncompletion:", SECOND)
OFF = "  - {condition: switch.state == 'off', reason: on-already%s}\nsteps:"
SEALED = "fuse-sealed"


@contextmanager
def world(text: str = PANEL) -> Iterator[tuple[Runs, SwitchBoard, dict[str, Performer]]]:
    """An installation with the runbook ``text``, its board, and its connectors, which may be taken away."""
    estate, board = Installation(text).runs, SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    connectors: dict[str, Performer] = {"board": BoardConnector(board), "panel": BoardConnector(board, name="panel")}
    with registry.use(registry.Registry(MappingProxyType(connectors))):
        yield estate, board, connectors


def after_a_call(turn: Turn, change: Callable[[SwitchBoard], object]) -> Turn:
    """``turn``, and right after it ``change`` outside."""
    return replace(turn, also=lambda board, _: change(board))


def set_to(**values: str) -> Callable[[SwitchBoard], object]:
    return lambda board: board.switches["s1"].update(values)


def ending(run: OperationRun) -> str:
    packet = ExceptionPacket.objects.filter(run=run).first()
    return packet.reason if packet else run.state


def kinds(run: OperationRun) -> list[str]:
    return list(Checkpoint.objects.filter(run=run).order_by("sequence").values_list("kind", flat=True))


def senior(estate: Runs) -> Actor:
    return as_person(estate.worker, "senior@example.com", capabilities=bundled([Role.SENIOR_SUPPORT]))


def told(estate: Runs, run: OperationRun) -> ExceptionDetail:
    return get_exception(senior(estate), ExceptionPacket.objects.get(run=run).ref)
