"""Whether a revision stands although its sources have moved: it does while the same would leave, with the same holds.

Decided by value: the revision is made once more in memory, from the one reading that showed the drift, and compared
with what was signed. Nothing is read twice for it, so that a source can't show one thing to the comparison and another
to the decision; and what is released are the signed bytes, never these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from handrail.access.subjects import KeyDestroyed
from handrail.connectors import registry
from handrail.connectors.blobs import BlobUnavailable
from handrail.definitions.active import compiled_profile
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, NotFound, Unavailable
from handrail.packets import annexes, documents, drift, redactions
from handrail.packets.assembly import artifacts
from handrail.packets.assembly.artifacts import Artifact, Known
from handrail.packets.assembly.assemble import Inputs, assemble
from handrail.packets.assembly.results import Assembled
from handrail.packets.assembly.snapshots import SourceSnapshot
from handrail.packets.drift import Moved
from handrail.packets.models import AnnexRow, Clearance, Packet, Revision
from handrail.packets.sanitise import RULES, Reason, Sanitised

# What says no more than which reading it was. What was signed of them stays.
_OF_A_READING = frozenset({"version", "digest", "read_at", "state"})


def still_stands(revision: Revision, moved: Moved) -> bool:
    """Whether what has moved changes nothing that leaves and raises no hold. No source that entitles may have moved.

    Raises Unavailable when the attachments can't be read now.
    """
    profile = compiled_profile(revision.definition)
    if moved.fresh is None or any(profile.sources[one.source].entitles for one in moved.drift):
        return False
    try:
        made = _made_again(revision, profile, moved.fresh)
    except BlobUnavailable as error:
        raise Unavailable(f"The attachments can't be compared now: {error.message}", code="source-unreadable") from None
    except (Conflict, NotFound):  # also of another tenant now, or what people have cleared is kept no more
        return False
    assembly = revision.assembly
    return (
        assembly.packet == made.packet_bytes.decode()
        and assembly.holds == made.holds_bytes.decode()
        and _lasting(documents.parsed(assembly.trace)) == _lasting(made.trace)
        and {annex.path: annex.cleared_digest for annex in made.annexes} == dict(_cleared(revision))
    )


def _made_again(revision: Revision, profile: CompiledProfile, fresh: Mapping[str, SourceSnapshot]) -> Assembled:
    packet = revision.packet
    drift.refuse_other_tenant(profile, packet.inputs, fresh)
    return assemble(
        Inputs(
            profile=profile,
            inputs=packet.inputs,
            snapshots=fresh,
            tables=drift.active_tables(profile, revision.workspace_id),
            artifacts=_attached(revision, profile, fresh),
            salt=bytes(packet.salt),
            at=now(),
            clearances=documents.clearances_of(Clearance.objects.filter(packet=packet).order_by("pk")),
            previous=drift.previous_of(revision),
            names=documents.annex_names(packet),
        )
    )


def _attached(
    revision: Revision, profile: CompiledProfile, fresh: Mapping[str, SourceSnapshot]
) -> tuple[Artifact, ...]:
    """The artifacts as they are now. What was sanitised under the same terms is not sanitised again."""
    if profile.annexes is None:
        return ()
    salt, before = bytes(revision.packet.salt), documents.snapshots_of(revision)
    terms = [
        (artifacts.sanitise_context(profile, read, salt), artifacts.listed(profile.annexes, read))
        for read in (fresh, before)
    ]
    store = artifacts.through(registry.current(), profile)
    return artifacts.read_artifacts(
        profile,
        fresh,
        store,
        salt=salt,
        known=_known(revision, profile) if terms[0] == terms[1] else {},
        attested=redactions.attested(revision.packet),
    )


def _known(revision: Revision, profile: CompiledProfile) -> Known:
    """What sanitisers made of the artifacts of ``revision``, by sanitiser and original digest."""
    sanitisers = {kind.name: kind.sanitiser for kind in profile.annexes.types} if profile.annexes else {}
    found: dict[tuple[str, str], Sanitised] = {}
    for row in AnnexRow.objects.filter(revision=revision, original_digest__isnull=False):
        sanitiser, original = sanitisers.get(row.type), row.original_digest or ""
        if sanitiser is None:
            continue
        if row.cleared_digest is None:
            reasons = tuple(Reason("held", reason) for reason in row.reasons)
            found[sanitiser, original] = Sanitised(
                original, None, sanitiser, RULES, row.report, None, cleared=False, reasons=reasons
            )
        elif row.rule_version == RULES and (data := _kept(revision.packet, row.cleared_digest)) is not None:
            found[sanitiser, original] = Sanitised(
                original, row.cleared_digest, sanitiser, RULES, row.report, data, cleared=True, reasons=()
            )
    return found


def _kept(packet: Packet, digest: str) -> bytes | None:
    try:
        with annexes.open_annex(packet, digest) as kept:
            return kept.read()
    except (NotFound, KeyDestroyed):
        return None


def _cleared(revision: Revision) -> Iterator[tuple[str, str | None]]:
    rows = AnnexRow.objects.filter(revision=revision, cleared_digest__isnull=False)
    return iter(rows.values_list("path", "cleared_digest"))


def _lasting(trace: Mapping[str, Any]) -> dict[str, Any]:
    """The trace without what only says which reading it was."""
    sources = {name: _without(source) for name, source in trace["sources"].items()}
    fields = {
        path: {**_without(found), "compared": [_without(one) for one in found.get("compared", [])]}
        for path, found in trace["fields"].items()
    }
    return {**trace, "sources": sources, "fields": fields}


def _without(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in _OF_A_READING}
