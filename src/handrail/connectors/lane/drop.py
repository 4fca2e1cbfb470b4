"""A lane that is a directory, which the receiver watches: one file a manifest digest, written whole or not at all.

incoming/HEX.zip    delivered; the receiver consumes it by renaming it into consumed/
consumed/HEX.zip    consumed
withdrawn/HEX.zip   taken back, by the same rename: of the receiver and Handrail only one succeeds
notices/HEX-….json  what the receiver is told of one
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from handrail.connectors.finding import Finding
from handrail.connectors.lane.lane import Fate, LaneFailed, Receipt, Trouble, hexadecimal
from handrail.kernel.canonical import canonical_bytes, digest_bytes

_SHELVES = {Fate.DELIVERED: "incoming", Fate.CONSUMED: "consumed", Fate.WITHDRAWN: "withdrawn"}


class DirectoryLane:
    """Files below ``folder``, mode 0640. Safe to share between threads and processes."""

    kind = "directory"
    deadline_seconds = 30.0

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        with self._usable():
            self._prepare()
            before = self._find(name)
            if before.fate is Fate.ABSENT:
                self._drop(package, name)
                before = self._find(name)
        if before.package_digest != digest_bytes(package.read_bytes()):
            raise LaneFailed("The lane holds another package under this manifest.", Trouble.REFUSED)
        return before

    def status(self, manifest_digest: str) -> Receipt:
        with self._usable():
            return self._find(hexadecimal(manifest_digest))

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        with self._usable():
            self._prepare()
            with suppress(FileNotFoundError):
                os.rename(self._file(Fate.DELIVERED, name), self._file(Fate.WITHDRAWN, name))
            found = self._find(name)
            if found.fate is not Fate.ABSENT:
                self._notice(name, reason)
            return found

    def check(self) -> list[Finding]:
        try:
            self._prepare()
            probe = self._folder / "incoming" / f".check-{secrets.token_hex(8)}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            said = f"The lane's directory can't be used: {error.strerror}."
            return [Finding(self.name, ok=False, message=said, mend="Check folder, its owner and free space.")]
        return [Finding(self.name, ok=True, message="A file was written and removed.")]

    def _prepare(self) -> None:
        for shelf in (*_SHELVES.values(), "notices"):
            (self._folder / shelf).mkdir(mode=0o750, parents=True, exist_ok=True)

    def _drop(self, package: Path, name: str) -> None:
        """A link fails when the name is taken: of two deliveries one lands, and neither is half there."""
        temporary = self._folder / "incoming" / f".writing-{secrets.token_hex(16)}"
        try:
            with package.open("rb") as source, temporary.open("xb") as out:
                shutil.copyfileobj(source, out)
                out.flush()
                os.fsync(out.fileno())
            temporary.chmod(0o640)
            with suppress(FileExistsError):
                os.link(temporary, self._file(Fate.DELIVERED, name))
            _flush(temporary.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def _notice(self, name: str, reason: str) -> None:
        body = canonical_bytes({"manifest": f"sha256:{name}", "reason": reason})
        target = self._folder / "notices" / f"{name}-{digest_bytes(body)[7:23]}.json"
        temporary = target.with_name(f".writing-{secrets.token_hex(16)}")
        temporary.write_bytes(body)
        temporary.replace(target)

    def _find(self, name: str) -> Receipt:
        """A package moves on only, so looking in the order of its way can't miss it."""
        for fate, shelf in _SHELVES.items():
            with suppress(FileNotFoundError):
                data = self._file(fate, name).read_bytes()
                return Receipt(fate, f"{shelf}/{name[:12]}", digest_bytes(data))
        return Receipt(Fate.ABSENT)

    def _file(self, fate: Fate, name: str) -> Path:
        return self._folder / _SHELVES[fate] / f"{name}.zip"

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LaneFailed(f"The lane's directory can't be used: {error.strerror}.", Trouble.UNKNOWN) from None


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
