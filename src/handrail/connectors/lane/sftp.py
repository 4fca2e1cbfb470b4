"""A lane that is a folder on the vendor's SFTP server. ``places`` says what is where, and why one manifest lands once.

Every call has a connection of its own. What fails before a marker is created, or a package moved, has delivered
nothing; behind that, only asking helps.
"""

from __future__ import annotations

import errno
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import paramiko
from paramiko.sftp import CMD_CLOSE, CMD_EXTENDED, CMD_NAME, CMD_OPENDIR, CMD_READDIR

from handrail.connectors.bounded import Bounded
from handrail.connectors.finding import Finding
from handrail.connectors.lane.lane import ALL, ErrorKind, LaneFailed, Receipt, bounded_replies, in_time
from handrail.connectors.lane.places import FOLDERS, LanePlaces
from handrail.connectors.lane.ssh import HostPin, Login, Until, connected
from handrail.kernel.canonical import canonical_bytes, digest_bytes, hexadecimal

# What OpenSSH and most others take in one request.
_CHUNK = 32 * 1024
_MODE = 0o640
# A listing without an end would fill the memory.
_MOST_LISTED = 100_000

T = TypeVar("T")


class SftpLane:
    """Safe to share between threads."""

    kind = "sftp"
    abilities = ALL

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        folder: str,
        *,
        pins: tuple[HostPin, ...],
        login: Callable[[], Login],
        deadline_seconds: float,
    ) -> None:
        """``login`` is asked for each connection, so that rotated secrets count."""
        self.name = name
        self.deadline_seconds = deadline_seconds
        self._address = address
        self._folder = folder.rstrip("/") or "/"
        self._pins = pins
        self._login = login
        self._bounded = Bounded(deadline_seconds)

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        suffix = package.name.partition(".")[2]
        return self._call(lambda places: places.deliver(name, package.read_bytes(), suffix))

    def status(self, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return self._call(lambda places: places.find(name))

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        notice = canonical_bytes({"manifest": f"sha256:{name}", "reason": reason})
        return self._call(lambda places: places.withdraw(name, notice))

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        name = hexadecimal(manifest_digest)
        return self._call(lambda places: bounded_replies(places.replies(name)))

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        name = hexadecimal(manifest_digest)
        self._call(lambda places: places.leave("recalls", name, statement))

    def check(self) -> list[Finding]:
        """Logs in, and writes and removes a file, as a delivery would."""
        fix = "Check host, host_keys, user, key and folder, and that the account may create, rename and remove there."
        try:
            self._in_session(self._probe)
        except LaneFailed as error:
            return [Finding(self.name, ok=False, message=error.message, fix=fix)]
        return [Finding(self.name, ok=True, message="A file was written and removed.")]

    def _probe(self, files: SftpFiles) -> None:
        for folder in FOLDERS:
            files.prepare(folder)
        probe = f"staged/.check-{secrets.token_hex(8)}"
        files.create(probe, b"handrail check\n")
        try:
            if files.create(probe, b"handrail check again\n"):
                said = "its server creates a file that is there already, so a package could arrive twice"
                raise LaneFailed(f"The lane {self.name}: {said}.", ErrorKind.REFUSED)
        finally:
            files.remove(probe)

    def _call(self, act: Callable[[LanePlaces], T]) -> T:
        begun: list[bool] = []

        def in_session(files: SftpFiles) -> T:
            return act(LanePlaces(files, danger=lambda: begun.append(True)))

        try:
            return self._in_session(in_session)
        except _Broken as error:
            raise LaneFailed(error.message, ErrorKind.UNKNOWN if begun else ErrorKind.BUSY) from None

    def _in_session(self, act: Callable[[SftpFiles], T]) -> T:
        def run() -> T:
            until = Until(self.deadline_seconds)
            with connected(self.name, self._address, self._pins, self._login(), until) as client:
                return act(SftpFiles(client, self._folder, self.name, until))

        return in_time(self._bounded, self.name, run)


class _Broken(LaneFailed):
    """The session or a request failed: what that means depends on what came before."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"The lane {name}: {why}.", ErrorKind.UNKNOWN)


class SftpFiles:
    """``Files`` over one session."""

    def __init__(self, client: paramiko.SFTPClient, folder: str, name: str, until: Until) -> None:
        self._client = client
        self._folder = folder
        self._name = name
        self._until = until
        self._posix_rename = True
        self._sync = True

    def prepare(self, folder: str) -> None:
        with self._asking(f"the folder {folder} can't be used"):
            found = self._attributes(folder)
            if found is None:
                try:
                    self._client.mkdir(self._at(folder), 0o750)
                except OSError:
                    found = self._attributes(folder)  # somebody else was first
                    if found is None:
                        raise
                else:
                    return
            if found.st_mode is not None and stat.S_ISREG(found.st_mode):
                raise OSError(errno.ENOTDIR, "")

    def exists(self, path: str) -> bool:
        with self._asking(f"{_shown(path)} can't be looked at"):
            found = self._attributes(path)
        if found is not None and found.st_mode is not None and not stat.S_ISREG(found.st_mode):
            raise _Broken(self._name, f"{_shown(path)} is in the way: it is not a file of Handrail's")
        return found is not None

    def read(self, path: str, limit: int) -> bytes | None:
        with self._asking(f"{_shown(path)} can't be read"):
            try:
                with self._client.open(self._at(path), "rb") as file:
                    return self._content(file, limit)
            except FileNotFoundError:
                return None

    def create(self, path: str, data: bytes) -> bool:
        """Compares size and content with what the server has, once the server says that it has written it."""
        with self._asking(f"{_shown(path)} can't be written; is the disk full, or a quota reached"):
            try:
                file = self._client.open(self._at(path), "wbx")
            except OSError:
                if self._attributes(path) is not None:
                    return False
                raise
            with file:
                for start in range(0, len(data), _CHUNK):
                    self._limit()
                    file.write(data[start : start + _CHUNK])
                self._flush(file)
            with suppress(OSError):  # many servers allow no mode to be set
                self._client.chmod(self._at(path), _MODE)
            with self._client.open(self._at(path), "rb") as written:
                same = digest_bytes(self._content(written, len(data) + 1)) == digest_bytes(data)
        if not same:
            raise _Broken(self._name, f"{_shown(path)} is not what was written")
        return True

    def move(self, source: str, target: str) -> bool:
        """By posix-rename@openssh.com where the server has it. OpenSSH's plain rename is a link and a removal:
        for a moment the file has both names, and two movers can succeed."""
        with self._asking(f"{_shown(source)} can't be renamed"):
            if self.exists(target):
                if not self._client_has(source):
                    return False
                raise OSError(errno.EEXIST, "")
            try:
                self._rename(self._at(source), self._at(target))
            except OSError:
                if self._client_has(source):
                    raise
                return False
        return True

    def names(self, folder: str) -> list[str]:
        with self._asking(f"the folder {folder} can't be listed"):
            try:
                return self._listed(folder)
            except FileNotFoundError:
                return []

    def _listed(self, folder: str) -> list[str]:
        """paramiko's own listing fails at names that aren't UTF-8, and has no end where the server's has none."""
        found: list[str] = []
        _, opened = self._client._request(CMD_OPENDIR, self._client._adjust_cwd(self._at(folder)))
        handle = opened.get_binary()
        with suppress(EOFError):  # the end, or a broken connection, which closing tells apart
            while True:
                self._limit()
                kind, said = self._client._request(CMD_READDIR, handle)
                if kind != CMD_NAME:
                    raise paramiko.SFTPError
                for _ in range(said.get_int()):
                    found.append(said.get_binary().decode(errors="replace"))
                    paramiko.SFTPAttributes._from_msg(said, "", said.get_binary())
                    if len(found) > _MOST_LISTED:
                        raise _Broken(self._name, f"the folder {folder} has more than {_MOST_LISTED} files")
        self._client._request(CMD_CLOSE, handle)
        return [name for name in found if name not in (".", "..")]

    def remove(self, path: str) -> None:
        with self._asking(f"{_shown(path)} can't be removed"), suppress(FileNotFoundError):
            self._client.remove(self._at(path))

    def _client_has(self, path: str) -> bool:
        return self._attributes(path) is not None

    def _rename(self, source: str, target: str) -> None:
        if self._posix_rename:
            try:
                self._client.posix_rename(source, target)
            except FileNotFoundError:
                raise
            except OSError:  # not known, not allowed, or a failure that the plain one will have too
                self._posix_rename = False
            else:
                return
        self._client.rename(source, target)

    def _attributes(self, path: str) -> paramiko.SFTPAttributes | None:
        self._limit()
        try:
            return self._client.lstat(self._at(path)) if "/" in path else self._client.stat(self._at(path))
        except FileNotFoundError:
            return None

    def _content(self, file: paramiko.SFTPFile, limit: int) -> bytes:
        parts, left = [], limit
        while left > 0:
            self._limit()
            part = file.read(min(left, _CHUNK))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def _flush(self, file: paramiko.SFTPFile) -> None:
        """On the disk, where the server knows fsync@openssh.com."""
        file.flush()
        if not self._sync:
            return
        try:
            self._client._request(CMD_EXTENDED, "fsync@openssh.com", file.handle)
        except OSError:
            self._sync = False

    def _limit(self) -> None:
        channel = self._client.get_channel()
        if channel is not None:
            channel.settimeout(self._until.left())

    def _at(self, path: str) -> str:
        return f"{self._folder}/{path}" if self._folder != "/" else f"/{path}"

    @contextmanager
    def _asking(self, why: str) -> Iterator[None]:
        try:
            yield
        except LaneFailed:
            raise
        except TimeoutError:
            raise _Broken(self._name, "its server did not answer in time") from None
        except (EOFError, paramiko.SSHException, paramiko.SFTPError, ConnectionError):
            raise _Broken(self._name, "the connection broke") from None
        except OSError as error:
            if error.errno == errno.EACCES:
                why = "its server allows that account no more than it has; " + why
            raise _Broken(self._name, why) from None


def _shown(path: str) -> str:
    """Folder and the beginning of a name, so that a message stays short."""
    folder, _, name = path.partition("/")
    return f"{folder}/{name[:12]}…"
