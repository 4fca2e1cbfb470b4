"""Where the keys of subjects are kept: outside the database and its backups, one small record each.

A record is a key, or the mark of one that was destroyed. A store that can't be reached, a record that is missing and
one that is damaged are three different errors, and none of them reads as destroyed.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol, runtime_checkable

from handrail.kernel.errors import Unavailable

KEY_BYTES = 32
MAX_RECORD = 1024  # bytes
_FORM = "handrail-subject-key/v1"
_TENANT = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[A-Za-z0-9-]{1,40}\.[a-z]{1,16}\.[0-9]{1,6}")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


class SubjectKeysUnavailable(Unavailable):
    """The store of subject keys did not answer, or has no room."""

    code = "subject-keys-unavailable"


class SubjectKeyMissing(Unavailable):
    """There is neither a key nor the mark that it was destroyed."""

    code = "subject-key-missing"


class SubjectKeyDamaged(Unavailable):
    code = "subject-key-damaged"


@dataclass(frozen=True, slots=True)
class KeyName:
    """``tenant_id`` 0: of no tenant. ``record``: such as PKT-7K3M9QX2ZA.

    ``kind``: which of its keys. ``number`` counts on behind destroyed ones."""

    tenant_id: int
    record: str
    kind: str
    number: int = 0

    def __str__(self) -> str:
        return f"{self.tenant_id}.{self.file}"

    @property
    def file(self) -> str:
        return f"{self.record}.{self.kind}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> KeyName:
        """Raises ValueError."""
        tenant, _, file = text.partition(".")
        if not _TENANT.fullmatch(tenant) or not _NAME.fullmatch(file):
            raise ValueError("not the name of a key")
        record, kind, number = file.split(".")
        return cls(int(tenant), record, kind, int(number))


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """``secret`` None: destroyed at ``at``, because of ``reason``."""

    name: KeyName
    at: datetime
    secret: bytes | None = None
    reason: str = ""

    def text(self) -> str:
        secret = None if self.secret is None else base64.b64encode(self.secret).decode()
        parts = [_FORM, str(self.name), self.at.isoformat(), secret, self.reason]
        return json.dumps([*parts, _sum(parts)]) + "\n"

    @classmethod
    def parse(cls, name: KeyName, text: str) -> KeyRecord:
        """Raises SubjectKeyDamaged when it was cut short, changed, or is another key's."""
        try:
            *parts, found = json.loads(text)
            form, named, at, secret, reason = parts
            if found != _sum(parts) or form != _FORM or named != str(name):
                raise ValueError
            plain = None if secret is None else base64.b64decode(secret, validate=True)
            return cls(name, datetime.fromisoformat(at), plain, reason)
        except (ValueError, TypeError):
            message = f"The record of the subject key {name} is damaged; restore it from a copy of the store."
            raise SubjectKeyDamaged(message) from None


def _sum(parts: list[str | None]) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:32]


@runtime_checkable
class SubjectKeys(Protocol):
    """A store. Its methods raise SubjectKeysUnavailable."""

    def create(self, name: KeyName, text: str) -> bool:
        """Keeps a record for good before it returns; False when there is one of that name, which stays."""
        ...

    def read(self, name: KeyName) -> str | None:
        """The record's text; None where there is none."""
        ...

    def replace(self, name: KeyName, text: str) -> None:
        """Puts this in the record's place, and leaves nothing of the one before that can be read by its name."""
        ...

    def names(self, tenant_id: int, record: str = "") -> Iterator[KeyName]:
        """Every record of a tenant, or of one of its records, destroyed ones too."""
        ...

    def tenants(self) -> list[int]: ...

    def probe(self) -> str:
        """Writes and reads back; a sentence that says where. Raises SubjectKeysUnavailable."""
        ...


class FolderKeys:
    """Files ``TENANT/RECORD.KIND.NUMBER`` below ``folder``: directories 0700, files 0600, whole or not at all.

    ``make``: whether the folder itself is made when it is not there. It isn't where configuration names one: its file
    system may not be mounted, and keys would be kept in its place.
    """

    def __init__(self, folder: Path, *, make: bool) -> None:
        self._folder = folder
        self._make = make

    def create(self, name: KeyName, text: str) -> bool:
        with self._reached():
            self._made()
            shelf = self._shelf(name.tenant_id)
            with _opened(shelf) as directory:
                temporary = _written(directory, text)
                try:
                    os.link(temporary, name.file, src_dir_fd=directory, dst_dir_fd=directory)
                except FileExistsError:
                    return False
                finally:
                    os.unlink(temporary, dir_fd=directory)
                os.fsync(directory)
        return True

    def read(self, name: KeyName) -> str | None:
        with self._reached():
            if not self._folder.is_dir() and not self._make:
                raise FileNotFoundError(errno.ENOENT, "it is not there")
            try:
                file = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                return None
            with os.fdopen(file, "rb") as stream:
                return stream.read(MAX_RECORD).decode("ascii", errors="replace")

    def replace(self, name: KeyName, text: str) -> None:
        with self._reached(), _opened(self._folder / str(name.tenant_id)) as directory:
            before = os.open(name.file, os.O_RDWR | os.O_NOFOLLOW, dir_fd=directory)
            try:
                temporary = _written(directory, text)
                try:
                    os.rename(temporary, name.file, src_dir_fd=directory, dst_dir_fd=directory)
                except BaseException:
                    os.unlink(temporary, dir_fd=directory)
                    raise
                os.fsync(directory)
                # The name is the new record's. What the old one's blocks held is written over, where a disk does so.
                os.pwrite(before, bytes(os.fstat(before).st_size), 0)
                os.fsync(before)
            finally:
                os.close(before)

    def names(self, tenant_id: int, record: str = "") -> Iterator[KeyName]:
        with self._reached():
            try:
                found = sorted(os.listdir(self._folder / str(tenant_id)))
            except FileNotFoundError:
                return
        for file in found:
            if _NAME.fullmatch(file) and (not record or file.startswith(f"{record}.")):
                yield KeyName.parse(f"{tenant_id}.{file}")

    def tenants(self) -> list[int]:
        with self._reached():
            try:
                found = os.listdir(self._folder)
            except FileNotFoundError:
                return []
        return sorted(int(name) for name in found if _TENANT.fullmatch(name))

    def probe(self) -> str:
        with self._reached():
            self._made()
            with _opened(self._folder) as directory:
                temporary = _written(directory, "handrail check\n")
                os.unlink(temporary, dir_fd=directory)
        return f"Keys can be written to {self._folder}."

    def _path(self, name: KeyName) -> Path:
        return self._folder / str(name.tenant_id) / name.file

    def _made(self) -> None:
        if self._make:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _shelf(self, tenant_id: int) -> Path:
        shelf = self._folder / str(tenant_id)
        if not shelf.is_dir():
            with suppress(FileExistsError):
                shelf.mkdir(mode=0o700)
                with _opened(self._folder) as folder, _opened(shelf) as directory:
                    _give(directory, os.fstat(folder))
                    os.fsync(folder)
        return shelf

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"The folder of subject keys, {self._folder}, can't be used: {error.strerror}."
            raise SubjectKeysUnavailable(message) from None


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    directory = os.open(path, _DIRECTORY)
    try:
        yield directory
    finally:
        os.close(directory)


def _written(directory: int, text: str) -> str:
    """The name of a new file with that text, on the disk. Nothing is left of one that can't be written whole."""
    name = f"tmp-{secrets.token_hex(8)}"
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    try:
        with os.fdopen(file, "wb") as stream:
            os.fchmod(stream.fileno(), 0o600)
            _give(stream.fileno(), os.fstat(directory))
            stream.write(text.encode("ascii"))
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with suppress(OSError):
            os.unlink(name, dir_fd=directory)
        raise
    return name


def _give(file: int, owner: os.stat_result) -> None:
    """What root makes gets the owner of the folder: the service has to read it."""
    if os.geteuid() == 0:
        os.fchown(file, owner.st_uid, owner.st_gid)
