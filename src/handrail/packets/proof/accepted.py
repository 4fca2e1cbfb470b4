"""What the receiver keeps: the manifests of the packages that it accepted, one small file each, in one directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.proof import manifest as manifest_
from handrail.packets.proof.durable import locked, replacing
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.verify import Verdict

MAX_HELD = 100_000
SUFFIX = ".json"
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class AcceptedManifests:
    """A directory of statements, each named by the digest of its bytes. It's the receiver's own, not signed."""

    directory: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """So that of two verifications that load and record, one comes after the other. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with locked(self.directory / LOCK):
            yield

    def load(self) -> tuple[Manifest, ...]:
        """Every manifest held, none if the directory isn't there.

        Raises Invalid, naming the file, for a file whose content doesn't match its name: damage is not skipped.
        """
        if not self.directory.is_dir():
            return ()
        files = sorted(self.directory.glob(f"*{SUFFIX}"))
        if len(files) > MAX_HELD:
            raise Invalid(f"{self.directory} holds over {MAX_HELD} manifests.", code="accepted-manifests")
        return tuple(_load(file) for file in files)

    def record(self, verdict: Verdict) -> Path:
        """Keeps the manifest of an accepted package; doing it again changes nothing.

        Raises Conflict when the verdict refuses.
        """
        if not verdict.accepted or verdict.manifest is None:
            raise Conflict("Only an accepted package is recorded.", code="not-accepted")
        payload = verdict.manifest.payload()
        self.directory.mkdir(parents=True, exist_ok=True)
        target = self.directory / f"{digest_bytes(payload).removeprefix('sha256:')}{SUFFIX}"
        with replacing(target) as out:
            out.write(payload)
        return target


def _load(file: Path) -> Manifest:
    if file.stat().st_size > manifest_.MAX_BYTES:
        raise Invalid(f"{file} is over {manifest_.MAX_BYTES} bytes.", code="accepted-manifests")
    payload = file.read_bytes()
    if digest_bytes(payload) != f"sha256:{file.stem}":
        raise Invalid(f"{file} was changed: its digest is not its name.", code="accepted-manifests")
    return manifest_.from_payload(payload)
