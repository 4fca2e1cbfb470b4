"""The package of a released revision, rebuilt byte for byte from its rows and the cleared annexes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handrail.kernel.errors import Conflict
from handrail.packets import annexes, documents
from handrail.packets.models import AnnexRow, Release, Revision
from handrail.packets.proof import package
from handrail.packets.proof.package import Origin, SealedManifest


def sealed_of(revision: Revision) -> SealedManifest:
    """Both envelopes as they were signed. Raises Conflict when the revision was not released."""
    release = Release.objects.filter(revision=revision).first()
    assembly = documents.assembly_of(revision)
    manifest = documents.manifest_of(assembly) if assembly else None
    if release is None or manifest is None:
        raise Conflict("This revision was not released, so there is no package of it.", code="not-released")
    envelopes = bytes(release.manifest_envelope), bytes(release.approvals_envelope)
    return SealedManifest(manifest, release.manifest_digest, release.key_id, *envelopes)


@contextmanager
def packed(revision: Revision) -> Iterator[Path]:
    """The package as a file, for as long as the block runs. Raises NotFound, BlobUnavailable, Conflict."""
    with tempfile.TemporaryDirectory(prefix="handrail-package-") as name:
        yield write(revision, Path(name))


def write(revision: Revision, directory: Path) -> Path:
    """The package in ``directory``, under its own name, whole or not at all."""
    sealed = sealed_of(revision)
    contents: dict[str, Origin] = dict(documents.documents_of(revision.assembly))
    with tempfile.TemporaryDirectory(prefix="handrail-annexes-") as name:
        for row in AnnexRow.objects.filter(revision=revision, cleared_digest__isnull=False):
            assert row.cleared_digest is not None
            target = Path(name) / f"annex-{row.position}"
            with annexes.open_annex(revision.packet, row.cleared_digest) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
            contents[row.path] = target
        return package.write_file(directory, sealed, contents)[0]


def digest_of(package: Path) -> str:
    with package.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
