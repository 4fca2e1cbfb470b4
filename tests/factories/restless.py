"""An outside world that changes between any two calls of a run, and keeps its own account of what was done to it.

Customers, their tickets and their switches are read from a registry and a panel; a board turns switches on, and a
runner lights their lamps by jobs. Nothing here knows what Handrail has written down.
"""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from handrail.connectors import registry
from handrail.connectors.finding import Finding
from handrail.connectors.jobs import LookUp, Poll, Start
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Answer, Failure, ReadFailed, Reading
from handrail.connectors.rest import Call, Get
from handrail.kernel import clock
from handrail.kernel.canonical import digest
from tests.factories import stepped
from tests.factories.moved_time import MovedTime

RUNBOOK = """
handrail: runbook/v1
name: careful
version: 1
title: Turn on a switch and light its lamp
summary: Turns a switch on at the board, once, and has a job light its lamp.
owner: boards@example.com
escalate_to: senior-support
task:
  tenant_id: {type: string}
  switch_id: {type: string}
  ticket: {type: string}
tenant: task.tenant_id
subject: [task.switch_id]
retry_budget: {at_most: 4}
read_budget: 30s
reads:
  tenant: {connector: registry, get: "/tenants/{task.tenant_id}", extract: {status: string}}
  ticket: {connector: registry, get: "/tickets/{task.ticket}", extract: {state: string}}
  switch:
    connector: panel
    get: "/switches/{task.switch_id}"
    extract: {state: string, lamp: string, fuse: string, entitled: boolean}
prerequisites:
  - {condition: tenant.status == "active", reason: tenant-not-active}
  - {condition: ticket.state == "open", reason: ticket-withdrawn}
  - {condition: switch.entitled, reason: not-entitled}
  - {condition: switch.fuse != "sealed", reason: fuse-sealed, kind: boundary}
  - {condition: switch.state == "off", reason: on-already}
steps:
  - name: flip
    effect: mutating
    deduplicates: false
    call: {connector: board, put: "/switches/{task.switch_id}", json: {state: "on", ticket: "{task.ticket}"}}
    answer: {status: string}
    result:
      succeeded: [{status: [200], when: answer.status == "done"}]
      retryable: [{failure: [connect, timeout-before-send]}]
      terminal: [{status: [403]}]
    retry: {attempts: 3, initial: 3s, backoff: 1, ceiling: 3s}
    verify:
      reads: [switch]
      within: 3s
      every: 1s
      conditions: [{condition: switch.state == "on", reason: not-on}]
      unchanged: [switch.fuse]
  - name: light
    effect: mutating
    deduplicates: true
    call: {connector: runner, start: light, with: {switch: "{task.switch_id}", ticket: "{task.ticket}"}}
    poll: {every: 2s, within: 20s}
    answer: {id: string, status: string}
    result:
      succeeded: [{status: [200], when: answer.status == "done"}]
      pending: [{status: [200, 202], when: answer.status == "running"}]
      retryable: [{status: [503]}, {failure: [connect]}]
      terminal: [{status: [200], when: answer.status == "failed"}, {status: [403]}]
    retry: {attempts: 3, initial: 3s, backoff: 1, ceiling: 3s}
    verify:
      reads: [switch]
      within: 3s
      every: 1s
      conditions: [{condition: switch.lamp == "lit", reason: not-lit}]
      unchanged: [switch.fuse]
      guards: [{condition: switch.fuse != "blown", reason: fuse-blown, kind: boundary}]
completion: {copy: [task.switch_id, switch.state, switch.lamp]}
exception:
  copy: [task.switch_id, tenant.status, ticket.state, switch.state, switch.lamp, switch.fuse, switch.entitled]
checkpoints: {received: In, checked: Looked, invoked: Done, verified: Seen, completed: Out}
"""
# The same for a board that deduplicates, and for switches that may be as required already.
KEYED = (
    RUNBOOK.replace("name: careful", "name: keyed")
    .replace("deduplicates: false", "deduplicates: true")
    .replace("retryable: [{failure:", "retryable: [{status: [503]}, {failure:")
    .replace('  - {condition: switch.state == "off", reason: on-already}\n', "")
    .replace("\nsteps:", '\nalready_as_required: {condition: switch.state == "on" && switch.lamp == "lit"}\nsteps:')
)
# The same as careful, for a runner that doesn't deduplicate either: a start that it knows begins another job.
LOOSE = (
    RUNBOOK.replace("name: careful", "name: loose")
    .replace("deduplicates: true", "deduplicates: false")
    .replace("retryable: [{status: [503]}, {failure: [connect]}]", "retryable: [{failure: [connect]}]")
)
# By runbook the steps whose target processes a key once, however often it comes.
DEDUPLICATED = {"careful": {"light"}, "keyed": {"flip", "light"}, "loose": set[str]()}
# Which connectors a run cannot end without, from each step on: those of its call, and of what proves it.
NEEDED = {"flip": {"board", "runner", "panel", "registry"}, "light": {"runner", "panel", "registry"}}

# What a call of the board or a start at the runner meets: whether it takes effect, and what is answered.
TAKES_EFFECT = {"done", "odd", "lost, done"}
LOST = {"lost, done", "lost, not done", "lost, done later"}
# These answers leave open what was done.
UNCLEAR = {"odd", "busy", "slow down"}
# How long after its answer was lost a call takes effect; and how long a job is done before that is to be seen, which is
# less than its verification takes.
LATER_SECONDS, UNSEEN_SECONDS = 40.0, 1.5
ANSWERS = (
    *("done", "busy", "slow down", "forbidden", "odd", "unreachable", "claims to be done"),
    *sorted(LOST),
)
TROUBLES: dict[str, Callable[[], ReadFailed]] = {
    "unavailable": lambda: ReadFailed("status 503", status=503, retryable=True),
    "too many": lambda: ReadFailed("status 429", status=429, retryable=True, retry_after_seconds=4.0),
    "timeout": lambda: ReadFailed("timeout", failure=Failure.TIMEOUT_AFTER_SEND, retryable=True),
    "absent": lambda: ReadFailed("status 404", status=404, retryable=False),
    "partial": lambda: ReadFailed("a part", failure=Failure.PARTIAL, retryable=False),
    "stale": lambda: ReadFailed("from a cache", failure=Failure.STALE, retryable=True),
}
AS_TEXT = "text for a boolean"


@dataclass(frozen=True, slots=True)
class Effect:
    """``key``: the idempotency key that came with the call; ``changed``: whether anything is different since."""

    order: int
    key: str
    ticket: str
    step: str
    changed: bool


@dataclass
class RestlessWorld:
    """``calls``: the keys of all changing calls that arrived. ``seen``: for each reader, by source, when it was last
    answered and with what (None: not). ``open``: keys whose caller can't know what became of its call. ``later``: what
    takes effect at which time; ``touched``: switches that somebody else has set; ``prompt``: whether a job is done as
    soon as it has begun. ``not_seen``: for each switch, and for each key that the runner was asked for, when a look
    last showed nothing of an effect. ``violations``: what must never happen, and did."""

    time: MovedTime
    tenants: dict[str, dict[str, Any]] = field(default_factory=dict)
    tickets: dict[str, dict[str, Any]] = field(default_factory=dict)
    switches: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    script: list[str] = field(default_factory=list)
    troubles: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    prompt: bool = False
    calls: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    seen: dict[str, dict[str, tuple[int, dict[str, Any] | None]]] = field(default_factory=lambda: defaultdict(dict))
    open: set[str] = field(default_factory=set)
    not_seen: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    arrived: Callable[[str], None] = lambda _key: None
    _orders: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def order(self) -> int:
        """The number of the next thing that happens."""
        return next(self._orders)

    def add(self, switch: str) -> None:
        self.switches[switch] = {"state": "off", "lamp": "dark", "fuse": "ok", "entitled": True}

    def come_about(self) -> None:
        """What was to take effect by now does."""
        due = [one for one in self.later if one[0] <= self.time.elapsed]
        self.later = [one for one in self.later if one[0] > self.time.elapsed]
        for _, act in due:
            act()

    def read(self, source: str, name: str) -> dict[str, Any]:
        """One read of ``source``. Raises ReadFailed where it is in trouble."""
        self.come_about()
        rows = {"tenant": self.tenants, "ticket": self.tickets, "switch": self.switches}[source]
        trouble = self.troubles[source].pop(0) if self.troubles[source] else ""
        reader = stepped.current()
        by = reader.name if reader else ""
        if trouble in TROUBLES:
            self.seen[by][source] = (self.order(), None)
            if source == "switch" and trouble == "absent":
                self.not_seen[name] = self.order()
            raise TROUBLES[trouble]()
        found = copy.deepcopy(rows[name])
        if source == "switch" and (trouble == AS_TEXT or found["state"] != "on"):
            self.not_seen[name] = self.order()
        if trouble == AS_TEXT and source == "switch":
            self.seen[by][source] = (self.order(), None)
            return {**found, "entitled": "true"}
        self.seen[by][source] = (self.order(), found)
        return found

    def deduplicates(self, ticket: str, step: str) -> bool:
        """Whether the target of ``step`` processes a key of that ticket once."""
        return step in DEDUPLICATED[self.tickets[ticket]["runbook"]]

    def take_effect(self, key: str, step: str, switch: str, ticket: str, *, deduplicates: bool) -> None:
        """Once a key where the target deduplicates."""
        if deduplicates and any(one.key == key for one in self.effects):
            return
        name, value = ("state", "on") if step == "flip" else ("lamp", "lit")
        changed = self.switches[switch][name] != value
        self.switches[switch][name] = value
        self.effects.append(Effect(self.order(), key, ticket, step, changed))

    def answer(self, key: str, act: Callable[[], None], body: Callable[[], Any]) -> Answer:
        """What a changing call comes to, by the script."""
        self.come_about()
        how = self.script.pop(0) if self.script else "done"
        if how == "unreachable":
            return Answer(status=None, failure=Failure.CONNECT)
        self.calls.append(key)
        self.arrived(key)
        if how in TAKES_EFFECT:
            act()
        if how == "lost, done later":
            self.later.append((self.time.elapsed + LATER_SECONDS, act))
        if how in LOST | UNCLEAR:
            self.open.add(key)
        if how in LOST:
            return Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND)
        if how == "odd":
            return Answer(status=200, body={"status": "kind-of"})
        if how in ("busy", "slow down"):
            return Answer(status=503, retry_after_seconds=7.0 if how == "slow down" else None)
        if how == "forbidden":
            return Answer(status=403)
        return body()


@dataclass
class Estate:
    """How Handrail meets a part of the world. A call that is not sent within its deadline is not sent at all, and an
    answer that comes behind it does not count."""

    world: RestlessWorld
    name: str
    kind: str = "rest"
    deadline_seconds: float = 5.0

    def check(self) -> list[Finding]:
        return []

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        assert isinstance(operation, Get)
        stepped.point("before a read")
        source, name = operation.path.strip("/").split("/")
        value = self.world.read(source.removesuffix("es") if source == "switches" else source[:-1], name)
        read_at = clock.now()
        stepped.point("after a read")
        return Reading(value, None, digest(value), 200, read_at)

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        until = self.world.time.elapsed + (deadline_seconds or self.deadline_seconds)
        stepped.point("before a call")
        if self.world.time.elapsed > until:
            return Answer(status=None, failure=Failure.TIMEOUT_BEFORE_SEND)
        answer = self._answer(operation)
        stepped.point("after a call")
        if self.world.time.elapsed > until:
            if isinstance(operation, Call | Start):
                self.world.open.add(str(operation.idempotency_key))
            return Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND)
        return answer

    def _answer(self, operation: Operation) -> Answer:
        assert isinstance(operation, Call)
        assert operation.idempotency_key is not None
        assert isinstance(operation.json_body, dict)
        key, ticket, switch = operation.idempotency_key, str(operation.json_body["ticket"]), operation.path[10:]
        once = self.world.deduplicates(ticket, "flip")
        return self.world.answer(
            key,
            lambda: self.world.take_effect(key, "flip", switch, ticket, deduplicates=once),
            lambda: Answer(status=200, body={"status": "done"}),
        )


class JobEstate(Estate):
    """The runner: a start with a key that it knows gives the job that there is, where it deduplicates."""

    def _answer(self, operation: Operation) -> Answer:
        if isinstance(operation, Start):
            key, asked = operation.idempotency_key, operation.parameters
            return self.world.answer(key, lambda: self._begin(key, asked), lambda: self._of(key, asked))
        trouble = self.world.troubles["job"].pop(0) if self.world.troubles["job"] else ""
        if trouble:
            return Answer(status=503)
        if isinstance(operation, LookUp):
            found = self.world.jobs.get(operation.idempotency_key)
            if found is None:
                self.world.not_seen[operation.idempotency_key] = self.world.order()
            return self._shown(found)
        assert isinstance(operation, Poll)
        return self._shown(next((one for one in self.world.jobs.values() if one["id"] == operation.id), None))

    def _begin(self, key: str, asked: dict[str, Any]) -> None:
        if key in self.world.jobs and self.world.deduplicates(str(asked["ticket"]), "light"):
            return
        number = len(self.world.jobs) + 1
        name = f"{key}#{number}" if key in self.world.jobs else key
        self.world.jobs[name] = {"id": f"job-{number}", "status": "running", "key": key, **asked}
        if self.world.prompt:
            end_jobs(self.world, "done")

    def _of(self, key: str, asked: dict[str, Any]) -> Answer:
        """An answer that there is a job, as there is."""
        if key not in self.world.jobs:
            self._begin(key, asked)
        return self._shown(self.world.jobs[key])

    def _shown(self, job: dict[str, Any] | None) -> Answer:
        if job is None:
            return Answer(status=404)
        return Answer(
            status=202 if job["status"] == "running" else 200, body={"id": job["id"], "status": job["status"]}
        )


def end_jobs(world: RestlessWorld, how: str) -> int:
    """Every running job ends as ``how``; how many did. One that is done has lit its lamp; "done, unseen" tells so a
    while before."""
    running = [job for job in world.jobs.values() if job["status"] == "running"]
    for job in running:
        job["status"] = "failed" if how == "failed" else "done"

        def light(job: dict[str, Any] = job) -> None:
            once = world.deduplicates(job["ticket"], "light")
            world.take_effect(job["key"], "light", job["switch"], job["ticket"], deduplicates=once)

        if how == "done":
            light()
        elif how == "done, unseen":
            world.later.append((world.time.elapsed + UNSEEN_SECONDS, light))
    return len(running)


@contextmanager
def met(world: RestlessWorld, **more: Any) -> Iterator[None]:
    """Handrail with the parts of ``world`` as its connectors, and ``more`` of them."""
    parts = {name: Estate(world, name) for name in ("registry", "panel", "board")}
    parts["runner"] = JobEstate(world, "runner", kind="jobs")
    with registry.use(registry.Registry(MappingProxyType({**parts, **more}))):
        yield
