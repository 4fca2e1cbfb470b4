"""The installation's own keys: by reference from configuration, else made once and kept in the state directory."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from handrail.audit.signing import load_key, load_second_key, new_key_pem
from handrail.conf.config import Config
from handrail.conf.config import secrets as configured_secrets

FILE = "web-secret-key"
AUDIT_FILE = "audit-signing-key.pem"


def web_secret_key(config: Config) -> str:
    """At least 64 random characters, the same for all processes of this installation."""
    if config.web.secret_key:
        return configured_secrets().resolve(config.web.secret_key).reveal()
    return _kept(config.state_directory / FILE, lambda: secrets.token_urlsafe(64))


def audit_signing_key(config: Config) -> Ed25519PrivateKey:
    """What signs the audit log's checkpoints. Raises Misconfigured when it is not an Ed25519 key in PEM."""
    if config.audit.signing_key:
        return load_key(configured_secrets().resolve(config.audit.signing_key).reveal())
    return load_key(_kept(config.state_directory / AUDIT_FILE, new_key_pem))


def audit_second_key(config: Config) -> MLDSA44PrivateKey | None:
    """What signs the checkpoints too. Raises Misconfigured when it is not an ML-DSA-44 key in PEM."""
    given = config.audit.second_signing_key
    return load_second_key(configured_secrets().resolve(given).reveal()) if given else None


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The file's text, made first if need be. Whole or absent, also for a process that starts at the same moment."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was faster: its key counts
                os.link(new, path)
        finally:
            os.unlink(new)
    return path.read_text(encoding="ascii")
