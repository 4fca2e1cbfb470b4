"""The sealed log as an actor may use it. There is one log for the whole installation: an actor sees that other
workspaces have rows in it, never what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit import actions, proofs, queries, signing, sources, store, verification
from handrail.audit.proofs import Consistency, Inclusion, ProvenRow
from handrail.audit.queries import LogFinding, QuorumStatus, Scope
from handrail.audit.sealing import SealedBatch
from handrail.audit.verification import Verification
from handrail.kernel.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class StampedCheckpoint:
    """``text``: the checkpoint that was stamped; ``response``: the TimeStampResp of RFC 3161 in DER."""

    size: int
    text: str
    response: bytes
    service: str


def verify(actor: Actor, *, kept: Sequence[str] = ()) -> Verification:
    """See ``verification.verify``. Raises Denied without ``audit:view``, Invalid for a checkpoint of another log."""
    actor.require(Capability.AUDIT_VIEW)
    return verification.verify(kept=kept)


def inclusion(actor: Actor, event_id: int) -> Inclusion:
    """The proof that an event is in the log. Raises Denied; NotFound out of scope; Conflict while it isn't sealed."""
    actor.require(Capability.AUDIT_VIEW)
    if not queries.in_scope(actor.workspace_id, actor.tenant_ids, event_id):
        raise NotFound
    return proofs.inclusion(event_id)


def prove(actor: Actor, source: str, row_id: int) -> ProvenRow:
    """What outsiders check a sealed row with: see ``proofs.prove``. Raises Denied without the capability to see such
    rows, which for events is ``audit:view``; NotFound out of scope; Conflict while it isn't sealed."""
    found = sources.find(source)
    if found is None or not found.shown_with:
        raise NotFound
    actor.require(Capability.AUDIT_VIEW if found == sources.EVENTS else Capability(found.shown_with))
    if found == sources.EVENTS and not queries.in_scope(actor.workspace_id, actor.tenant_ids, row_id):
        raise NotFound
    return proofs.prove(found, row_id, is_shown=Scope(actor.workspace_id, actor.tenant_ids).holds)


def timestamp(actor: Actor, size: int | None = None) -> StampedCheckpoint:
    """The newest time stamp of a checkpoint, or that over ``size`` leaves. Raises Denied, Conflict."""
    actor.require(Capability.AUDIT_VIEW)
    found = queries.newest_stamp(size)
    if found is None:
        of = "any checkpoint yet" if size is None else f"the checkpoint over {size} leaves"
        message = f"There is no time stamp of {of}. Services that stamp stand in [audit.timestamps]."
        raise Conflict(message, code="not-stamped")
    signed, response, service = found
    return StampedCheckpoint(signed.size, signed.text, response, service)


def consistency(actor: Actor, first: int) -> Consistency:
    """The proof that the log still begins with its first ``first`` leaves. Raises Denied, Conflict."""
    actor.require(Capability.AUDIT_VIEW)
    return proofs.consistency(first)


def checkpoint(actor: Actor) -> str:
    """The newest signed checkpoint with its cosignatures, to be kept elsewhere.

    Raises Denied, Conflict when nothing was sealed yet.
    """
    actor.require(Capability.AUDIT_VIEW)
    last = store.latest()
    if last is None:
        raise Conflict("Nothing has been sealed yet. Run: handrail audit seal")
    return queries.cosigned_text(last)


def verifier_key(actor: Actor) -> str:
    """The public key of the checkpoints, as ``name+id+key``. Raises Denied."""
    actor.require(Capability.AUDIT_VIEW)
    return signing.get().verifier().to_text()


def verifier_keys(actor: Actor) -> list[str]:
    """Likewise, with that of the second key, where there is one."""
    actor.require(Capability.AUDIT_VIEW)
    return [key.to_text() for key in signing.get().verifiers()]


def receipt_key() -> str:
    """The public key of the receipts in PEM, as tools for COSE and OpenSSL take it."""
    public = signing.get().key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def quorum(actor: Actor) -> QuorumStatus:
    """Whether witnesses have cosigned the newest checkpoint, and how things stand with each. Raises Denied."""
    actor.require(Capability.AUDIT_VIEW)
    return queries.quorum()


def inspect() -> list[LogFinding]:
    """What ``handrail check`` shows of the log: sizes, roots and names of tables only."""
    return queries.inspect()


def seal(*, by: Actor) -> list[SealedBatch]:
    """Seals all that is waiting, now. Raises Denied without ``audit:export``."""
    by.require(Capability.AUDIT_EXPORT)
    return actions.seal_all(by=by)


def accept_log(*, reason: str, by: Actor) -> SealedBatch:
    """Accepts the log as it is, so that this machine seals again: see ``audit.actions.accept``. Raises Denied without
    ``audit:export``, Invalid, Conflict."""
    by.require(Capability.AUDIT_EXPORT)
    return actions.accept(reason=reason, by=by)


def forget_mark() -> None:
    """For the demo, whose database is blank at each start; an installation accepts its log: see ``accept_log``."""
    actions.forget_mark()


def export(*, by: Actor) -> Iterator[str]:
    """The log as JSON lines, with the events in the actor's scope in clear, and of other sources the rows that the
    actor sees anyway. Raises Denied without ``audit:export``."""
    by.require(Capability.AUDIT_EXPORT)
    shown = [source for source in sources.known() if source.shown_with and by.may(Capability(source.shown_with))]
    return actions.export(by=by, workspace_id=by.workspace_id, tenant_ids=by.tenant_ids, sources=shown)
