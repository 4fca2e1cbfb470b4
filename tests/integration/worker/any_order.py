"""The machine of ``test_any_order``: runs, workers that stand between any two statements, people, and a restless world.

Rules do what workers, people and the world may do; ``judge`` looks at each statement, and the invariants at the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from handrail.access.actor import Actor
from handrail.connectors.outcome import Answer, Failure
from handrail.definitions import actions as definitions
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Conflict, HandrailError
from handrail.runbooks import leases, task_system
from handrail.runbooks.actions import brakes, exceptions, handover, previews, runs
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import ExceptionPacket, OperationRun
from handrail.runbooks.queries.runs import get_run
from handrail.runbooks.states import BrakeKind
from handrail.worker import handlers
from tests.factories import rows
from tests.factories.installation import Installation, define
from tests.factories.moved_time import MovedTime
from tests.factories.people import as_person
from tests.factories.restless import (
    ANSWERS,
    AS_TEXT,
    KEYED,
    LOOSE,
    RUNBOOK,
    TROUBLES,
    RestlessWorld,
    end_jobs,
    met,
)
from tests.factories.stepped import DIE, DROP, SteppedWorker
from tests.factories.task_queue import SYSTEM, Queue
from tests.integration.worker.judge import Begun, Judge

TEXTS = {"careful": RUNBOOK, "keyed": KEYED, "loose": LOOSE}
SWITCHES = ("a1", "a2", "b1")
TASKS = (
    *((switch, name) for switch in (*SWITCHES, "a1") for name in ("careful", "keyed")),
    *((switch, "loose") for switch in ("a1", "b1")),
)
CONNECTORS = ("board", "runner", "panel", "registry")
BRAKES = (
    *((kind, "") for kind in (BrakeKind.EVERYTHING, BrakeKind.INTAKE)),
    *((BrakeKind.TENANT, which) for which in ("a", "b")),
    *((BrakeKind.RUNBOOK, name) for name in TEXTS),
    *((BrakeKind.CONNECTOR, name) for name in CONNECTORS),
)
NUMBERS = st.integers(0, len(TASKS) - 1)
# What may happen while a worker stands somewhere.
EVENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("pull_brake", {"what": what}) for what in BRAKES),
    *(("deprecate", {"name": name}) for name in TEXTS),
    *(("supersede", {"name": name, "luck": 0}) for name in TEXTS),
    *(("customer", {"which": which, "active": False}) for which in "ab"),
    *(("ticket", {"number": number, "state": "withdrawn"}) for number in range(3)),
    *(("somebody_sets", {"switch": switch, "values": {"fuse": "sealed"}}) for switch in SWITCHES),
    *(("somebody_sets", {"switch": switch, "values": {"entitled": False}}) for switch in SWITCHES),
    *(("somebody_sets", {"switch": switch, "values": {"state": "on"}}) for switch in SWITCHES),
    *(("stop", {"number": number, "luck": 0}) for number in range(4)),
    *(("next_answers", {"answers": [answer]}) for answer in ANSWERS),
    *(
        ("trouble", {"source": source, "kind": kind, "times": 4})
        for source in ("switch", "ticket")
        for kind in TROUBLES
    ),
    ("trouble", {"source": "switch", "kind": AS_TEXT, "times": 1}),
    *(("jobs_end", {"how": how}) for how in ("done", "done, unseen", "failed")),
    *(("hand_back", {"number": number}) for number in range(2)),
    ("believe_dead", {"number": 2}),
    *(("wait", {"seconds": seconds}) for seconds in (3.0, 8.0, 25.0)),
    *(("trigger", {"number": number, "times": 1}) for number in range(4)),
)


class RunsInAnyOrder(RuleBasedStateMachine):
    """``reached`` counts, over all examples, what came about; ``time`` is the test's."""

    reached: ClassVar[Counter[str]] = Counter()
    time: ClassVar[MovedTime]
    crew: ClassVar[list[SteppedWorker]]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        house = Installation.named("any", RUNBOOK)
        self.workspace = house.workspace
        self.people = [as_person(house.worker, f"{name}@example.com") for name in ("ann", "bob")]
        self.system: Actor = house.worker
        other = rows.tenant(self.workspace, key=f"{house.tenant.key}_b")
        self.tenants = {"a": house.tenant, "b": other}
        assert house.runbook is not None
        others = {
            name: define(self.workspace, TEXTS[name], DefinitionKind.RUNBOOK) for name in TEXTS if name != "careful"
        }
        self.active: dict[str, Definition | None] = {"careful": house.runbook, **others}
        self.versions: dict[str, list[Definition]] = {n: [d] for n, d in self.active.items() if d is not None}
        self.world = RestlessWorld(self.time)
        self.judge = Judge(self.world, self.reached)
        self.world.arrived = self.judge.arrived
        for tenant in self.tenants.values():
            self.world.tenants[tenant.key] = {"status": "active"}
        for switch in SWITCHES:
            self.world.add(switch)
        self.queue = Queue()
        self.tasks: dict[int, IncomingTask] = {}
        self.ledger: dict[int, list[str]] = {}
        self.held_since: dict[str, tuple[int, set[str]]] = {}
        self.last_tenant = 0
        self.stack.enter_context(met(self.world, queue=self.queue))
        self.stack.enter_context(task_system.use(replace(SYSTEM, workspace=self.workspace.slug)))
        for worker in self.crew:
            worker.before_statement, worker.after_statement = self.judge.before, self.judge.after

    @initialize(
        numbers=st.lists(NUMBERS, min_size=2, max_size=5), answers=st.lists(st.sampled_from(ANSWERS), max_size=3)
    )
    def begin(self, numbers: list[int], answers: list[str]) -> None:
        for number in numbers:
            self._trigger(number)
        self.world.script += answers

    # what workers do

    def take_up(self, worker: SteppedWorker) -> None:
        """``worker`` claims what is due, a run before a report, and begins on it."""

        def work() -> None:
            found = leases.claim_runs(1, after=self.last_tenant, held_by=worker.session)
            if found:
                claim = found[0]
                self.last_tenant = claim.tenant_id
                self.judge.claimed(worker, claim.id)
                self.held_since[worker.name] = (claim.id, self._held(claim.id))
                advanced = handlers.run(claim)
                if advanced.report is not None:
                    handlers.report(advanced.report)
                return
            for claim in leases.claim_reports(1):
                self.reached["report claimed"] += 1
                handlers.report(claim)

        worker.begin(work)

    @rule(number=st.integers(0, 2), points=st.sampled_from([1, 2, 3, 5, 8, 13, 21, 200]))
    def work(self, number: int, points: int) -> None:
        worker = self.crew[number]
        if not worker.at:
            self.take_up(worker)
        for _ in range(points):
            if not worker.at:
                break
            worker.go_on()
        if not worker.at:
            self._is_shown(worker)

    @rule(number=st.integers(0, 2), points=st.sampled_from([1, 4, 9, 14, 19, 24]), how=st.sampled_from([DROP, DIE]))
    def falter(self, number: int, points: int, how: str) -> None:
        """A worker is killed, or its connection dropped, somewhere on its way."""
        worker = self.crew[number]
        if not worker.at:
            self.take_up(worker)
        for _ in range(points):
            if worker.at:
                worker.go_on()
        while worker.at and how == DROP and "statement" not in worker.at:
            worker.go_on()
        if worker.at:
            self.reached[f"{how} {worker.at}"] += 1
            worker.go_on(how)

    def die_behind_call(self, calls: int) -> None:
        """The first worker is killed once that many calls of its run were answered, and before it has written that."""
        worker = self.crew[0]
        self.take_up(worker)
        while worker.at and (calls := calls - (worker.at == "after a call")):
            worker.go_on()
        assert worker.at
        worker.go_on(DIE)

    @rule(number=st.integers(0, 2))
    def believe_dead(self, number: int) -> None:
        """Somebody takes the session of a worker for lost, rightly or not: what it had may be claimed at once."""
        self.reached["believed dead" if leases.free_runs(self.crew[number].session) else "nothing to free"] += 1

    @rule(
        points=st.integers(1, 40),
        seconds=st.sampled_from([8.0, 25.0, 65.0]),
        others=st.sampled_from([3, 9, 15, 21, 400]),
    )
    def overtake(self, points: int, seconds: float, others: int) -> None:
        """A worker stands somewhere until others may have what it had; another takes it up; then the first goes on."""
        for worker in self.crew[:2]:
            self.finish(worker)
        self.work(0, points)
        self.wait(seconds)
        self.work(1, others)
        self.finish(self.crew[0])

    @rule(points=st.integers(1, 40), events=st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2))
    def meanwhile(self, points: int, events: list[tuple[str, dict[str, Any]]]) -> None:
        """Something happens while a worker stands somewhere; then it goes on."""
        worker = self.crew[2]
        self.finish(worker)
        self.work(2, points)
        for name, values in events:
            getattr(self, name)(**values)
        self.finish(worker)

    @rule(seconds=st.sampled_from([0.5, 3.0, 8.0, 25.0, 65.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.time.go_by(seconds)
        self.world.come_about()

    @rule(seconds=st.sampled_from([0.0, 3.0, 25.0]))
    def carry_on(self, seconds: float) -> None:
        """Everybody goes on with what they have, and then with what is due, so that what comes late is reached."""
        for worker in self.crew:
            self.finish(worker)
        self.wait(seconds)
        for number in range(3):
            self.work(number, 400)

    def finish(self, worker: SteppedWorker) -> None:
        while worker.at:
            worker.go_on()
        self._is_shown(worker)

    def _held(self, pk: int) -> set[str]:
        """The brakes that hold a run which nothing else keeps from its first call."""
        run = self.judge.runs[pk]
        if self.judge.fences(run) or self.judge.busy(run) or pk in self.judge.stopped or self.judge.intents[pk]:
            return set()
        return set(self.judge.fitting(run, "flip"))

    def _is_shown(self, worker: SteppedWorker) -> None:
        """Why a run waits is shown, once a worker has found it so."""
        pk, held = self.held_since.pop(worker.name, (0, set()))
        if not pk or worker.ended != "done" or pk in self.judge.ended:
            return
        run, held = self.judge.runs[pk], held & self._held(pk)
        summary = get_run(self.people[0], run.ref).summary
        if summary.state != "received":
            return
        if fences := self.judge.fences(run):
            assert summary.blocking is not None
            assert summary.blocking.run in fences
            self.reached["shown: fenced"] += 1
        elif held:
            assert summary.paused is not None, f"{run.ref} waits for {[self.judge.brakes[ref] for ref in held]}"
            assert summary.paused.brake in self.judge.brakes
            self.reached["shown: paused"] += 1

    # what people do

    @rule(number=NUMBERS, times=st.integers(1, 3))
    def trigger(self, number: int, times: int) -> None:
        for _ in range(times):
            self._trigger(number)

    def _trigger(self, number: int) -> None:
        task = self._task(number)
        known = next((one for one in self.judge.runs.values() if one.ticket == task.payload["ticket"]), None)
        try:
            started = runs.start(task=task, by=self.system)
        except HandrailError:
            assert known is None
            return
        assert started.created is (known is None)
        if known is not None:
            assert started.ref == known.ref
            self.reached["triggered again"] += 1
            return
        assert not {"everything", "intake"} & {kind for kind, _ in self.judge.brakes.values()}
        run = OperationRun.objects.get(ref=started.ref)
        payload, name = task.payload, f"{run.runbook}@{task.version}"
        self.judge.runs[run.pk] = Begun(
            run.pk,
            run.ref,
            payload["tenant_id"],
            run.tenant_id,
            run.definition_id,
            name,
            run.subject,
            payload["ticket"],
        )

    def _task(self, number: int) -> IncomingTask:
        if number not in self.tasks:
            switch, name = TASKS[number]
            definition = self.versions[name][-1]
            payload = {"tenant_id": self.tenants[switch[0]].key, "switch_id": switch, "ticket": f"t{number}"}
            self.world.tickets[f"t{number}"] = {"state": "open", "runbook": name}
            self.tasks[number] = IncomingTask(
                key=f"T{number}", runbook=name, version=definition.version, payload=payload
            )
        return self.tasks[number]

    @rule(number=NUMBERS)
    def preview(self, number: int) -> None:
        before = len(self.world.calls), len(self.world.effects)
        try:
            previews.preview(task=self._task(number), by=self.people[0])
        except HandrailError:
            self.reached["preview refused"] += 1
        assert before == (len(self.world.calls), len(self.world.effects))

    @rule(what=st.sampled_from(BRAKES))
    def pull_brake(self, what: tuple[BrakeKind, str]) -> None:
        kind, target = what
        named = {BrakeKind.TENANT: lambda: self.tenants[target].key, BrakeKind.RUNBOOK: lambda: self._newest(target)}
        full = named[kind]() if kind in named else target
        try:
            ref = brakes.pause(kind=kind, target=full, reason="storm", by=self.people[0])
        except Conflict:
            return
        self.judge.brakes[ref] = (str(kind), full)
        self.reached[f"brake: {kind}"] += 1

    def _newest(self, name: str) -> str:
        return f"{name}@{self.versions[name][-1].version}"

    @rule(number=NUMBERS)
    def lift_brake(self, number: int) -> None:
        if self.judge.brakes:
            ref = list(self.judge.brakes)[number % len(self.judge.brakes)]
            woken = brakes.resume(ref=ref, reason="over", by=self.people[1])
            del self.judge.brakes[ref]
            self.reached["brake lifted, runs go on" if woken else "brake lifted"] += 1

    @rule(number=NUMBERS, luck=st.integers(0, 2))
    def stop(self, number: int, luck: int) -> None:
        if not luck:
            self._order(
                number, lambda run: runs.stop(ref=run.ref, reason="No.", by=self.people[0]), "stop", self._stopped
            )

    @rule(number=NUMBERS, luck=st.integers(0, 4))
    def cancel(self, number: int, luck: int) -> None:
        if not luck:
            self._order(number, lambda run: runs.cancel(ref=run.ref, by=self.people[0]), "cancelled", self._cancelled)

    def _order(self, number: int, act: Callable[[Begun], None], name: str, then: Callable[[Begun], None]) -> None:
        if not self.judge.runs:
            return
        run = list(self.judge.runs.values())[number % len(self.judge.runs)]
        try:
            act(run)
        except HandrailError:
            return
        self.reached[f"order: {name}"] += 1
        then(run)

    def _stopped(self, run: Begun) -> None:
        self.judge.stopped.add(run.pk)

    def _cancelled(self, run: Begun) -> None:
        assert not self.judge.intents[run.pk]
        self.judge.end(run, "cancelled")

    @rule(name=st.sampled_from(sorted(TEXTS)), luck=st.integers(0, 2))
    def deprecate(self, name: str, luck: int = 0) -> None:
        definition = self.active[name]
        if definition is not None and not luck:
            definitions.deprecate(definition_id=definition.pk, reason="a doubt", by=self.people[0])
            self.active[name] = None
            self.judge.inactive.add(definition.pk)
            self.reached["deprecated"] += 1

    @rule(name=st.sampled_from(sorted(TEXTS)))
    def bring_back(self, name: str) -> None:
        if self.active[name] is None:
            definition = self.versions[name][-1]
            definitions.request_return(definition_id=definition.pk, reason="it was right", by=self.people[0])
            definitions.bring_back(definition_id=definition.pk, digest=definition.digest, by=self.people[1])
            self.active[name] = definition
            self.judge.inactive.discard(definition.pk)
            self.reached["brought back"] += 1

    @rule(name=st.sampled_from(sorted(TEXTS)), luck=st.integers(0, 6))
    def supersede(self, name: str, luck: int) -> None:
        if luck or len(self.versions[name]) > 2:
            return
        before = self.versions[name][-1]
        text = TEXTS[name].replace("version: 1", f"version: {before.version + 1}")
        proposed = definitions.propose(text=text, by=self.people[0])
        definitions.approve(definition_id=proposed.id, by=self.people[1])
        self.active[name] = Definition.objects.get(pk=proposed.id)
        self.versions[name].append(Definition.objects.get(pk=proposed.id))
        self.judge.inactive.add(before.pk)
        self.reached["superseded"] += 1

    @rule(number=NUMBERS, waiting=st.sampled_from([exceptions.GO_ON, exceptions.REFUSE]))
    def resolve(self, number: int, waiting: str) -> None:
        if self.judge.unresolved:
            self._resolve(sorted(self.judge.unresolved)[number % len(self.judge.unresolved)], waiting)

    @rule(number=NUMBERS)
    def hand_back(self, number: int) -> None:
        """Who has an exception packet changes nothing for other runs: its subject stays fenced."""
        if not self.judge.unresolved:
            return
        packet = ExceptionPacket.objects.get(run=sorted(self.judge.unresolved)[number % len(self.judge.unresolved)])
        if packet.handling == "open":
            exceptions.take(ref=packet.ref, by=self.people[0])
            self.reached["taken"] += 1
        handover.hand_back(ref=packet.ref, note="Not mine.", by=self.people[0])
        self.reached["handed back"] += 1

    def _resolve(self, pk: int, waiting: str) -> None:
        packet = ExceptionPacket.objects.get(run=pk)
        if packet.handling == "open":
            exceptions.take(ref=packet.ref, by=self.people[0])
            self.reached["taken"] += 1
        exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Looked.", waiting=waiting, by=self.people[0])
        self.judge.unresolved.discard(pk)
        self.reached[f"resolved: {waiting}"] += 1
        for run_id in OperationRun.objects.filter(pk__in=self.judge.runs, state="cancelled").values_list(
            "pk", flat=True
        ):
            if run_id not in self.judge.ended:
                assert waiting == exceptions.REFUSE
                self.reached["refused with a resolution"] += 1
                self._cancelled(self.judge.runs[run_id])

    # what the world does

    @rule(which=st.sampled_from(["a", "b"]), active=st.booleans())
    def customer(self, which: str, active: bool) -> None:
        self.world.tenants[self.tenants[which].key]["status"] = "active" if active else "suspended"

    @rule(number=NUMBERS, state=st.sampled_from(["open", "withdrawn", "open"]))
    def ticket(self, number: int, state: str) -> None:
        self._task(number)
        self.world.tickets[f"t{number}"]["state"] = state

    @rule(
        switch=st.sampled_from(SWITCHES),
        values=st.sampled_from(
            [
                *({"state": "off", "lamp": "dark"}, {"state": "on"}, {"state": "on", "lamp": "lit"}),
                *({"fuse": "sealed"}, {"fuse": "blown"}, {"fuse": "ok"}, {"entitled": False}, {"entitled": True}),
            ]
        ),
    )
    def somebody_sets(self, switch: str, values: dict[str, Any]) -> None:
        self.world.switches[switch].update(values)
        self.world.touched.add(switch)

    @rule()
    def calm(self) -> None:
        """Everything outside is as it should be, and so are the versions and brakes: what comes then can succeed."""
        for tenant in self.world.tenants.values():
            tenant["status"] = "active"
        for ticket in self.world.tickets.values():
            ticket["state"] = "open"
        for switch in SWITCHES:
            self.somebody_sets(switch, {"state": "off", "lamp": "dark", "fuse": "ok", "entitled": True})
        self.world.script.clear()
        self.world.troubles.clear()
        while self.judge.brakes:
            self.lift_brake(0)
        for name in TEXTS:
            self.bring_back(name)

    @rule(answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3))
    def next_answers(self, answers: list[str]) -> None:
        self.world.script += answers

    @rule(
        source=st.sampled_from(["tenant", "ticket", "switch", "job"]),
        kind=st.sampled_from([*TROUBLES, AS_TEXT]),
        times=st.sampled_from([1, 2, 4]),
    )
    def trouble(self, source: str, kind: str, times: int) -> None:
        self.world.troubles[source] += [kind] * times

    @rule(how=st.sampled_from(["done", "done", "done, unseen", "failed"]))
    def jobs_end(self, how: str) -> None:
        self.reached[f"jobs end: {how}"] += end_jobs(self.world, how)

    @rule(answer=st.sampled_from([503, 400, None]))
    def task_system_answers(self, answer: int | None) -> None:
        lost = Answer(status=None, failure=Failure.CONNECTION_LOST)
        self.queue.answer = lost if answer is None else Answer(status=answer)

    @rule()
    def task_system_is_well(self) -> None:
        self.queue.answer = Answer(status=200)
