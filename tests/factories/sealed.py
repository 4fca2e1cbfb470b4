"""A log with everything in it that can be decided about after it was sealed, and the ways in which somebody changes it.

Each forgery works on the database alone, as the role that owns the tables, and puts the triggers back as they were.
"""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.audit.actions import seal_all
from handrail.audit.events import EventName
from handrail.definitions import actions as definitions
from handrail.definitions.models import Definition
from handrail.runbooks.actions import brakes, exceptions
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.states import BrakeKind
from handrail.support import handoff
from handrail.support.models import SupportRequest
from tests.factories.installation import Installation
from tests.factories.log import event, keep_mark, run, superuser
from tests.factories.people import as_person
from tests.factories.support import unfinished
from tests.factories.switches import RUNBOOK, SwitchBoard, connected

EVENTS, LEAVES, NODES, CHECKPOINTS = "audit_auditevent", "audit_auditleaf", "audit_auditnode", "audit_auditcheckpoint"
LOG = (EVENTS, LEAVES, NODES, CHECKPOINTS)
FIRST = 4
SEALER = access.worker("worker-1", 0)


@dataclass
class SealedWorld:
    """``ids``: six events. Everything is sealed, and the mark is kept; the first checkpoint covers ``FIRST`` leaves."""

    person: Actor
    definition: Definition
    request: SupportRequest
    packet: ExceptionPacket
    ids: list[int]


def sealed_world() -> SealedWorld:
    """A definition that was proposed, a support request whose ticket is asked for, an open exception packet, and six
    events."""
    for _ in range(FIRST - 1):
        event()
    sealed()
    estate, board = Installation().runs, SwitchBoard()
    board.add("bad", owner="ten_other")
    with connected(board):
        packet = estate.advance(estate.start("TASK-9", "bad")).exception_packet
    by = access.command_line("acme")
    definitions.propose(text=RUNBOOK.replace("version: 1", "version: 2"), by=access.worker("author", by.workspace_id))
    request = unfinished(estate.tenant)
    handoff.audit(EventName.SUPPORT_REQUEST_CREATED, request, by=by)
    ids = [event(f"s{number}").pk for number in range(6)]
    made = SealedWorld(as_person(by), Definition.objects.get(version=2), request, packet, ids)
    sealed()
    return made


def sealed() -> None:
    """Seals all there is, and keeps the mark."""
    seal_all(by=SEALER)
    keep_mark()


def decided() -> SealedWorld:
    """The same, with everything decided since the first seal, and sealed again."""
    world = sealed_world()
    definitions.approve(definition_id=world.definition.pk, by=world.person)
    handoff._finalize(world.request, by=world.person, reference="T-7", url="https://desk.example/T-7")
    exceptions.take(ref=world.packet.ref, by=world.person)
    exceptions.resolve(ref=world.packet.ref, outcome="fixed-by-hand", note="Done by hand.", by=world.person)
    brake = brakes.pause(kind=BrakeKind.INTAKE, reason="The desk is away.", by=world.person)
    brakes.resume(ref=brake, reason="It is back.", by=world.person)
    sealed()
    return world


def as_owner(*statements: str, tables: tuple[str, ...] = LOG) -> None:
    """``statements`` with the triggers of ``tables`` off, and on again afterwards."""
    with superuser(*tables):
        for statement in statements:
            run(statement)


def cut(size: int) -> None:
    """Events, leaves, subtrees and checkpoints from ``size`` on taken away together, so that what is left fits."""
    gone = f"SELECT row_id FROM {LEAVES} WHERE source = 'audit.event' AND index >= {size}"
    as_owner(
        f"DELETE FROM {EVENTS} WHERE id IN ({gone})",
        f"DELETE FROM {LEAVES} WHERE index >= {size}",
        f"DELETE FROM {NODES} WHERE (index + 1) << level > {size}",
        f"DELETE FROM {CHECKPOINTS} WHERE size > {size}",
    )
