"""The web server's signing key: by reference from configuration, else made once and kept in the state directory."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from handrail.conf.config import Config
from handrail.conf.config import secrets as configured_secrets

FILE = "web-secret-key"


def web_secret_key(config: Config) -> str:
    """At least 64 random characters, the same for all processes of this installation."""
    if config.web.secret_key:
        return configured_secrets().resolve(config.web.secret_key).reveal()
    return _kept(config.state_directory / FILE)


def _kept(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    key = secrets.token_urlsafe(64)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(key)
    return key
