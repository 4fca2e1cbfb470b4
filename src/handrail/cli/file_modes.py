"""Whether anybody else on this machine can read a key, or change the configuration."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handrail.cli import installation
from handrail.connectors.finding import Finding

if TYPE_CHECKING:
    from handrail.conf.config import Config

# What Handrail makes in the state directory when no reference names another place.
KEYS = ("web-secret-key", "audit-signing-key.pem", "release-signing-key.pem")
NAME = "files"


def findings(config: Config) -> Iterator[Finding]:
    """One for each file or directory that is open to others; a single one when none is."""
    found = list(_open_to_others(config))
    yield from found
    if not found:
        yield Finding(NAME, ok=True, message="Nobody else can read a key or change the configuration.")


def _open_to_others(config: Config) -> Iterator[Finding]:
    state = config.state_directory.absolute()
    owners = {0, os.geteuid(), *_owner(state)}
    file = installation.configuration_file()
    keys = {state / name for name in KEYS} | {Path(named).absolute() for named in _referred(config.model_dump())}
    for path in sorted(keys):
        yield from _of_file(path, owners, secret=True)
    if file is not None:
        yield from _of_file(file.absolute(), owners, secret=False)
    # A directory that others can write to lets them put another file in the place of a key.
    directories = {state, *(path.parent for path in keys)} | ({file.absolute().parent} if file else set())
    above = {parent for directory in directories for parent in (directory, *directory.parents)}
    for path in sorted(above):
        yield from _of_directory(path, owners)


def _of_file(path: Path, owners: set[int], *, secret: bool) -> Iterator[Finding]:
    try:
        found = path.stat()
    except OSError:
        return  # what reads it reports that it cannot
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid not in owners:
        yield _wrong(path, "belongs to another user", f"chown it to the user that runs Handrail: {path}")
    elif secret and mode & stat.S_IRWXO:
        yield _wrong(path, f"is a secret and open to every user (mode {mode:04o})", f"Run: chmod o= {path}")
    elif mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield _wrong(path, f"can be changed by others (mode {mode:04o})", f"Run: chmod go-w {path}")
    elif secret and mode & stat.S_IRGRP:
        message = f"{path} is a secret that its group can read (mode {mode:04o})."
        yield Finding(NAME, ok=True, message=message, fix="Run chmod g= on it, unless the group is Handrail's alone.")


def _of_directory(path: Path, owners: set[int]) -> Iterator[Finding]:
    try:
        found = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid not in owners:
        yield _wrong(path, "belongs to another user, who can replace what is in it", f"chown it: {path}")
    elif mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        yield _wrong(path, f"lets every user replace what is in it (mode {mode:04o})", f"Run: chmod o-w {path}")
    elif mode & stat.S_IWGRP and not mode & stat.S_ISVTX:
        message = f"{path} lets its group replace what is in it (mode {mode:04o})."
        yield Finding(NAME, ok=True, message=message, fix="Run chmod g-w on it, unless the group is Handrail's alone.")


def _wrong(path: Path, message: str, fix: str) -> Finding:
    return Finding(NAME, ok=False, message=f"{path} {message}.", fix=fix)


def _owner(path: Path) -> list[int]:
    """The user that the service runs as owns its state; root may be the one who looks."""
    try:
        return [path.stat().st_uid]
    except OSError:
        return []


def _referred(value: Any) -> Iterator[str]:
    """The paths of every ``file:PATH`` in the configuration."""
    if isinstance(value, str) and value.startswith("file:"):
        yield value.removeprefix("file:")
    elif isinstance(value, dict):
        for one in value.values():
            yield from _referred(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _referred(one)
