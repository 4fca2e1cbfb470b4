"""Between taking an exception packet over and resolving it: notes, handing it back, and giving it to somebody else."""

from __future__ import annotations

from django.db import transaction

from handrail.access import guards
from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability, having
from handrail.access.refusals import Refusal, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.connectors.tasksystem import MessageKind
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, Invalid, Stale
from handrail.runbooks import permissions
from handrail.runbooks.actions import updates
from handrail.runbooks.actions.exceptions import let_follow_ups_look, note_of
from handrail.runbooks.models import ExceptionNote, ExceptionPacket
from handrail.runbooks.states import Handling, NoteKind

# Of one packet: as many as a page shows and people read.
NOTES_LIMIT = 200
_FULL = f"This exception packet has {NOTES_LIMIT} notes, which is the limit. Resolve it, or take it over and do so."
_EVENTS = {NoteKind.INTERIM: EventName.EXCEPTION_NOTED, NoteKind.HANDED_BACK: EventName.EXCEPTION_HANDED_BACK}


@transaction.atomic
def add_note(*, ref: str, note: str, by: Actor) -> None:
    """Adds what the actor saw or did, 1 to 4000 characters, for all who see the packet. Anyone who may take it over
    may write, also while somebody else has it. A note that only repeats the actor's newest one is not written again.

    Raises NotFound, Denied, Invalid, Conflict: ``exception-resolved``, ``exception-notes``.
    """
    packet = _held(ref, by)
    refuse(permissions.why_not_note(by, packet))
    _write(packet, by, NoteKind.INTERIM, note_of(note, "Say what you saw or did.", "a note needs a text"))


@transaction.atomic
def hand_back(*, ref: str, note: str, by: Actor) -> None:
    """Leaves a packet that the actor took over to everybody again, with a note for the next person.

    Raises NotFound, Denied, Invalid, Conflict: ``exception-open``, ``exception-taken``, ``exception-resolved``,
    ``exception-notes``.
    """
    packet = _held(ref, by)
    refuse(permissions.why_not_hand_back(by, packet))
    text = note_of(note, "Say how far you came.", "handing back needs a note")
    mine = ExceptionPacket.objects.filter(pk=packet.pk, handling=Handling.TAKEN, taken_by=by.name)
    if not mine.update(handling=Handling.OPEN, taken_at=None, taken_by=None):
        raise Stale
    _write(packet, by, NoteKind.HANDED_BACK, text)
    updates.about_packet(MessageKind.HANDED_BACK, packet, by)
    let_follow_ups_look(packet)


@transaction.atomic
def assign(*, ref: str, to: str, by: Actor, instead_of: str = "") -> None:
    """Gives a packet to the member with the e-mail address ``to``, who may take it over themselves.

    ``instead_of``: who has it now, where that is neither nobody nor the actor. Raises NotFound, Denied, Invalid when
    that member can't take it over, Conflict (it is resolved, or somebody else has it), Stale (they have it no more).
    """
    packet = _held(ref, by)
    refuse(permissions.why_not_assign(by, packet))
    has_it = packet.taken_by or ""
    if instead_of not in ("", has_it):
        raise Stale
    refuse(_unnamed(has_it) if has_it not in (instead_of, by.name) else None)
    name = _assignee(to, packet, by)
    same = ExceptionPacket.objects.filter(pk=packet.pk, handling=packet.handling, taken_by=packet.taken_by)
    if not same.update(handling=Handling.TAKEN, taken_at=now(), taken_by=name):
        raise Stale
    record(
        EventName.EXCEPTION_ASSIGNED,
        by=by,
        tenant_id=packet.tenant_id,
        subject_kind="exception",
        subject=packet.ref,
        assigned_to=name,
        instead_of=has_it or None,
    )
    updates.about_packet(MessageKind.TAKEN, packet, by, taken_by=name)
    let_follow_ups_look(packet)


def _held(ref: str, by: Actor) -> ExceptionPacket:
    """The packet, which nobody else moves until the commit."""
    return guards.get_scoped(by, ExceptionPacket.objects.select_for_update(), Capability.EXCEPTION_TAKE, ref=ref)


def _unnamed(has_it: str) -> Refusal:
    return Refusal("exception-taken", f"{has_it} has taken this over. Say that it is theirs that you give away.")


def _assignee(to: str, packet: ExceptionPacket, by: Actor) -> str:
    """The name of the member, as packets keep it. Raises Invalid, saying why they can't have it."""
    found = access.find_colleague(by, to.strip())
    if found is None:
        why_not = "no active member who shares a tenant with you has this e-mail address"
    elif not found.may(Capability.EXCEPTION_TAKE):
        why_not = (
            f"{found.name} can't take over exception packets. Those can who have {having(Capability.EXCEPTION_TAKE)}"
        )
    elif not found.covers(workspace_id=packet.workspace_id, tenant_id=packet.tenant_id):
        why_not = f"{found.name} has no access to this tenant"
    elif found.name == by.name:
        why_not = "that is you: take it over instead"
    elif found.name == packet.taken_by:
        why_not = f"{found.name} has it already"
    else:
        return found.name
    raise Invalid("This exception packet can't be assigned to that person.", faults=[Fault("to", why_not)])


def _write(packet: ExceptionPacket, by: Actor, kind: NoteKind, text: str) -> None:
    newest = packet.notes.order_by("-pk").first()
    if (
        kind is NoteKind.INTERIM
        and newest is not None
        and (newest.by, newest.kind, newest.text) == (by.name, kind, text)
    ):
        return
    if packet.notes.count() >= NOTES_LIMIT:
        raise Conflict(_FULL, code="exception-notes")
    ExceptionNote.objects.create(
        workspace_id=packet.workspace_id,
        tenant_id=packet.tenant_id,
        packet=packet,
        at=now(),
        by=by.name,
        kind=kind,
        text=text,
    )
    # The sealed event vouches for the text, which stands in a table that no seal covers.
    digest = digest_bytes(text.encode())
    record(_EVENTS[kind], by=by, tenant_id=packet.tenant_id, subject_kind="exception", subject=packet.ref, note=digest)
