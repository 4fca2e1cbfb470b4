"""What people have redacted and attested in a packet: the newest redaction of an original counts, and only it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from handrail.packets import annexes
from handrail.packets.approvers import signer_id
from handrail.packets.assembly.artifacts import AttestedPicture
from handrail.packets.assembly.results import Annex, instant
from handrail.packets.models import Packet, PictureAttestation, PictureRedaction
from handrail.packets.sanitise import pictures


def newest(packet_id: int, original_digest: str) -> PictureRedaction | None:
    """The redaction of this original that counts, with its attestation if it has one."""
    rows = PictureRedaction.objects.filter(packet_id=packet_id, original_digest=original_digest)
    return rows.select_related("attestation").order_by("-pk").first()


def attestation_of(row: PictureRedaction) -> PictureAttestation | None:
    return getattr(row, "attestation", None)


def attested(packet: Packet) -> dict[str, AttestedPicture]:
    """By the digest of the original: what leaves of it. Raises NotFound, BlobUnavailable."""
    rows = PictureRedaction.objects.filter(packet=packet).select_related("attestation")
    counting = {row.original_digest: row for row in rows.order_by("pk")}
    found = {}
    for digest, row in counting.items():
        attestation = attestation_of(row)
        if attestation is None or attestation.result_digest != row.result_digest:
            continue
        with annexes.open_annex(packet, row.result_digest) as stream:
            result = pictures.attested(digest, row.result_digest, _report(row, attestation), stream.read())
        found[digest] = AttestedPicture(result, row.role, attestation.role)
    return found


def editors(packet_id: int, annexes: Iterable[Annex]) -> set[int]:
    """The people who redacted or attested what leaves among ``annexes``: like who clears a hold, they don't sign."""
    leaving = {(one.original_digest, one.cleared_digest) for one in annexes if one.sanitiser == pictures.NAME}
    if not leaving:
        return set()
    rows = PictureAttestation.objects.filter(packet_id=packet_id).select_related("redaction")
    return {
        person
        for row in rows
        if (row.redaction.original_digest, row.result_digest) in leaving
        for person in (row.user_id, row.redacted_by_user)
    }


def _report(row: PictureRedaction, attestation: PictureAttestation) -> dict[str, Any]:
    """What leaves about it in the trace: counts, roles and people as the manifest names them."""
    counted = Counter(box[0] for box in row.boxes)
    return {
        "pages": row.pages,
        "removed": [
            {"rule": "redacted", "place": f"page {page}", "count": count} for page, count in sorted(counted.items())
        ],
        "redacted": _person(row.user_id, row.role, instant(row.at)),
        "attested": _person(attestation.user_id, attestation.role, instant(attestation.at)),
    }


def _person(user_id: int, role: str, at: str) -> dict[str, str]:
    return {"by": signer_id(user_id), "role": role, "at": at}
