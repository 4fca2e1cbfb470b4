"""Between rows and plain data: manifests, snapshots, holds and clearances as they were assembled."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from handrail.packets.assembly import results, snapshots
from handrail.packets.forgotten import refuse_forgotten
from handrail.packets.models import AnnexRow, Assembly, Clearance, HoldRow, Packet, Release, Revision, Snapshot
from handrail.packets.proof import approvals as approvals_
from handrail.packets.proof import cover, dsse
from handrail.packets.proof import manifest as manifests
from handrail.packets.proof.manifest import Manifest


def manifest_of(assembly: Assembly) -> Manifest | None:
    """The manifest of a revision, None when it has none."""
    refuse_forgotten(assembly.manifest)
    return _manifest(bytes(assembly.manifest)) if assembly.manifest is not None else None


@lru_cache(maxsize=128)
def _manifest(payload: bytes) -> Manifest:
    return manifests.from_payload(payload)


def assembly_of(revision: Revision) -> Assembly | None:
    return Assembly.objects.filter(revision=revision).first()


def documents_of(assembly: Assembly) -> dict[str, bytes]:
    """The three documents that leave, by path, byte for byte."""
    texts = {"packet.json": assembly.packet, "trace.json": assembly.trace, "holds.json": assembly.holds}
    for text in texts.values():
        refuse_forgotten(text)
    return {path: text.encode() for path, text in texts.items()}


def covers_of(revision: Revision) -> dict[str, bytes]:
    """The cover sheet that leaves with the revision, or would if it were released now, by file name; empty where it has
    none."""
    assembly = assembly_of(revision)
    manifest = manifest_of(assembly) if assembly else None
    if assembly is None or manifest is None or manifest.form == 1:
        return {}
    release = Release.objects.filter(revision=revision).first()
    approvals = None if release is None else approvals_.from_payload(dsse.payload_of(bytes(release.approvals_envelope)))
    return cover.covers(manifest, approvals, documents_of(assembly))


def parsed(text: str) -> Any:
    """Raises Conflict ``forgotten``."""
    refuse_forgotten(text)
    return json.loads(text)


def snapshots_of(revision: Revision) -> dict[str, snapshots.SourceSnapshot]:
    """The sources as they were read for this revision, in the order of the profile."""
    return {
        row.name: snapshots.SourceSnapshot(
            row.name, row.record, row.version, row.digest, row.raw_digest, row.at, row.values, row.problems
        )
        for row in Snapshot.objects.filter(revision=revision).order_by("position")
    }


def clearances_of(rows: Iterable[Clearance]) -> tuple[results.HoldClearance, ...]:
    return tuple(
        results.HoldClearance(
            row.code, row.target, row.digest, row.role, row.by, row.reason, row.at, tuple(row.masks or ())
        )
        for row in rows
    )


def snapshot_rows(revision: Revision, read: Iterable[snapshots.SourceSnapshot]) -> list[Snapshot]:
    return [
        Snapshot(
            workspace_id=revision.workspace_id,
            tenant_id=revision.tenant_id,
            at=one.read_at,
            revision=revision,
            position=position,
            name=one.name,
            record=one.record,
            version=one.version,
            digest=one.digest,
            raw_digest=one.raw_digest,
            values=dict(one.values),
            problems=dict(one.problems),
        )
        for position, one in enumerate(read)
    ]


def hold_rows(revision: Revision, made: results.Assembled, clearances: Iterable[Clearance]) -> list[HoldRow]:
    by_hold = {(row.code, row.target, row.digest): row for row in clearances if not row.masks}
    return [
        HoldRow(
            workspace_id=revision.workspace_id,
            tenant_id=revision.tenant_id,
            at=made.at,
            revision=revision,
            position=position,
            code=hold.code,
            scope=hold.scope,
            target=hold.target,
            owner=hold.owner,
            clears=list(hold.clears),
            blocking=hold.blocking,
            message=hold.message,
            released_by=hold.released_by,
            digest=hold.digest,
            cleared=by_hold[hold.code, hold.target, hold.digest] if hold.cleared else None,
            internal=dict(hold.internal),
            masks=list(hold.masks),
        )
        for position, hold in enumerate(made.holds)
    ]


def annex_names(packet: Packet) -> tuple[results.EarlierName, ...]:
    """What artifacts were called in the packet's revisions so far, the oldest first, each name once."""
    rows = AnnexRow.objects.filter(revision__packet=packet).order_by("revision__number", "position")
    found = ((row.artifact, row.type, row.name) for row in rows)
    return tuple(results.EarlierName(*one) for one in dict.fromkeys(found))


def annex_rows(revision: Revision, made: results.Assembled) -> list[AnnexRow]:
    owned: dict[str, Any] = {
        "workspace_id": revision.workspace_id,
        "tenant_id": revision.tenant_id,
        "at": made.at,
        "revision": revision,
    }
    cleared = [
        AnnexRow(
            **owned,
            position=position,
            name=one.name,
            type=one.type,
            artifact=one.artifact[: results.ID_LIMIT],
            original_digest=one.original_digest,
            path=one.path,
            media_type=one.media_type,
            size=one.size,
            cleared_digest=one.cleared_digest,
            sanitiser=one.sanitiser,
            rule_version=one.rule_version,
            report=dict(one.report),
        )
        for position, one in enumerate(made.annexes)
    ]
    held = [
        AnnexRow(
            **owned,
            position=len(cleared) + position,
            name=one.name,
            type=one.type,
            artifact=one.artifact[: results.ID_LIMIT],
            original_digest=one.original_digest,
            reason=one.reason,
            reasons=list(one.reasons),
            marker=one.digest,
        )
        for position, one in enumerate(made.held)
    ]
    return cleared + held
