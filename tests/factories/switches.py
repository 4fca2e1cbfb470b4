"""A small outside world for tests of the engine: switches that a runbook flips, at the connector's edge.

``SwitchBoard`` keeps the truth; ``BoardConnector`` is how Handrail meets it. What a call does is scripted by a list of
``Turn``s, so that a test says exactly which answer, effect or silence each attempt meets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from handrail.connectors import registry
from handrail.connectors.finding import Finding
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Failure, ReadFailed, Reading
from handrail.connectors.rest import Call, Get
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now

RUNBOOK = """
handrail: runbook/v1
name: flip-switch
version: 1
title: Flip a switch
summary: Turns one switch on, and looks whether it is.
owner: boards@example.com
escalate_to: senior-support
task:
  tenant_id: {type: string}
  switch_id: {type: string}
  budget?: {type: integer, minimum: 0}
tenant: task.tenant_id
subject: [task.switch_id]
retry_budget: {task: budget, at_most: 3}
reads:
  switch:
    connector: board
    get: "/switches/{task.switch_id}"
    extract:
      state: string
      marker?: string
      fuse: string
      owner: string
prerequisites:
  - {condition: switch.owner == task.tenant_id, reason: owner-mismatch}
  - {condition: switch.fuse != "sealed", reason: fuse-sealed, kind: boundary, message: This needs the contract.}
steps:
  - name: flip
    effect: mutating
    deduplicates: true
    call: {connector: board, put: "/switches/{task.switch_id}", json: {state: "on"}}
    answer: {status: string}
    result:
      succeeded: [{status: [200], when: answer.status == "done"}]
      retryable: [{status: [503]}, {failure: [connect]}]
      terminal: [{status: [403]}]
    retry: {attempts: 4, initial: 100ms, backoff: 1, ceiling: 100ms}
    verify:
      reads: [switch]
      within: 200ms
      every: 100ms
      conditions: [{condition: switch.state == "on", reason: not-on}]
      unchanged: [switch.fuse]
      guards: [{condition: switch.marker != "alarm", reason: alarm-raised, kind: boundary}]
completion: {copy: [task.switch_id, switch.state]}
exception: {copy: [task.switch_id, switch.state, switch.fuse, switch.marker]}
checkpoints: {received: In, checked: Looked, invoked: Flipped, verified: Seen, completed: Out}
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one call meets: whether it takes effect, and what is answered."""

    effect: bool = True
    answer: Answer = field(default_factory=lambda: Answer(status=200, body={"status": "done"}))
    also: Callable[[SwitchBoard, str], None] | None = None


DONE = Turn()
BUSY = Turn(effect=False, answer=Answer(status=503))
FORBIDDEN = Turn(effect=False, answer=Answer(status=403))
ODD = Turn(effect=True, answer=Answer(status=200, body={"status": "kind-of"}))
SILENT_DONE = Turn(effect=True, answer=Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND))
SILENT_NOT_DONE = Turn(effect=False, answer=Answer(status=None, failure=Failure.CONNECTION_LOST))
UNREACHABLE = Turn(effect=False, answer=Answer(status=None, failure=Failure.CONNECT))
CLAIMS_DONE = Turn(effect=False)


@dataclass
class SwitchBoard:
    """The truth. ``effects`` lists the idempotency key of every effect, a repeated key only once."""

    switches: dict[str, dict[str, Any]] = field(default_factory=dict)
    script: list[Turn] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    read_failures: list[ReadFailed] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, switch: str, owner: str, **values: Any) -> None:
        self.switches[switch] = {"state": "off", "fuse": "ok", "owner": owner, **values}


@dataclass
class BoardConnector:
    board: SwitchBoard
    name: str = "board"
    kind: str = "rest"
    deadline_seconds: float = 0.05

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        assert isinstance(operation, Get)
        with self.board.lock:
            if self.board.read_failures:
                raise self.board.read_failures.pop(0)
            switch = self.board.switches.get(operation.path.rsplit("/", 1)[-1])
            if switch is None:
                raise ReadFailed("board: status 404", status=404, retryable=False)
            return Reading(dict(switch), None, digest(switch), 200, now())

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        assert isinstance(operation, Call)
        assert operation.idempotency_key is not None
        with self.board.lock:
            turn = self.board.script.pop(0) if self.board.script else DONE
            switch = operation.path.rsplit("/", 1)[-1]
            self.board.calls.append(operation.idempotency_key)
            if turn.effect and operation.idempotency_key not in self.board.effects:
                self.board.effects.append(operation.idempotency_key)
                self.board.switches[switch]["state"] = "on"
            if turn.also is not None:
                turn.also(self.board, switch)
            return turn.answer

    def check(self) -> list[Finding]:
        return []


@contextmanager
def connected(board: SwitchBoard) -> Iterator[SwitchBoard]:
    """Handrail with ``board`` as its only connector."""
    with registry.use(registry.Registry(MappingProxyType({"board": BoardConnector(board)}))):
        yield board
