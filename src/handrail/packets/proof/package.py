"""Sealing a revision and writing its package: the same inputs give the same bytes on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.proof import approvals as approvals_
from handrail.packets.proof import archive, bag, cover, dsse
from handrail.packets.proof.approvals import Approvals
from handrail.packets.proof.durable import replacing
from handrail.packets.proof.keys import SigningKey
from handrail.packets.proof.manifest import Manifest

Origin: TypeAlias = bytes | Path
"""Where a content's bytes are: in memory, or in a file that is streamed."""


@dataclass(frozen=True, slots=True)
class SealedManifest:
    """Both signed envelopes of one manifest. Small: they may be kept in a row and the package rebuilt from them."""

    manifest: Manifest
    manifest_digest: str
    key_id: str
    manifest_envelope: bytes
    approvals_envelope: bytes

    @property
    def approvals(self) -> Approvals:
        """Those that the envelope carries."""
        return approvals_.from_payload(dsse.payload_of(self.approvals_envelope))


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: the file name to deliver it under, its size in bytes, and how many files it holds."""

    name: str
    size: int
    files: int


def file_name(manifest: Manifest) -> str:
    """Such as ``PKT-7K3M9QX2ZA-r3.zip``."""
    return f"{bag.base(manifest)}.zip"


def seal(manifest: Manifest, approvals: Approvals, *, key: SigningKey) -> SealedManifest:
    """Signs manifest and approvals with the release key.

    Raises Conflict (with the code that a receiver would find, such as ``short-of-signers``) when the approvals don't
    open this manifest: what a receiver would refuse is not signed in the first place.
    """
    for code, message in approvals_.faults(manifest, approvals):
        raise Conflict(f"This revision can't be sealed: {message}.", code=code.value)
    return SealedManifest(
        manifest=manifest,
        manifest_digest=manifest.digest(),
        key_id=key.key_id,
        manifest_envelope=dsse.sign(manifest.payload(), key),
        approvals_envelope=dsse.sign(approvals.payload(), key),
    )


def write(out: BinaryIO, sealed: SealedManifest, contents: Mapping[str, Origin]) -> Packed:
    """Writes the package to a seekable stream; files are streamed, so memory stays flat.

    ``contents`` gives the bytes for every path of the manifest (``packet.json``, ``annexes/har.json`` …), no more and
    no fewer (Invalid). Raises Conflict ``content-altered`` when one isn't what was signed; what is in ``out`` is then
    to be thrown away.
    """
    manifest = sealed.manifest
    _check_names(manifest, contents)
    proofs = {bag.MANIFEST: sealed.manifest_envelope, bag.APPROVALS: sealed.approvals_envelope}
    covers = _covers(sealed, contents)
    digests = {name: digest_bytes(raw) for name, raw in covers.items()}
    small = {**bag.tag_files(manifest, bag.payloads(manifest, proofs), digests), **covers, **proofs}
    expected = {bag.DATA + content.path: content for content in manifest.contents}
    writer = archive.Writer(out)
    for path in bag.paths(manifest):
        content = expected.get(path)
        origin = small[path] if content is None else contents[content.path]
        size, sha256 = writer.add(f"{bag.base(manifest)}/{path}", _chunks(origin))
        if content is not None and (size, f"sha256:{sha256}") != (content.size, content.digest):
            raise Conflict(f"{path} is not what the manifest was signed over.", code="content-altered")
    return Packed(file_name(manifest), writer.finish(), len(bag.paths(manifest)))


def write_file(directory: Path, sealed: SealedManifest, contents: Mapping[str, Origin]) -> tuple[Path, Packed]:
    """Writes the package into ``directory`` under its own name: whole and on disk, or not there at all."""
    target = directory / file_name(sealed.manifest)
    with replacing(target) as out:
        packed = write(out, sealed, contents)
    return target, packed


def _covers(sealed: SealedManifest, contents: Mapping[str, Origin]) -> dict[str, bytes]:
    manifest = sealed.manifest
    if manifest.form == 1:
        return {}
    read = {} if cover.too_large(manifest) else {path: b"".join(_chunks(contents[path])) for path in cover.COVERED}
    return cover.covers(manifest, sealed.approvals, read)


def _check_names(manifest: Manifest, contents: Mapping[str, Origin]) -> None:
    named = {content.path for content in manifest.contents}
    for path in sorted(named - set(contents)):
        raise Invalid(f"The bytes of {path} are missing.", code="content-missing")
    for path in sorted(set(contents) - named):
        raise Invalid(f"{path} is not in the manifest.", code="content-added")


def _chunks(origin: Origin) -> Iterator[bytes]:
    if isinstance(origin, bytes):
        yield origin
        return
    with origin.open("rb") as file:
        while chunk := file.read(archive.CHUNK_BYTES):
            yield chunk
