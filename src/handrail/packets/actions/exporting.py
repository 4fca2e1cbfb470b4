"""What leaves, for review: single documents at any time, the package after release."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.events import EventName
from handrail.kernel.errors import Conflict, Invalid, NotFound
from handrail.packets import annexes, documents, moves, packing
from handrail.packets.models import AnnexRow, Revision
from handrail.packets.rows import get_revision_row

JSON, ZIP = "application/json", "application/zip"
MANIFEST = "manifest.json"
COVERS = {"cover.txt": "text/plain; charset=utf-8", "cover.html": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Download:
    """``stream`` is at its start; the caller closes it. ``filename`` holds no separator."""

    filename: str
    media_type: str
    stream: BinaryIO


def export(*, ref: str, revision: int | None, directory: Path, by: Actor) -> Path:
    """The package, the same bytes as the lane got, in ``directory``.

    Raises NotFound, Denied without ``packet:release``, Conflict before release, Invalid for a directory that can't be
    written to.
    """
    row = _exported(ref, revision, by)
    try:
        return packing.write(row, directory)
    except OSError as error:
        raise _unwritable(directory, error) from None


def package(*, ref: str, revision: int | None, by: Actor) -> Download:
    """The package as a stream. Raises as ``export`` does."""
    row = _exported(ref, revision, by)
    with packing.packed(row) as path:  # the open file outlives its name
        return Download(path.name, ZIP, path.open("rb"))


def document(*, ref: str, revision: int | None, name: str, by: Actor) -> Download:
    """One file that leaves, or would, byte for byte.

    ``name``: ``packet.json``, ``trace.json``, ``holds.json``, ``manifest.json`` (whose digest is approved),
    ``cover.txt`` or ``cover.html`` (before release: what it would be, without approvals) or the path of a cleared
    annex. Raises NotFound, also for what is held; Denied without ``packet:view``; Conflict while it is being assembled;
    BlobUnavailable.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_VIEW)
    if not hasattr(row, "assembly"):
        raise Conflict("This revision is being assembled, so there is nothing of it yet.", code="assembling")
    media_type, stream = _opened(row, name)
    with transaction.atomic():
        moves.audit(EventName.PACKET_DOCUMENT_TAKEN, row, by, document=name)
    return Download(f"{row.packet.ref}-r{row.number}-{Path(name).name}", media_type, stream)


def write_document(*, ref: str, revision: int | None, name: str, directory: Path, by: Actor) -> Path:
    """The same in ``directory``. Raises as ``document`` does; Invalid where it can't be written, or is already."""
    found = document(ref=ref, revision=revision, name=name, by=by)
    path = directory / found.filename
    with found.stream as stream:
        try:
            with path.open("xb") as out:
                out.write(stream.read())
        except OSError as error:
            raise _unwritable(path, error) from None
    return path


def _exported(ref: str, revision: int | None, by: Actor) -> Revision:
    row = get_revision_row(by, ref, revision, Capability.PACKET_RELEASE)
    packing.sealed_of(row)
    with transaction.atomic():
        moves.audit(EventName.PACKET_EXPORTED, row, by)
    return row


def _opened(row: Revision, name: str) -> tuple[str, BinaryIO]:
    found = documents.documents_of(row.assembly)
    if row.assembly.manifest is not None:
        found[MANIFEST] = bytes(row.assembly.manifest)
    if name in found:
        return JSON, io.BytesIO(found[name])
    if name in COVERS and (covers := documents.covers_of(row)):
        return COVERS[name], io.BytesIO(covers[name])
    annex = AnnexRow.objects.filter(revision=row, path=name, cleared_digest__isnull=False).first()
    if annex is None or annex.cleared_digest is None:
        raise NotFound("This revision has no such document. What is held does not leave.")
    return annex.media_type, annexes.open_annex(row.packet, annex.cleared_digest)


def _unwritable(path: Path, error: OSError) -> Invalid:
    return Invalid(f"{path} can't be written to: {error.strerror}.", code="file")
