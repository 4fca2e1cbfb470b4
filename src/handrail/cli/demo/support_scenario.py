"""The demo's second scenario: from runs that stopped, support is requested, handed to the practice desk, and judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.cli import output
from handrail.cli.demo.report import Invariant
from handrail.connectors import desk as desks
from handrail.connectors import registry
from handrail.connectors.desk import Severity
from handrail.connectors.rest import Call, Get, RestConnector
from handrail.kernel.errors import Misconfigured
from handrail.runbooks.queries import runs as runbooks
from handrail.runbooks.queries.runs import RunFilter, RunSummary
from handrail.runbooks.states import RunState
from handrail.support.actions import support_requests
from handrail.support.input import SupportRequestInput
from handrail.support.queries import Handoff
from handrail.support.states import HandoffMode, HandoffOutcome

OPERATOR = "olivia@practice.example"
# The ticket is made, and then the connection is cut before the answer: the hardest failure to be honest about.
FAULT = "cut-after"
EXPECTED_COUNTS = {"creations": 2, "tickets": 2, "faults_left": 0}
HOLDS = "The desk was asked once for each ticket, never again, and what it did is reported correctly"


@dataclass(frozen=True, slots=True)
class Scene:
    """One submission: what happened, what ought to come of it, and what did."""

    title: str
    expected: HandoffOutcome
    handoff: Handoff

    @property
    def differs(self) -> bool:
        return self.handoff.outcome is not self.expected


def run() -> Invariant:
    """Runs the scenario, shows it, and checks it. Needs two stopped runs, and a desk that nobody asked before."""
    by = access.person(OPERATOR)
    first, second, *_ = runbooks.list_runs(by, RunFilter(state=RunState.EXCEPTION, limit=2))
    scenes = list(_scenes(by, first, second))
    cells = [
        (s.title, s.handoff.ref, s.handoff.external_reference, s.expected, s.handoff.outcome, s.handoff.failure)
        for s in scenes
    ]
    columns = ("support requested", "support reference", "external ticket", "expected", "outcome", "what people read")
    output.print_table("", columns, cells)
    return Invariant(HOLDS, tuple(_wrong(scenes)))


def _scenes(by: Actor, first: RunSummary, second: RunSummary) -> Iterator[Scene]:
    given = SupportRequestInput(
        mode=HandoffMode.CREATE,
        severity=Severity.HIGH,
        summary=f"{first.title}: stopped, {first.reason}",
        notes="Opened the exception packet and compared its readings. They need somebody who may change the tenant.",
    )

    def create() -> Handoff:
        return support_requests.submit(by=by, run=first.ref, submission_key="demo-create", given=given).handoff

    created = create()
    yield Scene("from a stopped run: create a ticket", HandoffOutcome.CREATED, created)
    yield Scene("the same form, sent again", HandoffOutcome.CREATED, create())
    linked = support_requests.submit(
        by=by,
        tenant=first.tenant,
        submission_key="demo-link",
        given=SupportRequestInput(
            mode=HandoffMode.LINK,
            summary="The customer asks for the status",
            external_reference=created.external_url or "",
        ),
    ).handoff
    yield Scene("from its tenant: link that ticket", HandoffOutcome.LINKED, linked)
    _control().call(Call(method="POST", path="/desk/faults", json_body={"next": [FAULT]}))
    failed = given.model_copy(update={"summary": f"{second.title}: stopped, {second.reason}"})
    yield Scene(
        "from another run: the answer is lost",
        HandoffOutcome.UNKNOWN,
        support_requests.submit(by=by, run=second.ref, submission_key="demo-fail", given=failed).handoff,
    )


def _wrong(scenes: list[Scene]) -> Iterator[str]:
    yield from (f"{scene.title}: {scene.handoff.outcome}" for scene in scenes if scene.differs)
    created, again, linked, failed = (scene.handoff for scene in scenes)
    if again.ref != created.ref:
        yield "the same form made a second request"
    if linked.external_reference != created.external_reference:
        yield "another ticket was linked than the one that was named"
    counts = _control().read(Get(path="/desk/counts")).value
    if counts != EXPECTED_COUNTS:
        yield f"the desk counts {counts}"
    desk = desks.configured()
    if desk is None:
        raise Misconfigured("The demo's handrail.toml has lost its [desk].")
    for handoff in (created, failed):
        if len(desk.look_up(handoff.ref)) != 1:
            yield f"{handoff.ref} is not in the desk once"


def _control() -> RestConnector:
    connector = registry.get("control")
    assert isinstance(connector, RestConnector)
    return connector
