"""Judges what workers write against what the test itself did and what the outside world saw, statement by statement.

It knows brakes, stops, versions and resolutions because the test ordered them, and effects because the world had them;
of what Handrail has written down it takes only that an intent or an end was committed, and when.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.factories.restless import DEDUPLICATED, NEEDED, RestlessWorld
from tests.factories.stepped import SteppedWorker

Values = dict[str, dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that the test had begun."""

    pk: int
    ref: str
    tenant: str
    tenant_id: int
    definition_id: int
    runbook: str
    switch: str
    ticket: str

    @property
    def subject(self) -> tuple[str, str]:
        return self.tenant, self.switch


@dataclass
class Judge:
    """``brakes``: kind and target of each that holds; ``inactive``: definitions that are not active; ``unresolved``:
    runs that ended with a packet; ``lease``: who claimed a run last. ``met``: what came about, counted."""

    world: RestlessWorld
    met: Counter[str]
    runs: dict[int, Begun] = field(default_factory=dict)
    brakes: dict[str, tuple[str, str]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    inactive: set[int] = field(default_factory=set)
    unresolved: set[int] = field(default_factory=set)
    ended: dict[int, str] = field(default_factory=dict)
    lease: dict[int, str] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    intents: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    start: dict[int, Values] = field(default_factory=dict)
    told_unchanged: dict[str, int] = field(default_factory=dict)
    verified: set[int] = field(default_factory=set)

    def claimed(self, worker: SteppedWorker, pk: int) -> None:
        self.lease[pk] = worker.name
        self.world.seen[worker.name].clear()
        self.written[worker.name] = self.world.order()

    def before(self, _worker: SteppedWorker, values: Any) -> list[str]:
        """What stands against the intent that ``values`` of a statement are, as it is about to be written."""
        if not _is_move(values) or values["brakes"] is None:
            return []
        run = self.runs[values["run"]]
        rows = values["rows"].obj
        return list(self._against(run, rows[-1]["step"]))

    def after(self, worker: SteppedWorker, values: Any, against: list[str], is_there: bool) -> None:
        """What a statement has written, where it has."""
        if not _is_move(values):
            return
        run, rows = self.runs[values["run"]], values["rows"].obj
        if not is_there:
            self.met["write refused"] += 1
            return
        if self.lease[run.pk] != worker.name:
            self._judge_late(worker, run, rows)
        last = rows[-1]
        for row in rows:
            self.met[f"row: {row['kind']}"] += 1
            if row["kind"] == "verified":
                self.verified.add(run.pk)
            elif row["kind"] in ("result", "unknown"):
                self._outcome(run, row)
        if values["brakes"] is not None:
            self._intent(worker, run, last, against)
        if values["state"] in ("completed", "exception"):
            self.end(run, values["state"])
            if values["state"] == "completed":
                self._judge_completion(worker, run)
            if values["state"] == "exception":
                self._judge_account(worker, run, last["detail"])
        self.written[worker.name] = self.world.order()

    def _outcome(self, run: Begun, row: Mapping[str, Any]) -> None:
        """What became of the call that was intended last. ``open_since``: nobody knows since then."""
        intent, outcome = self.intents[run.pk][-1], row["detail"]["class"]
        intent.pop("open_since", None)
        if outcome == "unknown":
            intent["open_since"] = self.world.order()
        if row["kind"] == "result":
            intent["result"] = outcome
            self.met[f"result: {outcome}"] += 1
        elif self.world.time.now().isoformat() < intent["deadline_at"]:
            self.world.violations.append(f"{run.ref}: an intent was given up before its deadline")

    def _judge_late(self, worker: SteppedWorker, run: Begun, rows: list[dict[str, Any]]) -> None:
        """A worker whose run another has claimed may still be the first to say what became of its own call."""
        intent = self.intents[run.pk][-1] if self.intents[run.pk] else {}
        if intent.get("worker") != worker.name or "result" in intent or rows[0]["kind"] != "result":
            self.world.violations.append(f"{worker.name} wrote {rows[-1]['kind']} of {run.ref}: another has claimed it")
        self.met["own result behind a lease"] += 1
        self.lease[run.pk] = worker.name

    def end(self, run: Begun, state: str) -> None:
        if run.pk in self.ended:
            self.world.violations.append(f"{run.ref} ended twice")
        self.ended[run.pk] = state
        self.met[f"ended: {state}"] += 1
        if state == "exception":
            self.unresolved.add(run.pk)

    def fitting(self, run: Begun, step: str) -> list[str]:
        """The brakes that hold ``run`` before ``step``."""
        own = {
            ("everything", ""),
            ("tenant", run.tenant),
            ("runbook", run.runbook),
            *(("connector", name) for name in NEEDED[step]),
        }
        return [ref for ref, brake in self.brakes.items() if brake in own]

    def fences(self, run: Begun) -> list[str]:
        """The other runs of the subject that stopped unresolved, and of which a call had arrived."""
        others = [self.runs[pk] for pk in self.unresolved if pk != run.pk and self.runs[pk].subject == run.subject]
        return [one.ref for one in others if any(key.startswith(f"{one.ref}:") for key in self.world.calls)]

    def busy(self, run: Begun) -> list[str]:
        """The other runs that are under way with the subject."""
        others = [one for pk, one in self.runs.items() if pk not in self.ended and self.intents[pk] and pk != run.pk]
        return [one.ref for one in others if one.subject == run.subject]

    def _against(self, run: Begun, step: str) -> list[str]:
        found = [f"brake {self.brakes[ref]}" for ref in self.fitting(run, step)]
        found += [f"fenced by {ref}" for ref in self.fences(run)]
        if run.pk in self.stopped:
            found.append("stopped")
        if run.definition_id in self.inactive:
            found.append("its version is not active")
        return found + [f"{ref} is under way" for ref in self.busy(run)]

    def _intent(self, worker: SteppedWorker, run: Begun, row: Mapping[str, Any], against: list[str]) -> None:
        """The intent was committed: nothing stood against it, and the world was read since the last commit, and was as
        it must be."""
        step, seen = row["step"], self.world.seen[worker.name]
        found = list(against)
        values: Values = {}
        for source in ("tenant", "ticket", "switch"):
            order, answered = seen.get(source, (0, None))
            if order < self.written[worker.name] or answered is None:
                found.append(f"{source} was not read again")
            values[source] = answered
        found += [*_unmet(values, run.runbook, step), *self._against_repeat(run, step)]
        self.start.setdefault(run.pk, values)
        self.intents[run.pk].append({**row, "worker": worker.name})
        self.met[f"intent: {step}"] += 1
        if len(self.intents[run.pk]) > 1 and self.intents[run.pk][-2]["step"] == step:
            self.met["same call again"] += 1
        self.world.violations += [f"intent of {run.ref}:{step} though {one}" for one in found]

    def _against_repeat(self, run: Begun, step: str) -> Iterator[str]:
        """What stands against a further call of ``step`` while nobody knows what became of the one before: that its
        target would do it twice, or that no look since has shown nothing of an effect."""
        before = [one for one in self.intents[run.pk] if one["step"] == step]
        if not before or ("result" in before[-1] and "open_since" not in before[-1]):
            return
        self.met[f"intent behind an unknown outcome: {step}"] += 1
        if step not in DEDUPLICATED[run.runbook.partition("@")[0]]:
            yield "it is unknown what became of the call before, and its target doesn't deduplicate"
        looked = self.world.not_seen.get(run.switch if step == "flip" else f"{run.ref}:{step}", 0)
        if looked < before[-1].get("open_since", self.world.order()):
            yield "it is unknown what became of the call before, and nobody has looked since"

    def arrived(self, key: str) -> None:
        """A changing call has arrived: its intent was committed, is its run's last, and still holds."""
        ref, step = key.split(":")
        run = next(one for one in self.runs.values() if one.ref == ref)
        sent = self.intents[run.pk]
        if run.pk in self.ended:
            self.world.violations.append(f"{key} was called after the end of its run")
        if not sent or sent[-1]["step"] != step:
            self.world.violations.append(f"{key} was called without an intent")
        elif self.world.time.now().isoformat() > sent[-1]["deadline_at"]:
            self.world.violations.append(f"{key} was called after the deadline of its intent")
        if sum(one["step"] == step for one in sent) < self.world.calls.count(key):
            self.world.violations.append(f"{key} was called more often than intended")

    def _judge_account(self, worker: SteppedWorker, run: Begun, detail: Mapping[str, Any]) -> None:
        account = detail["account"]
        changed = account["changed"]
        self.met[f"changed outside: {changed}"] += 1
        mine = [one for one in self.world.effects if one.key.startswith(f"{run.ref}:") and one.changed]
        now = {source: answered for source, (_, answered) in self.world.seen[worker.name].items()}
        start = self.start.get(run.pk, {})
        differs = [source for source in start if now.get(source) is not None and now[source] != start[source]]
        surveyed = "state" in account
        if surveyed:
            unseen = [one for one in start if self._is_older(worker, one) and one not in account["unread"]]
            self.world.violations += [f"{run.ref} ({detail['reason']}) ended, and {one} was not read" for one in unseen]
        wrong = {
            "yes": not differs and run.pk not in self.verified,
            "no": bool(differs) if surveyed and (not mine or run.switch in self.world.touched) else bool(mine),
            "unknown": not self._is_open(run) and not account.get("unread"),
        }[changed]
        if wrong:
            self.world.violations.append(
                f"{run.ref} ({detail['reason']}) says changed outside: {changed}; the world says {mine}, {differs}"
            )
        if changed == "no":
            self.told_unchanged[run.ref] = self.world.order()

    def _is_older(self, worker: SteppedWorker, source: str) -> bool:
        """Whether what ``worker`` knows of ``source`` is from before it last wrote."""
        return self.world.seen[worker.name].get(source, (0, None))[0] < self.written[worker.name]

    def _judge_completion(self, worker: SteppedWorker, run: Begun) -> None:
        """What is completed was read just now as it had to become, and nothing else was changed meanwhile."""
        order, switch = self.world.seen[worker.name].get("switch", (0, None))
        start = (self.start.get(run.pk, {}).get("switch") or switch or {}).get("fuse")
        wanted = {"lamp": "lit", "fuse": start}
        if switch is None or order < self.written[worker.name] or not wanted.items() <= switch.items():
            self.world.violations.append(f"{run.ref} completed, with {switch} in place of {wanted}")

    def _is_open(self, run: Begun) -> bool:
        """Whether nobody can know what became of a call of ``run``: by the world's account an answer was lost or odd, a
        job runs, or the worker that intended it was gone before it had the answer."""
        keys = {f"{run.ref}:{step}" for step in NEEDED}
        if keys & self.world.open or any(self.world.jobs.get(key, {}).get("status") == "running" for key in keys):
            return True
        return any(one.get("result") is None for one in self.intents[run.pk])

    def check_effects(self) -> None:
        """No effect twice for one task and step, and none of a run that has said that it changed nothing."""
        times = Counter((one.ticket, one.step) for one in self.world.effects)
        self.world.violations += [f"{what} took effect {n} times" for what, n in times.items() if n > 1]
        for one in self.world.effects:
            told_at = self.told_unchanged.get(one.key.split(":")[0])
            if told_at is not None and one.changed and one.order > told_at:
                self.world.violations.append(f"{one.key} took effect after its packet said that nothing changed")


def _is_move(values: Any) -> bool:
    return isinstance(values, dict) and {"rows", "state", "run", "brakes"} <= set(values)


def _unmet(values: Values, runbook: str, step: str) -> list[str]:
    """What of the prerequisites the world did not meet, as it answered."""
    tenant, ticket, switch = (values[source] or {} for source in ("tenant", "ticket", "switch"))
    found = [] if tenant.get("status") == "active" else ["the customer was not active"]
    if ticket.get("state") != "open":
        found.append("the ticket was withdrawn")
    if switch.get("entitled") is not True:
        found.append("the customer was not entitled")
    if switch.get("fuse") == "sealed":
        found.append("the fuse was sealed")
    if not runbook.startswith("keyed") and step == "flip" and switch.get("state") != "off":
        found.append("the switch was on already")
    return found
