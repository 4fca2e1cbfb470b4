"""The manifest of what was assembled: one revision, one lane, audience, signers, held annexes, expiry, sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handrail.access.models import Workspace
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.kernel.canonical import digest
from handrail.kernel.errors import Invalid
from handrail.kernel.hostile import clean_text
from handrail.packets import approvers, redactions
from handrail.packets.approvers import ASSEMBLER, HOLD_EDITOR
from handrail.packets.assembly.results import Assembled, instant
from handrail.packets.expiry import expires_at
from handrail.packets.models import Assembly, Clearance, Release, Revision
from handrail.packets.proof import manifest as manifests
from handrail.packets.proof.cover import covers
from handrail.packets.proof.manifest import Manifest, delivery_order

MEDIA_TYPE = "application/json"
FAULT_LIMIT, SENDER_LIMIT = 500, 120


def excluded(revision: Revision, made: Assembled, clearances: list[Clearance]) -> dict[int, str]:
    """The people who may not sign it: who assembled it, and who edited holds that it has or pictures that leave."""
    used = {(hold.code, hold.target, hold.digest) for hold in made.holds if hold.cleared}
    used |= {(one.code, one.target, one.digest) for one in made.masked}
    editors = {row.user_id for row in clearances if (row.code, row.target, row.digest) in used}
    # A clearance that made this revision edits its holds, also where the hold is gone in it.
    editors |= {row.user_id for row in clearances if row.revision_id == revision.supersedes_id}
    editors |= redactions.editors(revision.packet_id, made.annexes)
    found = dict.fromkeys(editors, HOLD_EDITOR)
    if revision.assembled_by_user is not None:
        found[revision.assembled_by_user] = ASSEMBLER
    return found


def bind(
    revision: Revision, profile: CompiledProfile, made: Assembled, clearances: list[Clearance]
) -> tuple[Manifest | None, str]:
    """The manifest, or None and why there can be none, such as that its signers could never suffice."""
    people = approvers.signer_set(
        profile,
        workspace_id=revision.workspace_id,
        tenant_id=revision.tenant_id,
        excluded=excluded(revision, made, clearances),
    )
    try:
        manifest = manifests.from_fields(
            fields(
                profile,
                made,
                packet=revision.packet.ref,
                number=revision.number,
                supersedes=superseded_digest(revision),
                people=people,
                sender=sender_of(revision.workspace),
            )
        )
        covers(manifest, None, made.documents)  # what has no cover sheet could not be packed
    except Invalid as error:
        reasons = "; ".join(dict.fromkeys(fault.message for fault in error.faults)) or error.message
        return None, f"Nobody can sign this revision: {reasons}."[:FAULT_LIMIT]
    else:
        return manifest, ""


def sender_of(workspace: Workspace) -> str:
    """Who sends a packet, in words."""
    return clean_text(workspace.name, limit=SENDER_LIMIT) or workspace.slug


def sources_digest(made: Assembled) -> str:
    """One digest over what is bound of every source."""
    return digest(_sources(made))


def superseded_digest(revision: Revision) -> str | None:
    """The manifest that this one replaces: the last one that was released, else the last one that there was."""
    earlier = {"revision__packet_id": revision.packet_id, "revision__number__lt": revision.number}
    released = Release.objects.filter(**earlier).order_by("-revision__number").first()
    if released is not None:
        return released.manifest_digest
    rows = Assembly.objects.filter(**earlier, manifest_digest__isnull=False).order_by("-revision__number")
    return rows.values_list("manifest_digest", flat=True).first()


def fields(
    profile: CompiledProfile,
    made: Assembled,
    *,
    packet: str,
    number: int,
    supersedes: str | None,
    people: Mapping[str, Any],
    sender: str,
) -> dict[str, Any]:
    """The manifest's fields for ``proof.manifest.from_fields``. ``people`` are the signers."""
    media_types = {annex.path: annex.media_type for annex in made.annexes}
    contents = [
        {
            "path": path,
            "media_type": media_types.get(path, MEDIA_TYPE),
            "size": len(data),
            "digest": made.digests[path],
        }
        for path, data in sorted(made.documents.items(), key=lambda item: delivery_order(item[0]))
    ]
    held = [{"name": one.name, "kind": one.type, "reason": one.reason, "digest": one.digest} for one in made.held]
    return {
        "packet": packet,
        "revision": number,
        "lane": made.lane,
        "profile": {"name": made.profile, "version": made.profile_version, "digest": made.profile_digest},
        "audience": {"tlp": made.tlp, "recipients": list(made.recipients)},
        "privacy": {"shows": list(profile.shows), "never": list(profile.never)},
        "signers": people,
        "contents": contents,
        "held": held,
        "sources": _sources(made),
        "supersedes": supersedes,
        "created_at": instant(made.at),
        "expires_at": instant(expires_at(profile, made)),
        "sender": sender,
    }


def _sources(made: Assembled) -> list[dict[str, Any]]:
    """Each source as the trace shows it: the manifest leaves with it, and the receiver can match the two."""
    bound = ("record", "version", "digest", "read_at")
    return [
        {"name": name.replace("_", "-"), **{key: source[key] for key in bound}}
        for name, source in made.trace["sources"].items()
    ]


def rows_of(
    revision: Revision, profile: CompiledProfile, made: Assembled, bound: tuple[Manifest | None, str]
) -> Assembly:
    """The one row that keeps the bytes, not saved yet."""
    manifest, fault = bound
    return Assembly(
        workspace_id=revision.workspace_id,
        tenant_id=revision.tenant_id,
        at=made.at,
        revision=revision,
        packet=made.packet_bytes.decode(),
        trace=made.trace_bytes.decode(),
        holds=made.holds_bytes.decode(),
        packet_digest=made.digests["packet.json"],
        trace_digest=made.digests["trace.json"],
        holds_digest=made.digests["holds.json"],
        sources_digest=sources_digest(made),
        schema_digest=made.schema_digest,
        manifest=manifest.payload() if manifest else None,
        manifest_digest=manifest.digest() if manifest else None,
        fault=fault,
        tables={name: list(table) for name, table in made.tables.items()},
        audience={
            "tlp": made.tlp,
            "recipients": list(made.recipients),
            "shows": list(profile.shows),
            "never": list(profile.never),
        },
        expires_at=expires_at(profile, made),
    )
