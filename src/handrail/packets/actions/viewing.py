"""Opening an annex on a page: what leaves of it, and for those who may see inside its original beside it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.events import EventName
from handrail.connectors import registry
from handrail.connectors.blobs import BlobRefused
from handrail.definitions.active import compiled_profile
from handrail.kernel.errors import Conflict, NotFound
from handrail.packets import annexes, documents, moves, permissions
from handrail.packets.assembly import artifacts
from handrail.packets.models import AnnexRow, Revision
from handrail.packets.review import AnnexView, annex_view
from handrail.packets.rows import get_revision_row
from handrail.packets.viewing import AnnexBytes, AnnexContent, AskedPart, view
from handrail.packets.viewing.content import PAGE, ShownRow

__all__ = ["PAGE", "AnnexContent", "AskedPart", "OpenedAnnex", "ShownRow", "open_cleared", "open_original"]

# More than this is not taken apart for a page.
LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenedAnnex:
    """``may_see_original``: whether the actor may open the original too."""

    annex: AnnexView
    content: AnnexContent
    may_see_original: bool


def open_cleared(*, ref: str, revision: int | None, name: str, asked: AskedPart, by: Actor) -> OpenedAnnex:
    """What leaves of an annex, read for a page. What is held shows nothing but that.

    Raises NotFound, Denied without ``packet:view``, Conflict while the revision is being assembled, BlobUnavailable.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_VIEW)
    annex = _annex(row, name)
    if annex.cleared_digest is None:
        content = AnnexContent("plain", message="It is withheld, so nothing of it leaves but its marker.")
    elif annex.size > LIMIT:
        content = AnnexContent("plain", message="It is too large to be taken apart for a page.")
    else:
        cleared = _bytes_of(annexes.open_annex(row.packet, annex.cleared_digest))
        content = view(AnnexBytes(annex.sanitiser, annex.media_type, cleared, None), asked)
    return OpenedAnnex(_seen(row, annex), content, permissions.may_see_internal(by))


def open_original(*, ref: str, revision: int | None, name: str, asked: AskedPart, by: Actor) -> OpenedAnnex:
    """The original beside what leaves of it, with what the rules took away. Every opening is in the audit log.

    Raises as ``open_cleared`` does, Denied for an actor who decides nothing about the packet, Conflict ``no-original``
    where the store has it no more or it is too large.
    """
    clears = by.may(Capability.PACKET_CLEAR_HOLD)
    by.require(Capability.PACKET_CLEAR_HOLD if clears else Capability.PACKET_APPROVE, recent=False)
    row = get_revision_row(by, ref, revision, Capability.PACKET_VIEW)
    annex = _annex(row, name)
    stream = _original(row, annex)
    with transaction.atomic():
        moves.audit(EventName.PACKET_ORIGINAL_VIEWED, row, by, annex=annex.name)
    original = _bytes_of(stream)
    cleared = None
    if annex.cleared_digest is not None and annex.size <= LIMIT:
        cleared = _bytes_of(annexes.open_annex(row.packet, annex.cleared_digest))
    profile = compiled_profile(row.definition)
    sanitiser = annex.sanitiser or next(
        (one.sanitiser or "" for one in (profile.annexes.types if profile.annexes else ()) if one.name == annex.type),
        "",
    )
    context = artifacts.sanitise_context(profile, documents.snapshots_of(row), bytes(row.packet.salt))
    content = view(AnnexBytes(sanitiser, annex.media_type, cleared, original, context), asked)
    return OpenedAnnex(_seen(row, annex), content, may_see_original=True)


def _annex(row: Revision, name: str) -> AnnexRow:
    if not hasattr(row, "assembly"):
        raise Conflict("This revision is being assembled, so there is nothing of it yet.", code="assembling")
    annex = AnnexRow.objects.filter(revision=row, name=name).first()
    if annex is None:
        raise NotFound("This revision has no such annex.")
    return annex


def _seen(row: Revision, annex: AnnexRow) -> AnnexView:
    said = {one["name"]: one.get("description", "") for one in documents.parsed(row.assembly.packet)["annexes"]}
    return annex_view(annex, said.get(annex.name, ""))


def _original(row: Revision, annex: AnnexRow) -> BinaryIO:
    gone = Conflict("The original can't be read from its store any more.", code="no-original")
    if annex.original_digest is None:
        raise gone
    profile = compiled_profile(row.definition)
    opened = artifacts.through(registry.current(), profile)
    assert profile.annexes is not None  # else it has no store
    named = {"artifact": annex.artifact, "digest": annex.original_digest}
    try:
        return io.BytesIO(artifacts.original_of(profile.annexes, documents.snapshots_of(row), opened, **named))
    except (BlobRefused, NotFound):
        raise gone from None


def _bytes_of(stream: BinaryIO) -> bytes:
    """The whole, or the Conflict that it is too large."""
    found = io.BytesIO()
    with stream:
        while chunk := stream.read(artifacts.CHUNK_BYTES):
            found.write(chunk)
            if found.tell() > LIMIT:
                raise Conflict("The original is too large to be taken apart for a page.", code="no-original")
    return found.getvalue()
