"""The demo from start to end."""

from __future__ import annotations

import time

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.cli import output
from handrail.cli.demo import cast, estate, packets, show, state, support_story, verdict
from handrail.cli.demo.place import WORKSPACE, Place
from handrail.cli.processes import Family
from handrail.kernel.errors import Unavailable
from handrail.runbooks import queries
from handrail.runbooks.actions import tasks
from handrail.sandbox.world import BYSTANDERS

RUN_SECONDS = 120.0
REPORT_SECONDS = 30.0
WRONG = 1


def play(place: Place, *, once: bool) -> int:
    """Plays the whole demo; returns its exit code: 0 when everything agrees. Without ``once`` it then serves."""
    with show.stage("database made blank"):
        state.make_blank()
    password = cast.new_password()
    with place.log.open("wb") as log, Family(log=log) as family:
        family.start("sandbox", "--port", str(place.sandbox_port))
        family.start("worker")
        family.start("worker")
        if not once:
            family.start("web")
        with show.stage("practice estate up"):
            estate.wait_until_up(family)
        code = _carry(place, family, password) or _release_a_packet(place)
        if once or family.asked_to_stop:
            return code
        show.tell_accounts(place.url, password)
        output.say("Serving until Ctrl-C. The sandbox stays up: new tasks can be sent to it.")
        return family.wait() or code


def _carry(place: Place, family: Family, password: str) -> int:
    expected = estate.expectations()
    with show.stage(f"workspace with {len(expected) + len(BYSTANDERS)} customers; runbooks proposed and approved"):
        operator = cast.found([*(e.tenant for e in expected), *BYSTANDERS], password)
        names = cast.put_in_force()
    output.say(f"          in force: {', '.join(names)}")
    with show.stage("tasks pulled"):
        tasks.pull(by=operator)
    with show.stage("people invited"):
        cast.invite(cast.OTHERS, password, operator)
    who = access.command_line(WORKSPACE)
    with show.stage(f"{len(expected)} tasks carried by two workers"):
        _wait(who, family, len(expected))
    lines = verdict.judge_runs(who, expected)
    show.tell_lines(lines)
    asked = support_story.tell()
    with show.stage("outside systems, every table and the logs looked at"):
        proofs = [*verdict.prove(who, lines, [place.log], [password]), asked]
    show.tell_proofs(proofs)
    wrong = sum(bool(line.differs) for line in lines) + sum(bool(proof.wrong) for proof in proofs)
    output.say(f"{wrong} things differ." if wrong else f"All {len(lines)} tasks and {len(proofs)} proofs agree.")
    return WRONG if wrong else 0


def _release_a_packet(place: Place) -> int:
    steps = packets.play(place)
    packets.tell(steps)
    wrong = sum(bool(step.differs) for step in steps)
    output.say("The packet's story differs." if wrong else f"All {len(steps)} steps of the packet agree.")
    return WRONG if wrong else 0


def _wait(who: Actor, family: Family, total: int) -> None:
    """Until every run has ended and the task system knows. Raises Unavailable when a process dies on the way."""

    def interrupted() -> bool:
        return family.asked_to_stop or family.ended() is not None

    def told() -> list[queries.RunSummary]:
        return queries.list_runs(who, queries.RunFilter(limit=500))

    show.watch(told, total=total, stop=interrupted, seconds=RUN_SECONDS)
    until = time.monotonic() + REPORT_SECONDS
    while time.monotonic() < until and not interrupted() and not all(_reported(who, run.ref) for run in told()):
        time.sleep(show.EVERY_SECONDS)
    if dead := family.ended():
        raise Unavailable(f"{dead} has ended by itself. See processes.log in the demo's directory.")


def _reported(who: Actor, ref: str) -> bool:
    report = queries.get_run(who, ref).report
    return report is not None and report.delivered_at is not None
