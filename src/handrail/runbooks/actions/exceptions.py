"""Exception packets: a person takes over, and resolves with a note. The run itself never goes on."""

from __future__ import annotations

from django.db import transaction

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import Event
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, Invalid, Stale
from handrail.kernel.hostile import clean_text, unix_lines
from handrail.runbooks import permissions
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.states import Handling

NOTE_LIMIT = 4000


@transaction.atomic
def take(*, ref: str, by: Actor) -> None:
    """Takes a packet over. Raises NotFound, Denied, Conflict (somebody has it), Stale (somebody was faster)."""
    packet = guards.get_scoped(by, ExceptionPacket.objects.all(), Capability.EXCEPTION_TAKE, ref=ref)
    if refusal := permissions.why_not_take(by, packet):
        raise Conflict(refusal.says, code=refusal.code)
    _move(packet, Handling.OPEN, Handling.TAKEN, taken_at=now(), taken_by=by.name)
    _audit(Event.EXCEPTION_TAKEN, packet, by)


@transaction.atomic
def resolve(*, ref: str, note: str, by: Actor) -> None:
    """Closes a packet that the actor took over. Raises Invalid without a note of 1 to 4000 characters, and as take."""
    packet = guards.get_scoped(by, ExceptionPacket.objects.all(), Capability.EXCEPTION_RESOLVE, ref=ref)
    if refusal := permissions.why_not_resolve(by, packet):
        raise Conflict(refusal.says, code=refusal.code)
    if len(unix_lines(note)) > NOTE_LIMIT:
        raise Invalid("The note is too long.", faults=[Fault("note", f"at most {NOTE_LIMIT} characters")])
    cleaned = clean_text(note, limit=NOTE_LIMIT, multiline=True)
    if not cleaned:
        raise Invalid("Say what was done.", faults=[Fault("note", "a resolution needs a note")])
    _move(packet, Handling.TAKEN, Handling.RESOLVED, resolved_at=now(), resolved_by=by.name, note=cleaned)
    _audit(Event.EXCEPTION_RESOLVED, packet, by)


def _move(packet: ExceptionPacket, before: Handling, after: Handling, **fields: object) -> None:
    rows = ExceptionPacket.objects.filter(pk=packet.pk, handling=before)
    if not rows.update(handling=after, **fields):
        raise Stale


def _audit(event: Event, packet: ExceptionPacket, by: Actor) -> None:
    record(event, by=by, tenant_id=packet.tenant_id, subject_kind="exception", subject=packet.ref)
