"""Exception packets: a person takes over, and resolves with a note. The run itself never goes on. What may happen in
between is in ``handover``."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.fields import sealed_value
from handrail.access.refusals import REASON_LIMIT, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.connectors.tasksystem import MessageKind
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid, Stale
from handrail.kernel.hostile import clean_text, unix_lines
from handrail.runbooks import fence, outcomes, permissions
from handrail.runbooks.actions import corrections, runs, updates
from handrail.runbooks.models import ExceptionPacket, OperationRun, WrongCompletion
from handrail.runbooks.states import Handling

NOTE_LIMIT = 4000
# What a resolution decides about the runs that waited: they act, or they end without.
GO_ON, REFUSE = "go-on", "refuse"
WAITING = (GO_ON, REFUSE)
# Runs named in a refusal; more would not be read.
SHOWN = 5


@transaction.atomic
def take(*, ref: str, by: Actor, instead_of: str = "") -> None:
    """Takes an exception packet over; from ``instead_of``, if that person has it: people leave, packets stay.

    Raises NotFound, Denied, Conflict (another person has it), Stale (another person was faster).
    """
    packet = guards.get_scoped(by, ExceptionPacket.objects.all(), Capability.EXCEPTION_TAKE, ref=ref)
    why_not = permissions.why_not_take_over if instead_of else permissions.why_not_take
    refuse(why_not(by, packet))
    before = Handling.TAKEN if instead_of else Handling.OPEN
    found = ExceptionPacket.objects.filter(pk=packet.pk, handling=before, taken_by=instead_of or None)
    _move(found, handling=Handling.TAKEN, taken_at=now(), taken_by=by.name)
    _audit(EventName.EXCEPTION_TAKEN, packet, by, instead_of=instead_of or None)
    updates.about_packet(MessageKind.TAKEN, packet, by, taken_by=by.name)
    let_follow_ups_look(packet)


@transaction.atomic
def resolve(*, ref: str, outcome: str, note: str, by: Actor, waiting: str = "", found_wrong: str = "") -> None:
    """Closes an exception packet that the actor took over, and decides about the runs that it fenced.

    ``outcome``: the code of what became of it, one of those of its runbook (``outcomes``).
    ``waiting``: ``go-on`` or ``refuse``; it must be given where runs wait. Refused ones are cancelled, and reported as
    that. ``found_wrong``: a run that completed, and that this packet shows to be wrong; it is marked with the note's
    first line. Raises Invalid without an outcome, a note (1 to 4000 characters) or decision or for such a run that is
    none, or as take does.
    """
    packet = guards.get_scoped(by, ExceptionPacket.objects.all(), Capability.EXCEPTION_RESOLVE, ref=ref)
    refuse(permissions.why_not_resolve(by, packet))
    cleaned = note_of(note, "Say what was done.", "a resolution needs a note")
    code = outcomes.chosen(packet.run, outcome)
    held = _fenced(packet, by)
    _refuse_undecided(waiting, held)
    wrong = _completed(found_wrong.strip(), packet, by) if found_wrong.strip() else None
    mine = ExceptionPacket.objects.filter(pk=packet.pk, handling=Handling.TAKEN, taken_by=by.name)
    sealed_note = sealed_value(packet, "note", cleaned)
    _move(mine, handling=Handling.RESOLVED, resolved_at=now(), resolved_by=by.name, note=sealed_note, outcome=code)
    # The sealed event vouches for the note, which stands in a column that no seal covers.
    decided = waiting if held else None
    digest = digest_bytes(cleaned.encode())
    _audit(EventName.EXCEPTION_RESOLVED, packet, by, note=digest, waiting=decided, outcome=code)
    updates.about_packet(MessageKind.RESOLVED, packet, by, code=code)
    if wrong is not None:
        corrections.write_wrong(wrong, by, reason=cleaned.splitlines()[0][:REASON_LIMIT], found_in=packet.ref)
    let_follow_ups_look(packet)
    if waiting == REFUSE:
        for run in held:
            runs.write_cancelled(run, by, refused_with=packet.ref)
    else:
        runs.let_go_on(held)


def let_follow_ups_look(packet: ExceptionPacket) -> None:
    """Makes the runs due that were started from ``packet`` and have not begun, in the caller's transaction: who has it
    decides whether they may."""
    runs.let_go_on(list(OperationRun.objects.filter(follow_up__packet=packet, finished_at=None)))


def note_of(given: str, missing: str, needed: str) -> str:
    """``given`` as it is kept. Raises Invalid when it is over 4000 characters or empty: ``missing``, because of
    ``needed``."""
    if len(unix_lines(given)) > NOTE_LIMIT:
        raise Invalid("The note is too long.", faults=[Fault("note", f"at most {NOTE_LIMIT} characters")])
    cleaned = clean_text(given, limit=NOTE_LIMIT, multiline=True)
    if not cleaned:
        raise Invalid(missing, faults=[Fault("note", needed)])
    return cleaned


def _fenced(packet: ExceptionPacket, by: Actor) -> list[OperationRun]:
    """The runs that wait because of ``packet``, in the order in which they came."""
    if not fence.fencing(OperationRun.objects.filter(pk=packet.run_id)).exists():
        return []
    return list(guards.scoped(by, fence.waiting_on(packet.run)).order_by("created_at", "pk"))


def _completed(ref: str, packet: ExceptionPacket, by: Actor) -> OperationRun:
    """The completed run ``ref`` that was not marked yet, of the packet's tenant: all who see the run will read what is
    noted here. Raises Invalid."""
    run = guards.scoped(by, OperationRun.objects.filter(ref=ref, tenant_id=packet.tenant_id)).first()
    why_not = "this tenant has no such run, or you have no access to it"
    if run is not None:
        marked = WrongCompletion.objects.filter(run=run).first()
        refusal = permissions.why_not_mark_wrong(by, run, marked=marked)
        if refusal is None:
            return run
        why_not = refusal.message
    raise Invalid("That run can't be marked as found wrong.", faults=[Fault("found_wrong", why_not)])


def _refuse_undecided(waiting: str, held: Sequence[OperationRun]) -> None:
    if waiting not in ("", *WAITING):
        raise Invalid("The decision is not known.", faults=[Fault("waiting", f"one of: {', '.join(WAITING)}")])
    if held and not waiting:
        names = ", ".join(run.ref for run in held[:SHOWN]) + (", …" if len(held) > SHOWN else "")
        message = f"say what becomes of the runs that wait ({names}): {GO_ON} or {REFUSE}"
        raise Invalid("Other runs wait for this exception packet.", faults=[Fault("waiting", message)])


def _move(rows: QuerySet[ExceptionPacket], **fields: object) -> None:
    if not rows.update(**fields):
        raise Stale


def _audit(
    event: EventName,
    packet: ExceptionPacket,
    by: Actor,
    *,
    instead_of: str | None = None,
    note: str | None = None,
    waiting: str | None = None,
    outcome: str | None = None,
) -> None:
    record(
        event,
        by=by,
        tenant_id=packet.tenant_id,
        subject_kind="exception",
        subject=packet.ref,
        instead_of=instead_of,
        note=note,
        waiting=waiting,
        result=outcome,
    )
