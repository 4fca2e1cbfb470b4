"""Pointing this process, and those that it starts, at another installation than the one in its directory."""

from __future__ import annotations

import os
from pathlib import Path

from handrail.conf import config

OVERRIDES = ("DATABASE_URL", "DATABASE_OWNER_URL", "HANDRAIL_STATE_DIR")


def use_file(path: Path) -> None:
    """``path`` is the whole configuration: what the environment would override in it is forgotten."""
    os.environ["HANDRAIL_CONFIG"] = str(path)
    for name in OVERRIDES:
        os.environ.pop(name, None)
    config.load.cache_clear()


def token() -> str | None:
    """The personal access token with which a person acts at the command line."""
    return os.environ.get("HANDRAIL_TOKEN") or None


def put(name: str, value: str) -> None:
    """Sets a variable for this process and its children: a secret that the configuration names as ``env:NAME``."""
    os.environ[name] = value
