"""Whether a release is bound as a whole: computed from the stored bytes, not from the columns beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid
from handrail.packets import documents
from handrail.packets.forgotten import is_forgotten
from handrail.packets.models import Assembly, Release
from handrail.packets.proof import approvals, dsse
from handrail.packets.proof.findings import Refused
from handrail.packets.states import DeliveryEventKind

# A vote of the release: the signer's id in the manifest, and the digest that was posted.
Cast = tuple[str, str]


def is_bound(release: Release, votes: Sequence[Cast], deliveries: Iterable[tuple[str, dict[str, str]]]) -> bool:
    """Documents, manifest, both envelopes, every vote and what the lane confirmed: all of one manifest.

    ``deliveries``: kind and detail of each row of its ledger. Signatures are not checked here: that takes the keys.
    """
    assembly = release.revision.assembly
    if is_forgotten(release.manifest_envelope) or is_forgotten(assembly.manifest):  # with everything of its tenant
        return True
    payload = bytes(assembly.manifest or b"")
    digest = digest_bytes(payload)
    try:
        signed = dsse.payload_of(bytes(release.manifest_envelope))
        approved = approvals.from_payload(dsse.payload_of(bytes(release.approvals_envelope)))
    except (Refused, Invalid):
        return False
    named = {digest, release.manifest_digest, approved.manifest_digest, *(posted for _, posted in votes)}
    signers = {approval.signer for approval in approved.votes}
    bound = signed == payload and len(named) == 1 and bool(signers) and signers <= {signer for signer, _ in votes}
    return bound and _documents_fit(assembly) and _packages_fit(deliveries)


def _documents_fit(assembly: Assembly) -> bool:
    try:
        manifest = documents.manifest_of(assembly)
    except Invalid:
        return False
    named = {content.path: content.digest for content in manifest.contents} if manifest else {}
    if is_forgotten(assembly.packet):  # of what is not there any more, the digests that were kept beside it
        kept = {"packet": assembly.packet_digest, "trace": assembly.trace_digest, "holds": assembly.holds_digest}
        return all(named.get(f"{name}.json") == digest for name, digest in kept.items())
    return all(named.get(path) == digest_bytes(data) for path, data in documents.documents_of(assembly).items())


def _packages_fit(deliveries: Iterable[tuple[str, dict[str, str]]]) -> bool:
    """What was sent, each time, and each receipt that names a package; a lane need not name it."""
    kinds = (DeliveryEventKind.INTENT, DeliveryEventKind.RECEIPT)
    digests = {detail.get("package_digest", "") for kind, detail in deliveries if kind in kinds}
    return len(digests - {""}) <= 1
