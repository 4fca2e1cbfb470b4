"""Assembling: a packet is asked for, a worker builds its next revision from what the sources say."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, transaction

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.events import EventName
from handrail.definitions.active import active_profile, compiled_profile
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, HandrailError, Stale
from handrail.kernel.hostile import clean_text
from handrail.kernel.ids import Prefix, new_ref
from handrail.packets import annexes, binding, claims, documents, drift, moves, permissions, settings, terms
from handrail.packets.assembly.assemble import Inputs
from handrail.packets.assembly.assemble import assemble as assemble_documents
from handrail.packets.assembly.results import Assembled
from handrail.packets.claims import BuildLease
from handrail.packets.errors import Exists
from handrail.packets.models import AnnexRow, Clearance, HoldRow, Packet, Revision, Snapshot
from handrail.packets.moves import Assembler
from handrail.packets.rows import get_packet_row, get_revision_row
from handrail.packets.states import CURRENT, RevisionReason, RevisionState

log = structlog.get_logger("handrail.packets")

SALT_BYTES = 32
SUBJECT_LIMIT = 400
FAILURE_LIMIT = 300
# Past the end of the tries, one that was missed is made up for; whatever is still due later ends its workers.
MADE_UP = timedelta(days=1)
LOST = "No attempt has come to its end: workers ended during them, or none was there."
NOT_AGAIN = " This is not tried any more: assemble the packet again."


@dataclass(frozen=True, slots=True)
class Requested:
    """A revision that a worker is to assemble."""

    ref: str
    revision: int
    id: int


@dataclass(frozen=True, slots=True)
class Built:
    """``state``: held, or in_review."""

    ref: str
    revision: int
    state: RevisionState
    manifest_digest: str | None


def request(*, profile: str, inputs: Mapping[str, Any], by: Actor) -> Requested:
    """Asks for the packet of one case: its first revision. Whatever follows is asked for with ``again``.

    So a call that is repeated because its answer was lost never supersedes, or recalls, what was made meanwhile.
    Raises NotFound (no active profile, no such tenant), Denied, Invalid (a fault for each input), Exists where the
    case has its packet, Conflict ``lane-changed`` while one stands for the lane that the profile named before.
    """
    by.require(Capability.PACKET_ASSEMBLE)
    definition = active_profile(by.workspace_id, profile)
    compiled = compiled_profile(definition)
    values = compiled.validate_inputs(inputs)
    tenant = guards.get_open_tenant(by, compiled.tenant_key(values), Capability.PACKET_ASSEMBLE)
    with transaction.atomic():
        guards.hold_open(tenant.pk, key=tenant.key)
        packet = _packet(compiled, values, by, tenant.pk)
        moves.lock(packet.pk)
        while (last := moves.newest(packet)) is not None:
            if not moves.is_replaceable(packet, last):
                raise Exists(packet.ref)
            packet = _packet(compiled, values, by, tenant.pk)  # it was discarded while this waited for the lock
            moves.lock(packet.pk)
        _refuse_other_lane(packet)
        revision = moves.begin(packet, definition, RevisionReason.FIRST, assembler=Assembler.of(by), by=by)
    return Requested(packet.ref, revision.number, revision.pk)


def again(*, ref: str, reason: str, by: Actor) -> Requested:
    """Asks for the next revision because of new evidence. What stands now is superseded at once, its votes void.

    Raises NotFound, Denied, Invalid without a reason, Conflict ``assembling`` while workers try to assemble one.
    """
    packet = get_packet_row(by, ref, Capability.PACKET_ASSEMBLE)
    said = reason_of(reason)
    with transaction.atomic():
        guards.hold_open(packet.tenant_id)
        moves.lock(packet.pk)
        standing = moves.current(packet)
        if standing is not None and standing.state == RevisionState.ASSEMBLING and not _is_stopped(standing):
            raise Conflict(f"Revision {standing.number} is being assembled. Wait a moment.", code="assembling")
        definition = active_profile(packet.workspace_id, packet.profile)
        detail = [{"reason": said}]
        revision = moves.begin(
            packet, definition, RevisionReason.EVIDENCE, assembler=Assembler.of(by), by=by, detail=detail
        )
    return Requested(packet.ref, revision.number, revision.pk)


@transaction.atomic
def discard(*, ref: str, reason: str, by: Actor) -> int:
    """Ends a packet that was asked for by mistake, before anybody has signed anything. Returns the revision that ended.

    Its case can then be asked for again, as a packet of its own. Raises NotFound, Denied, Invalid without a reason,
    Conflict, see ``why_not_discard``; Stale.
    """
    row = get_revision_row(by, ref, None, Capability.PACKET_ASSEMBLE)
    said = reason_of(reason)
    moves.lock(row.packet_id)
    row = get_revision_row(by, ref, None, Capability.PACKET_ASSEMBLE)
    refuse(permissions.why_not_discard(by, row))
    moves.end(row, RevisionState.WITHDRAWN, RevisionReason.DISCARDED, by=by, reason=said)
    return row.number


def build(*, revision_id: int, by: Actor, lease: datetime | None = None) -> Built | None:
    """Reads every source, assembles, and commits the revision with its manifest. ``lease``: until when this process has
    claimed it; without, it is claimed here.

    None when that is done, or another process is at it. Reading and storing come first, outside any transaction.
    Raises HandrailError as reading and assembling do, after having it tried again later; Stale when the revision ended
    meanwhile.
    """
    rows = Revision.objects.select_related("packet", "definition").filter(pk=revision_id, workspace_id=by.workspace_id)
    revision = rows.first()
    if revision is None or revision.state != RevisionState.ASSEMBLING:
        return None
    claim = claims.take(revision_id) if lease is None else BuildLease(revision_id, lease)
    if claim is None:
        return None
    if now() - revision.created_at > settings.current().give_up_after + MADE_UP:
        _postpone(revision, claim, revision.failure or LOST, by)
        return None
    try:
        return _build(revision, claim, by)
    except (Stale, OperationalError, InterfaceError):
        raise
    except HandrailError as error:
        _postpone(revision, claim, error.message, by)
        raise
    except Exception as error:
        # No error may have it read every source again as often as its lease ends.
        _postpone(revision, claim, f"Handrail failed ({type(error).__name__}); see its log.", by)
        raise


def advance(*, revision_id: int, by: Actor, lease: datetime | None = None) -> datetime | None:
    """One attempt of a worker at a revision, as ``build``. Returns when to try again, or None when nothing is left to
    do."""
    try:
        build(revision_id=revision_id, by=by, lease=lease)
    except (OperationalError, InterfaceError):
        raise
    except HandrailError:
        return _next(revision_id)
    except Exception:
        log.exception("a revision could not be assembled", revision=revision_id)
        return _next(revision_id)
    return None


def _next(revision_id: int) -> datetime | None:
    rows = Revision.objects.filter(pk=revision_id, state=RevisionState.ASSEMBLING)
    return rows.values_list("due_at", flat=True).first()


def _build(revision: Revision, claim: BuildLease, by: Actor) -> Built:
    packet, profile = revision.packet, compiled_profile(revision.definition)
    gathered = drift.gather(revision, packet, alive=claim.renew)
    clearances = list(Clearance.objects.filter(packet=packet).order_by("pk"))
    made = assemble_documents(
        Inputs(
            profile=profile,
            inputs=packet.inputs,
            snapshots=gathered.snapshots,
            tables=gathered.tables,
            artifacts=gathered.artifacts,
            salt=bytes(packet.salt),
            at=now(),
            clearances=documents.clearances_of(clearances),
            drift=gathered.drift,
            previous=drift.previous_of(revision),
            names=documents.annex_names(packet),
        )
    )
    for annex in made.annexes:
        annexes.put(packet, annex.data)
        claim.renew()
    return _commit(revision, profile, made, clearances, by)


def _packet(profile: CompiledProfile, inputs: dict[str, Any], by: Actor, tenant_id: int) -> Packet:
    """The one packet of this profile, case and lane that was not discarded, made if need be."""
    named = {"profile": profile.name, "lane": profile.lane, "inputs_digest": digest(inputs)}
    known = Packet.objects.filter(workspace_id=by.workspace_id, **named).order_by("-pk").first()
    last = moves.newest(known) if known is not None else None
    if known is not None and not (last is not None and moves.is_replaceable(known, last)):
        return known
    named_by = [str(value) for value in inputs.values() if value is not None]
    subject = clean_text(" / ".join(named_by), limit=SUBJECT_LIMIT)
    packet, _ = Packet.objects.get_or_create(
        workspace_id=by.workspace_id,
        **named,
        replaces=known,
        defaults={
            "ref": new_ref(Prefix.PACKET),
            "tenant_id": tenant_id,
            "inputs": inputs,
            "subject": subject,
            "terms": terms.terms_of(by.workspace_id, [subject, *subject.split(" / ")]),
            "salt": secrets.token_bytes(SALT_BYTES),
            "created_at": now(),
            "created_by": by.name,
        },
    )
    return packet


def _refuse_other_lane(packet: Packet) -> None:
    """One case is decided for one lane at a time: what stands for the lane before is withdrawn first, by a person."""
    others = Packet.objects.filter(
        workspace_id=packet.workspace_id, profile=packet.profile, inputs_digest=packet.inputs_digest
    ).exclude(pk=packet.pk)
    standing = others.filter(revisions__state__in=CURRENT).first()
    if standing is not None:
        raise Conflict(
            f"{standing.ref} stands for this case and the lane {standing.lane}. Withdraw it first.", code="lane-changed"
        )


@transaction.atomic
def _commit(
    revision: Revision, profile: CompiledProfile, made: Assembled, clearances: list[Clearance], by: Actor
) -> Built:
    moves.lock(revision.packet_id)
    bound = binding.bind(revision, profile, made, clearances)
    assembly = binding.rows_of(revision, profile, made, bound)
    state = RevisionState.HELD if made.blocking or bound[0] is None else RevisionState.IN_REVIEW
    moves.move(revision, state)
    try:
        with transaction.atomic():
            assembly.save(force_insert=True)
    except IntegrityError as error:
        raise Stale from error
    Snapshot.objects.bulk_create(documents.snapshot_rows(revision, made.snapshots.values()))
    HoldRow.objects.bulk_create(documents.hold_rows(revision, made, clearances))
    AnnexRow.objects.bulk_create(documents.annex_rows(revision, made))
    moves.audit(
        EventName.PACKET_ASSEMBLED,
        revision,
        by,
        state=state,
        manifest=assembly.manifest_digest,
        blocking=len(made.blocking),
        held_annexes=len(made.held),
    )
    return Built(revision.packet.ref, revision.number, state, assembly.manifest_digest)


def _is_stopped(revision: Revision) -> bool:
    """Assembling it is not tried any more."""
    return revision.due_at is None and bool(revision.failure)


@transaction.atomic
def _postpone(revision: Revision, claim: BuildLease, message: str, by: Actor) -> None:
    configured = settings.current()
    age = now() - revision.created_at
    if age > configured.give_up_after:
        if claim.give_up(failure=f"{message[: FAILURE_LIMIT - len(NOT_AGAIN)]}{NOT_AGAIN}", until=None):
            moves.audit(EventName.PACKET_ASSEMBLY_STOPPED, revision, by)
        return
    until = now() + min(max(age, configured.retry_first), configured.retry_ceiling, timedelta(days=1))
    claim.give_up(failure=message[:FAILURE_LIMIT], until=until)
