"""The demo from start to end."""

from __future__ import annotations

import time

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.cli import output
from handrail.cli.demo import (
    brakes_scenario,
    estate,
    fixtures,
    packet_scenario,
    report,
    show,
    state,
    support_scenario,
)
from handrail.cli.demo.workspace import WORKSPACE, DemoWorkspace
from handrail.cli.processes import Family
from handrail.kernel.errors import Unavailable
from handrail.runbooks.actions import pulling
from handrail.runbooks.queries import runs as queries
from handrail.sandbox.world import BYSTANDERS

RUN_SECONDS = 120.0
REPORT_SECONDS = 30.0
WRONG = 1


def run(workspace: DemoWorkspace, *, once: bool) -> int:
    """Runs the whole demo; returns its exit code: 0 when everything agrees. Without ``once`` it then serves."""
    with show.stage("database emptied"):
        state.make_blank()
    password = fixtures.new_password()
    with workspace.log.open("wb") as log, Family(log=log) as family:
        family.start("sandbox", "--port", str(workspace.sandbox_port))
        family.start("worker")
        family.start("worker")
        if not once:
            family.start("web")
        with show.stage("practice estate up"):
            estate.wait_until_up(family)
        code = _run_tasks(workspace, family, password) or _release_a_packet(workspace)
        if once or family.asked_to_stop:
            return code
        show.print_accounts(workspace.url, password)
        output.say("Serving until Ctrl-C. The sandbox stays up: new tasks can be sent to it.")
        return family.wait() or code


def _run_tasks(workspace: DemoWorkspace, family: Family, password: str) -> int:
    expected = estate.expectations()
    with show.stage(f"workspace with {len(expected) + len(BYSTANDERS)} customers; runbooks proposed and approved"):
        operator = fixtures.create([*(e.tenant for e in expected), *BYSTANDERS], password)
        names = fixtures.approve_runbooks()
    output.say(f"          active: {', '.join(names)}")
    with show.stage("tasks pulled"):
        pulling.pull(by=operator)
    with show.stage("people invited"):
        fixtures.invite(fixtures.OTHERS, password, operator)
    who = access.command_line(WORKSPACE)
    with show.stage(f"{len(expected)} tasks run by two workers"):
        _wait(who, family, len(expected))
    lines = report.judge_runs(who, expected)
    show.print_lines(lines)
    support = support_scenario.run()
    brakes = brakes_scenario.run(who, family, {line.expected.scenario: line for line in lines})
    with show.stage("external systems, every table and the logs checked"):
        invariants = [*report.check_invariants(who, lines, [workspace.log], [password]), support, brakes]
    show.print_invariants(invariants)
    wrong = sum(bool(line.differs) for line in lines) + sum(bool(invariant.wrong) for invariant in invariants)
    output.say(
        f"{wrong} things differ." if wrong else f"All {len(lines)} tasks and {len(invariants)} invariants agree."
    )
    return WRONG if wrong else 0


def _release_a_packet(workspace: DemoWorkspace) -> int:
    steps = packet_scenario.run(workspace)
    packet_scenario.show(steps)
    wrong = sum(bool(step.differs) for step in steps)
    output.say("The packet scenario differs." if wrong else f"All {len(steps)} steps of the packet agree.")
    return WRONG if wrong else 0


def _wait(who: Actor, family: Family, total: int) -> None:
    """Until every run has ended and the task system knows. Raises Unavailable when a process dies on the way."""

    def interrupted() -> bool:
        return family.asked_to_stop or family.ended() is not None

    def runs() -> list[queries.RunSummary]:
        return queries.list_runs(who, queries.RunFilter(limit=500))

    show.watch(runs, total=total, stop=interrupted, seconds=RUN_SECONDS)
    until = time.monotonic() + REPORT_SECONDS
    while time.monotonic() < until and not interrupted() and not all(_reported(who, run.ref) for run in runs()):
        time.sleep(show.EVERY_SECONDS)
    if dead := family.ended():
        raise Unavailable(f"{dead} ended unexpectedly. See processes.log in the demo's directory.")


def _reported(who: Actor, ref: str) -> bool:
    report = queries.get_run(who, ref).report
    return report is not None and report.delivered_at is not None
