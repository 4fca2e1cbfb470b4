"""The BagIt layout (RFC 8493) of a package: names, order and tag files, all following from the signed manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from handrail.kernel.canonical import digest_bytes
from handrail.packets.proof.manifest import Manifest

MANIFEST: Final = "data/manifest.dsse.json"
APPROVALS: Final = "data/approvals.dsse.json"
DATA: Final = "data/"
TAGS: Final = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")
PROOFS: Final = (MANIFEST, APPROVALS)
COVERS: Final = ("cover.txt", "cover.html")

_BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Payload:
    """One file under ``data/``: its size in bytes and ``sha256:`` digest."""

    size: int
    digest: str

    @classmethod
    def of(cls, raw: bytes) -> Payload:
        return cls(len(raw), digest_bytes(raw))


def base(manifest: Manifest) -> str:  # PF-16
    """The one top directory, such as ``PKT-7K3M9QX2ZA-r3``."""
    return f"{manifest.packet}-r{manifest.revision}"


def paths(manifest: Manifest) -> tuple[str, ...]:  # PF-14, PF-15
    """Every file of the package, below its base, in the archive's order: what proves comes before what is proved."""
    return (*TAGS, *covers_of(manifest), *PROOFS, *(DATA + content.path for content in manifest.contents))


def covers_of(manifest: Manifest) -> tuple[str, ...]:  # PF-40
    """The cover sheet's files, none in the first form."""
    return COVERS if manifest.form > 1 else ()


def payloads(manifest: Manifest, proofs: Mapping[str, bytes]) -> dict[str, Payload]:  # PF-17
    """What is under ``data/``: the envelopes as given, the contents as signed."""
    found = {path: Payload.of(raw) for path, raw in proofs.items()}
    found.update({DATA + content.path: Payload(content.size, content.digest) for content in manifest.contents})
    return found


def tag_files(manifest: Manifest, files: Mapping[str, Payload], covers: Mapping[str, str]) -> dict[str, bytes]:  # PF-18
    """The four tag files by name. ``files`` is what ``payloads`` gave; ``covers`` has the digests of the cover sheet's
    files."""
    tags = {
        "bagit.txt": _BAGIT,
        "bag-info.txt": _info(manifest, files),
        "manifest-sha256.txt": _sums({path: file.digest for path, file in files.items()}),
    }
    tags["tagmanifest-sha256.txt"] = _sums({**{name: digest_bytes(raw) for name, raw in tags.items()}, **covers})
    return tags


def _info(manifest: Manifest, files: Mapping[str, Payload]) -> bytes:
    octets = sum(file.size for file in files.values())
    lines = [
        f"Bag-Software-Agent: Handrail ({manifest.profile.name} version {manifest.profile.version})",
        f"Bagging-Date: {manifest.created_at:%Y-%m-%d}",
        f"External-Description: {manifest.packet} revision {manifest.revision}, {manifest.audience.tlp},"
        f" for lane {manifest.lane}",
        f"External-Identifier: {manifest.digest()}",
        f"Payload-Oxum: {octets}.{len(files)}",
    ]
    return ("\n".join(lines) + "\n").encode("ascii")


def _sums(digests: Mapping[str, str]) -> bytes:
    """Lines that ``sha256sum --check`` reads."""
    lines = [f"{digest.removeprefix('sha256:')}  {path}\n" for path, digest in sorted(digests.items())]
    return "".join(lines).encode("ascii")
