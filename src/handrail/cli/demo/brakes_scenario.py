"""The demo's scenario of people in control: a stop tells and fences, and a connector is paused.

Tasks are delegated once more. One waits for the exception packet of the first, until that is resolved; the other waits
for the connector that its job needs, until somebody resumes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.cli import exceptionview, output
from handrail.cli.demo import fixtures, show
from handrail.cli.demo.report import Invariant, TaskResult
from handrail.cli.processes import Family
from handrail.connectors import registry
from handrail.connectors.rest import Call, RestConnector
from handrail.kernel.errors import Unavailable
from handrail.runbooks.actions import brakes, exceptions, pulling
from handrail.runbooks.actions.exceptions import REFUSE
from handrail.runbooks.queries import exceptions as packets
from handrail.runbooks.queries import runs as queries
from handrail.runbooks.queries.runs import RunSummary
from handrail.runbooks.states import BrakeKind, RunState

SENIOR = "sam@practice.example"
# Its job grants more than was asked, so that the stop has something to tell; and a task that completes.
STOPPED, HEALTHY = "broader-role", "happy"
CONNECTOR = "sync-jobs"
SECONDS = 30.0
HOLDS = "A stop tells what changed and fences its subject, and a paused connector is not called"


@dataclass(frozen=True, slots=True)
class ControlScene:
    """What was done, what ought to be seen then, and what was."""

    title: str
    run: str
    expected: str
    seen: str


def run(who: Actor, family: Family, lines: Mapping[str, TaskResult]) -> Invariant:
    """Runs the scenario, shows it, and checks it. ``lines``: the tasks that have ended, by scenario."""
    scenes = [*_stopped(who, family, lines[STOPPED]), *_paused(who, family, lines[HEALTHY])]
    cells = [(scene.title, scene.run, scene.expected, scene.seen) for scene in scenes]
    output.print_table("", ("people in control", "run", "expected", "seen"), cells)
    return Invariant(HOLDS, tuple(f"{scene.title}: {scene.seen}" for scene in scenes if scene.seen != scene.expected))


def _stopped(who: Actor, family: Family, line: TaskResult) -> Iterator[ControlScene]:
    by = access.person(SENIOR)
    packet = queries.get_run(who, line.run).summary.exception or ""
    account = packets.get_exception(by, packet).account
    changed = f"changed outside: {account.get('changed')}"
    yield ControlScene("the job granted too much", line.run, "changed outside: yes", changed)
    output.print_facts(
        {
            "stopped": f"{line.run}, with {packet}",
            "changed outside": exceptionview.changed(account),
            "next action": account.get("next_action"),
        }
    )
    exceptionview.show_state(account)
    again = _delegated_again(who, line.expected.task)
    _wait(who, family, again, lambda seen: seen.blocking is not None or seen.ended)
    yield ControlScene("its task, delegated again", again, f"fenced by {line.run}, 0 attempts", _blocked(who, again))
    exceptions.take(ref=packet, by=by)
    note = "The role was taken back by hand; not repeated."
    exceptions.resolve(ref=packet, outcome="fixed-by-hand", note=note, waiting=REFUSE, by=by)
    ended = _wait(who, family, again, lambda seen: seen.ended)
    yield ControlScene("its packet resolved, what waits refused", again, RunState.CANCELLED, ended.state)


def _paused(who: Actor, family: Family, line: TaskResult) -> Iterator[ControlScene]:
    by = access.person(fixtures.PROPOSER.email)
    brake = brakes.pause(kind=BrakeKind.CONNECTOR, target=CONNECTOR, reason="Its owner is upgrading it.", by=by)
    again = _delegated_again(who, line.expected.task)
    held = _wait(who, family, again, lambda seen: seen.paused is not None or seen.ended)
    seen = f"paused, {held.attempts} attempts" if held.paused else str(held.state)
    yield ControlScene(f"connector {CONNECTOR} paused", again, "paused, 0 attempts", seen)
    brakes.resume(ref=brake, reason="It is back.", by=by)
    ended = _wait(who, family, again, lambda seen: seen.ended)
    yield ControlScene(f"connector {CONNECTOR} resumed", again, RunState.COMPLETED, ended.state)


def _blocked(who: Actor, ref: str) -> str:
    seen = queries.get_run(who, ref).summary
    if seen.blocking is None:
        return str(seen.state)
    return f"{seen.blocking.kind} by {seen.blocking.run}, {seen.attempts} attempts"


def _delegated_again(who: Actor, task: str) -> str:
    """A new task that asks for the same, received. Returns its run's reference."""
    connector = registry.get("control")
    assert isinstance(connector, RestConnector)
    made = connector.call(Call(method="POST", path=f"/tasks/{quote(task, safe='')}/again", json_body={}))
    if not isinstance(made.body, dict):
        raise Unavailable("The practice estate made no task.")
    pulling.pull(by=who)
    runs = queries.list_runs(who, queries.RunFilter(limit=500))
    return next(run.ref for run in runs if run.task == made.body["id"])


def _wait(who: Actor, family: Family, ref: str, until: Callable[[RunSummary], bool]) -> RunSummary:
    """The run once ``until`` holds, or as it is after ``SECONDS``."""
    ends = time.monotonic() + SECONDS
    seen = queries.get_run(who, ref).summary
    while not until(seen) and time.monotonic() < ends and not family.asked_to_stop and family.ended() is None:
        time.sleep(show.EVERY_SECONDS)
        seen = queries.get_run(who, ref).summary
    return seen
