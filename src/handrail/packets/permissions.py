"""What may be done with a revision, and why not: one answer for button, API and action."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access import signatures
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import Refusal, missing_capability
from handrail.connectors import lane as lanes
from handrail.connectors.lane import Ability, TakesAddress
from handrail.definitions.profile.format import RedactSpec
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.errors import Misconfigured
from handrail.packets import approvers, documents, expiry, ledger, proving
from handrail.packets.models import Assembly, DeliveryEntry, HoldRow, PictureRedaction, Revision, Vote
from handrail.packets.states import CURRENT, DECIDABLE, DeliveryEventKind, RevisionState, VoteKind
from handrail.packets.status import DeliveryPhase, fold


def why_not_assemble(actor: Actor) -> Refusal | None:
    return missing_capability(actor, Capability.PACKET_ASSEMBLE)


def may_see_internal(actor: Actor) -> bool:
    """Whether the facts behind holds, such as the text of an internal note, are shown: to those who decide by them."""
    return actor.may(Capability.PACKET_CLEAR_HOLD) or actor.may(Capability.PACKET_APPROVE)


def why_not_clear(actor: Actor, revision: Revision, hold: HoldRow) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.PACKET_CLEAR_HOLD) or _not_current(revision, DECIDABLE):
        return refusal
    if hold.cleared_id is not None:
        return Refusal("hold-cleared", "This hold is cleared already.")
    if not hold.clears:
        return Refusal("hold-stays", f"Nobody can clear this hold. {hold.released_by}")
    if not set(hold.clears) & actor.roles:
        return Refusal("not-yours", f"Only {' or '.join(hold.clears)} can clear this hold.")
    return None


def why_not_mark_seen(actor: Actor, revision: Revision) -> Refusal | None:
    """Also while holds are open: what is seen of a held revision and stays the same is seen in the next."""
    return missing_capability(actor, Capability.PACKET_APPROVE) or _not_current(revision, DECIDABLE)


def why_not_mask(actor: Actor, revision: Revision, hold: HoldRow) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.PACKET_CLEAR_HOLD) or _not_current(revision, DECIDABLE):
        return refusal
    if hold.cleared_id is not None:
        return Refusal("hold-cleared", "This hold is cleared already.")
    if not hold.masks:
        return Refusal("hold-not-masked", f"Nobody can mask what this hold is on. {hold.released_by}")
    if not set(hold.masks) & actor.roles:
        return Refusal("not-yours", f"Only {' or '.join(hold.masks)} can mask it.")
    return None


def why_not_redact(actor: Actor, revision: Revision, spec: RedactSpec) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.PACKET_CLEAR_HOLD) or _not_current(revision, DECIDABLE):
        return refusal
    if not set(spec.by) & actor.roles:
        return Refusal("not-yours", f"Only {' or '.join(spec.by)} can redact this picture.")
    return None


def why_not_attest(
    actor: Actor, revision: Revision, spec: RedactSpec, redaction: PictureRedaction | None
) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.PACKET_CLEAR_HOLD) or _not_current(revision, DECIDABLE):
        return refusal
    if redaction is None:
        return Refusal("not-redacted", "Nobody has redacted this picture yet.")
    if hasattr(redaction, "attestation"):
        return Refusal("attested", "This redaction is attested already.")
    if redaction.user_id == actor.user_id:
        return Refusal("own-redaction", "You redacted this picture. Another person must attest it.")
    if not set(spec.attest) & actor.roles:
        return Refusal("not-yours", f"Only {' or '.join(spec.attest)} can attest this picture.")
    return None


@dataclass(frozen=True, slots=True)
class AlreadyRead:
    """What a revision was assembled to, and whether the actor has approved it."""

    assembly: Assembly | None
    voted: bool


def why_not_approve(actor: Actor, revision: Revision, *, known: AlreadyRead | None = None) -> Refusal | None:
    """Neither drift nor what has been seen is looked for here: the one asks the sources, the other may be named with
    the vote, and ``votes.approve`` does both. ``known``: where it was read already, for many revisions at once."""
    if refusal := missing_capability(actor, Capability.PACKET_APPROVE):
        return refusal
    if revision.state == RevisionState.HELD:
        return Refusal("held", "Holds are open. They must be resolved before anyone can approve.")
    waiting = (RevisionState.IN_REVIEW, RevisionState.APPROVED)
    if refusal := _not_current(revision, waiting) or _unsignable(revision, known):
        return refusal
    if refusal := _not_a_signer(actor.user_id or 0, revision) or _not_at_this_door(actor, revision):
        return refusal
    votes = Vote.objects.filter(revision=revision, kind=VoteKind.APPROVE, user_id=actor.user_id)
    if votes.exists() if known is None else known.voted:
        return Refusal("voted", "You have approved this revision. One person has one vote.")
    return None


def why_not_reject(actor: Actor, revision: Revision) -> Refusal | None:
    return missing_capability(actor, Capability.PACKET_APPROVE) or _not_current(revision, DECIDABLE)


def why_not_withdraw(actor: Actor, revision: Revision) -> Refusal | None:
    return missing_capability(actor, Capability.PACKET_WITHDRAW) or _not_current(revision, CURRENT)


def why_not_recall(actor: Actor, revision: Revision) -> Refusal | None:
    """Also of what the vendor has opened; of what was superseded or withdrawn, the recall is on its way."""
    if refusal := missing_capability(actor, Capability.PACKET_WITHDRAW):
        return refusal
    if revision.state == RevisionState.CONSUMED:
        if DeliveryEntry.objects.filter(revision=revision, kind=DeliveryEventKind.RECALL).exists():
            return Refusal("recalled", "This revision was recalled already.")
        return None
    return _not_current(revision, (RevisionState.RELEASED,))


def why_not_settle(actor: Actor) -> Refusal | None:
    return missing_capability(actor, Capability.PACKET_CLEAR_HOLD)


def why_not_give_address(actor: Actor, revision: Revision) -> Refusal | None:
    """Also before the release: what is known then is used then."""
    if refusal := missing_capability(actor, Capability.PACKET_RELEASE) or _not_current(revision, CURRENT):
        return refusal
    try:
        lane = lanes.get(revision.packet.lane)
    except Misconfigured as error:
        return Refusal("no-such-lane", error.message)
    if not isinstance(lane, TakesAddress):
        return Refusal("no-upload-address", "This lane needs no upload address.")
    return None


def why_not_confirm_arrival(actor: Actor, revision: Revision) -> Refusal | None:
    if refusal := missing_capability(actor, Capability.PACKET_RELEASE):
        return refusal
    if fold(ledger.rows_of(revision.pk)).phase is not DeliveryPhase.ASK:
        return Refusal("not-unknown", "No answer of its delivery is missing.")
    if may_ask(revision.packet.lane):
        return Refusal("lane-asked", "Handrail asks this lane itself.")
    return None


def may_ask(name: str) -> bool:
    """Whether the lane of that name can be asked; one that isn't configured may be."""
    try:
        return Ability.ASK in lanes.get(name).abilities
    except Misconfigured:
        return True


def lane_lacks(name: str) -> tuple[str, ...]:
    """What the lane of that name can't do; nothing is known of one that isn't configured."""
    try:
        return lanes.limits_of(lanes.get(name).abilities)
    except Misconfigured:
        return ()


def why_not_discard(actor: Actor, revision: Revision) -> Refusal | None:
    """Of the packet as a whole, by its current revision."""
    if refusal := missing_capability(actor, Capability.PACKET_ASSEMBLE):
        return refusal
    if revision.state in (RevisionState.RELEASED, RevisionState.CONSUMED):
        return Refusal("released", "It was released, so it can't be discarded. Withdraw it.")
    if refusal := _not_current(revision, (RevisionState.ASSEMBLING, *DECIDABLE)):
        return refusal
    first = Revision.objects.filter(packet_id=revision.packet_id).order_by("number").first()
    assert first is not None  # there is this one
    asked_by = (first.assembled_by_user, first.assembled_by if first.assembled_by_user is None else "")
    if asked_by != (actor.user_id, actor.name if actor.user_id is None else ""):
        return Refusal("not-yours", f"Only {first.assembled_by}, who asked for this packet, can discard it.")
    if Vote.objects.filter(revision__packet_id=revision.packet_id).exists():
        return Refusal("signed", "Somebody has signed or rejected a revision of it. Withdraw it instead.")
    return None


def why_not_release(actor: Actor, revision: Revision) -> Refusal | None:
    """Drift is not looked for here either."""
    if refusal := missing_capability(actor, Capability.PACKET_RELEASE):
        return refusal
    if revision.state in (RevisionState.RELEASED, RevisionState.CONSUMED):
        return Refusal("released", "This revision was released. It is released once.")
    if refusal := _not_current(revision, (RevisionState.APPROVED, RevisionState.IN_REVIEW)) or _unsignable(revision):
        return refusal
    if blocking := HoldRow.objects.filter(revision=revision, blocking=True, cleared=None).count():
        return Refusal("held", f"{blocking} blocking holds are open.")
    if missing := _missing_votes(revision):
        return Refusal("short-of-signers", f"Approvals are missing: {'; '.join(missing)}.")
    return None


def _missing_votes(revision: Revision) -> tuple[str, ...]:
    manifest = documents.manifest_of(revision.assembly)
    assert manifest is not None  # asked before
    return approvers.count(revision, manifest, manifest_digest=str(revision.assembly.manifest_digest)).missing


def _not_a_signer(user_id: int, revision: Revision) -> Refusal | None:
    manifest = documents.manifest_of(revision.assembly)
    assert manifest is not None  # asked before
    signer = approvers.signer_id(user_id)
    why = manifest.signers.why_excluded(signer)
    if why == approvers.ASSEMBLER:
        return Refusal("assembler", "You assembled this packet. Another person must approve it.")
    if why is not None:
        return Refusal(
            "hold-editor",
            "You cleared a hold of this revision, or masked a text in it. Another person must approve it.",
        )
    if manifest.signers.find(signer) is None:
        return Refusal("not-a-signer", "You are not among this revision's signers: its profile names their roles.")
    return None


def _not_at_this_door(actor: Actor, revision: Revision) -> Refusal | None:
    """A token is neither a passkey nor a second factor."""
    manifest = documents.manifest_of(revision.assembly)
    assert manifest is not None  # asked before
    wanted = proving.required(manifest, approvers.signer_id(actor.user_id or 0))
    if wanted is ApprovalProof.CLICK or not signatures.is_elsewhere(actor):
        return None
    what = "your passkey" if wanted is ApprovalProof.PASSKEY else "a second factor"
    where = f"on the page of {revision.packet.ref}"
    return Refusal(f"{wanted}-needed", f"Approving this revision takes {what}, {where}. A token can't do it.")


def _unsignable(revision: Revision, known: AlreadyRead | None = None) -> Refusal | None:
    assembly = documents.assembly_of(revision) if known is None else known.assembly
    if assembly is None or assembly.manifest is None:
        return Refusal("no-manifest", assembly.fault if assembly else "It has not been assembled yet.")
    manifest = documents.manifest_of(assembly)
    if manifest is not None and manifest.lane != revision.packet.lane:
        return Refusal("lane-differs", f"Its manifest names the lane {manifest.lane}, not {revision.packet.lane}.")
    if expiry.has_expired(assembly):
        return Refusal("expired", "This revision has expired. Assemble it again.")
    return None


def _not_current(revision: Revision, states: tuple[RevisionState, ...]) -> Refusal | None:
    if revision.state in states:
        return None
    if revision.state == RevisionState.ASSEMBLING:
        return Refusal("assembling", "This revision is being assembled. Wait a moment.")
    return Refusal(f"is-{revision.state.replace('_', '-')}", f"This revision is {revision.state.replace('_', ' ')}.")
