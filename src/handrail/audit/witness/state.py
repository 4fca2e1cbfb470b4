"""What a witness keeps: its key, and of each log that it knows the keys and the last checkpoint that it cosigned.

    witness.json          its name
    witness-key.pem       mode 0600
    logs/<SHA-256 of the origin>.json

A log is known by its file, and only ``trust`` makes one. A file that is lost makes its log unknown, never one that
starts again at zero. Each file is replaced whole, and on the disk before anybody hears of what is in it; who changes
one holds the lock of the directory, in whatever process.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from handrail.audit import checkpoint, cosignature
from handrail.audit.checkpoint import MAX_SIZE, NoteKey
from handrail.audit.cosignature import CosignatureType, CosignerKey, CosignerPrivateKey
from handrail.audit.merkle import EMPTY_ROOT, HASH_BYTES
from handrail.kernel.errors import Conflict, Invalid, Misconfigured, NotFound

NAME_FILE, KEY_FILE, LOGS, LOCK_FILE = "witness.json", "witness-key.pem", "logs", "lock"
MAX_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """``size`` and ``root``: of the last checkpoint that was cosigned; 0 for none. ``timestamp``: when."""

    origin: str
    keys: tuple[NoteKey, ...]
    size: int = 0
    root: bytes = EMPTY_ROOT
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class WitnessFiles:
    """The files of one witness, in ``directory``."""

    directory: Path

    def make(self, name: str, kind: CosignatureType) -> CosignerKey:
        """A new witness. Raises Conflict when there is one already, Invalid for a name that no key can have."""
        if not checkpoint.is_name(name):
            message = "A witness's name is 1 to 255 bytes without white space and +."
            raise Invalid(message, code="witness-name")
        with self.alone():
            if (self.directory / NAME_FILE).exists() or (self.directory / KEY_FILE).exists():
                raise Conflict(f"{self.directory} holds a witness already.", code="witness-there")
            key = Ed25519PrivateKey.generate() if kind is CosignatureType.ED25519 else MLDSA44PrivateKey.generate()
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            _write(self.directory / KEY_FILE, pem)
            _write(self.directory / NAME_FILE, json.dumps({"name": name}).encode())
        return cosignature.public_of(name, key)

    def name(self) -> str:
        """Raises Misconfigured when there is no witness here."""
        return str(_read(self.directory / NAME_FILE).get("name"))

    def key(self) -> CosignerPrivateKey:
        """Raises Misconfigured when it can't be read."""
        path = self.directory / KEY_FILE
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey | MLDSA44PrivateKey):
            raise Misconfigured(f"{path} holds no Ed25519 or ML-DSA-44 key.", code="witness-key")
        return key

    def trust(self, key: NoteKey) -> None:
        """Makes the log known that signs with ``key`` and has its name; or adds the key to those of a known log."""
        with self.alone():
            try:
                known = self.log(key.name)
            except NotFound:
                known = WitnessedLog(key.name, ())
            texts = {one.to_text(): one for one in (*known.keys, key)}
            self.keep(WitnessedLog(key.name, tuple(texts.values()), known.size, known.root, known.timestamp))

    def log(self, origin: str) -> WitnessedLog:
        """Raises NotFound for a log that nobody has made known, Misconfigured when its file is damaged."""
        path = self._file(origin)
        if not path.exists():
            raise NotFound
        given = _read(path)
        try:
            root = base64.b64decode(given["root"], validate=True)
            keys = tuple(cosignature.read_key(text) for text in given["keys"])
            found = WitnessedLog(str(given["origin"]), keys, int(given["size"]), root, int(given["timestamp"]))
        except (KeyError, TypeError, ValueError, Invalid):
            raise Misconfigured(f"{path} is damaged. Restore it from a copy.", code="witness-state") from None
        # What stands for nothing seen is the empty log and nothing else, or a damaged file would begin a log again.
        sound = 0 < found.size <= MAX_SIZE and found.timestamp > 0 and len(root) == HASH_BYTES
        if not keys or not (sound or (found.size == 0 and root == EMPTY_ROOT)):
            raise Misconfigured(f"{path} is damaged. Restore it from a copy.", code="witness-state")
        if found.origin != origin:
            raise Misconfigured(f"{path} is that of another log.", code="witness-state")
        return found

    def logs(self) -> list[WitnessedLog]:
        """Every known log, by origin."""
        found = []
        for path in sorted((self.directory / LOGS).glob("*.json")):
            origin = str(_read(path).get("origin"))
            if path != self._file(origin):
                raise Misconfigured(f"{path} is that of another log.", code="witness-state")
            found.append(self.log(origin))
        return sorted(found, key=lambda one: one.origin)

    def keep(self, log: WitnessedLog) -> None:
        """The caller holds the lock. Raises Misconfigured when it can't be written; then nothing has changed."""
        given = {
            "origin": log.origin,
            "keys": [key.to_text() for key in log.keys],
            "size": log.size,
            "root": base64.b64encode(log.root).decode(),
            "timestamp": log.timestamp,
        }
        _write(self._file(log.origin), (json.dumps(given, indent=1) + "\n").encode())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process or thread changes anything here within the block."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Misconfigured(f"{self.directory} can't be used: {error.strerror}.", code="witness-state") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _file(self, origin: str) -> Path:
        return self.directory / LOGS / f"{hashlib.sha256(origin.encode()).hexdigest()}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            given = json.loads(file.read(MAX_FILE))
    except FileNotFoundError:
        message = f"{path} is not there. Make a witness first: handrail witness init"
        raise Misconfigured(message, code="witness-state") from None
    except (OSError, ValueError):
        given = None
    if not isinstance(given, dict):
        raise Misconfigured(f"{path} is damaged. Restore it from a copy.", code="witness-state")
    return given


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and on the disk when this returns."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(new)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise Misconfigured(f"{path} can't be written: {error.strerror}.", code="witness-state") from None
