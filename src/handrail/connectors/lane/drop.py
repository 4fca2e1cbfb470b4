"""A lane that is a directory, which the receiver watches: one file a manifest digest, written whole or not at all.

incoming/HEX.zip     delivered; the receiver consumes it by renaming it into consumed/
consumed/HEX.zip     consumed
withdrawn/HEX.zip    taken back, by the same rename: of the receiver and Handrail only one succeeds
notices/HEX-….json   the notice of one for the receiver
replies/HEX-….json   what the receiver replies, signed
recalls/HEX-….json   what Handrail recalls, signed
taken/HEX.json       which package has the one place of this manifest, or that none ever will; never removed
staged/HEX-….zip     written whole, and not placed yet

Every step that counts succeeds once: a marker is linked where none is, and a staged package leaves its name for one
shelf only. So the writer of the marker may stop, wait or die at any point, and the next one continues.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from handrail.connectors.bounded import Bounded
from handrail.connectors.finding import Finding
from handrail.connectors.lane.lane import (
    ALL,
    MAX_REPLY_BYTES,
    ErrorKind,
    LaneFailed,
    LaneState,
    Receipt,
    bounded_replies,
    in_time,
)
from handrail.kernel.canonical import canonical_bytes, digest_bytes, hexadecimal

_SHELVES = {LaneState.DELIVERED: "incoming", LaneState.CONSUMED: "consumed", LaneState.WITHDRAWN: "withdrawn"}
_FOLDERS = (*_SHELVES.values(), "notices", "replies", "recalls", "taken", "staged")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Marker:
    """``package``: the digest of what has the place; empty where it was withdrawn before anything came."""

    package: str = ""
    staged: str = ""

    @property
    def suffix(self) -> str:
        """``zip``, or ``zip.age`` where it is encrypted."""
        return self.staged.partition(".")[2]


class DirectoryLane:
    """Files below ``folder``, mode 0640. Safe to share between threads and processes."""

    kind = "directory"
    abilities = ALL

    def __init__(self, name: str, folder: Path, *, deadline_seconds: float = 30.0) -> None:
        self.name = name
        self.deadline_seconds = deadline_seconds
        self._folder = folder
        self._bounded = Bounded(deadline_seconds)

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return self._call(lambda: self._deliver(package, name))

    def status(self, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return self._call(lambda: self._find(name))

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return self._call(lambda: self._withdraw(name, reason))

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        name = hexadecimal(manifest_digest)
        return self._call(lambda: bounded_replies(self._left_replies(name)))

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        name = hexadecimal(manifest_digest)
        self._call(lambda: self._leave("recalls", name, statement))

    def check(self) -> list[Finding]:
        try:
            self._prepare()
            probe = self._folder / "staged" / f".check-{secrets.token_hex(8)}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            said = f"The lane's directory can't be used: {error.strerror}."
            return [Finding(self.name, ok=False, message=said, fix="Check folder, its owner and free space.")]
        return [Finding(self.name, ok=True, message="A file was written and removed.")]

    def _call(self, act: Callable[[], T]) -> T:
        with _usable():
            return in_time(self._bounded, self.name, act)

    def _deliver(self, package: Path, name: str) -> Receipt:
        self._prepare()
        data = package.read_bytes()
        marker = self._marker(name) or self._claim(data, name, package.name.partition(".")[2])
        if not marker.package:
            return Receipt(LaneState.WITHDRAWN)
        if marker.package != digest_bytes(data):
            raise LaneFailed("The lane holds another package under this manifest.", ErrorKind.REFUSED)
        self._move(self._folder / "staged" / marker.staged, self._file(LaneState.DELIVERED, name, marker))
        return self._find(name)

    def _claim(self, data: bytes, name: str, suffix: str) -> _Marker:
        """Takes the manifest's one place for the package, unless it is taken already: what has it now."""
        staged = self._folder / "staged" / f"{name}-{secrets.token_hex(16)}.{suffix}"
        _write(staged, data)
        _flush(staged.parent)
        if not self._mark(name, _Marker(digest_bytes(data), staged.name)):
            staged.unlink()
        found = self._marker(name)
        assert found is not None  # it is never removed
        return found

    def _withdraw(self, name: str, reason: str) -> Receipt:
        self._prepare()
        self._mark(name, _Marker())
        marker = self._marker(name)
        assert marker is not None  # it is never removed
        if marker.package:
            target = self._file(LaneState.WITHDRAWN, name, marker)
            self._move(self._folder / "staged" / marker.staged, target)
            self._move(self._file(LaneState.DELIVERED, name, marker), target)
            self._notice(name, reason)
        return self._find(name)

    def _prepare(self) -> None:
        for folder in _FOLDERS:
            (self._folder / folder).mkdir(mode=0o750, parents=True, exist_ok=True)

    def _mark(self, name: str, marker: _Marker) -> bool:
        """A link fails when the name is taken: of two markers one is written, and neither is half there."""
        temporary = self._folder / "taken" / f".writing-{secrets.token_hex(16)}"
        try:
            _write(temporary, canonical_bytes({"package": marker.package, "staged": marker.staged}))
            os.link(temporary, self._taken(name))
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        _flush(temporary.parent)
        return True

    def _marker(self, name: str) -> _Marker | None:
        try:
            return _Marker(**json.loads(self._taken(name).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):
            raise LaneFailed(f"The lane's taken/{name[:12]}….json was changed.", ErrorKind.UNKNOWN) from None

    def _move(self, source: Path, target: Path) -> None:
        """A name leaves for one place only; where it has left already, this does nothing."""
        with suppress(FileNotFoundError):
            os.rename(source, target)
            _flush(target.parent)

    def _notice(self, name: str, reason: str) -> None:
        self._leave("notices", name, canonical_bytes({"manifest": f"sha256:{name}", "reason": reason}))

    def _leave(self, folder: str, name: str, body: bytes) -> None:
        """One file a content, whole or not at all."""
        self._prepare()
        target = self._folder / folder / f"{name}-{digest_bytes(body)[7:23]}.json"
        temporary = target.with_name(f".writing-{secrets.token_hex(16)}")
        _write(temporary, body)
        temporary.replace(target)
        _flush(target.parent)

    def _left_replies(self, name: str) -> Iterator[bytes]:
        """Regular files only: what a link leads to, or a pipe has, was not left here."""
        folder = self._folder / "replies"
        if not folder.is_dir():
            return
        with os.scandir(folder) as entries:
            files = [
                one.name for one in entries if one.name.startswith(f"{name}-") and one.is_file(follow_symlinks=False)
            ]
        for file in sorted(files):
            with suppress(FileNotFoundError), (folder / file).open("rb") as left:
                yield left.read(MAX_REPLY_BYTES + 1)

    def _find(self, name: str) -> Receipt:
        """A package moves on only, so looking in the order of its way can't miss it."""
        marker = self._marker(name)
        if marker is None:
            return Receipt(LaneState.ABSENT)
        if not marker.package:
            return Receipt(LaneState.WITHDRAWN)
        if (self._folder / "staged" / marker.staged).exists():
            return Receipt(LaneState.ABSENT)
        for state, shelf in _SHELVES.items():
            if self._file(state, name, marker).exists():
                return Receipt(state, f"{shelf}/{name[:12]}", marker.package)
        return Receipt(LaneState.GONE, "", marker.package)

    def _file(self, state: LaneState, name: str, marker: _Marker) -> Path:
        return self._folder / _SHELVES[state] / f"{name}.{marker.suffix}"

    def _taken(self, name: str) -> Path:
        return self._folder / "taken" / f"{name}.json"


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LaneFailed(f"The lane's directory can't be used: {error.strerror}.", ErrorKind.UNKNOWN) from None


def _write(file: Path, data: bytes) -> None:
    """A new file, on the disk when this returns."""
    with file.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    file.chmod(0o640)


def _flush(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
