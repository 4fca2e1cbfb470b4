"""The command line's one door to ``conf``: the installation that this process is to work with."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from handrail.access.actor import Actor
    from handrail.conf.config import Config
    from handrail.packets.keyring import KeyRingDirectory

_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


def start(*, quiet: bool = False) -> Config:
    """Makes configuration, database and Django ready. Raises Misconfigured. A second call costs nothing.

    ``quiet`` is for processes that are meant to run on defaults, or whose standard error is a log.
    """
    from handrail.conf import config, start

    if not quiet:
        _tell_when_unconfigured()
    start.start()
    return config.load()


def configuration() -> Config:
    """The configuration alone, without database or Django. Raises Misconfigured."""
    from handrail.conf import config

    _tell_when_unconfigured()
    return config.load()


@cache
def _tell_when_unconfigured() -> None:
    """Says so, once, when a command is about to work on defaults: often it was meant for another installation."""
    from handrail.conf import config

    if config.find() is None:
        here = config.load().state_directory.absolute()
        says = f"handrail: no {config.DEFAULT_FILE} in this directory, and HANDRAIL_CONFIG names none: "
        print(f"{says}defaults hold, and keys and data are those in {here}.", file=sys.stderr)


def use_file(path: Path) -> None:
    """From now on, here and in child processes, the installation is the one that ``path`` configures."""
    from handrail.conf import environment

    environment.use_file(path)


def actor(email: str | None, workspace: str | None) -> Actor:
    """Starts the installation and gives whoever acts in it. Raises NotFound for an unknown member or workspace."""
    start()
    from handrail.access import queries

    found = queries.person(email, workspace) if email else queries.command_line(workspace)
    _acting.set(found)
    return found


def acting() -> Actor | None:
    """Whoever ``actor`` gave last, for writing a refusal down."""
    return _acting.get()


def key_ring() -> KeyRingDirectory:
    """Which public release keys count. Needs no database. Raises Misconfigured."""
    from handrail.conf import release

    return release.key_ring(configuration())


def release_key_reference() -> str:
    """Where the private release key is, as ``env:NAME`` or ``file:PATH``."""
    from handrail.conf import release

    return release.key_reference(configuration())


def task_workspace() -> str:
    """The workspace whose tasks the configured task system holds. Raises Misconfigured when none is configured."""
    tasks = configuration().tasks
    if tasks is None:
        raise Misconfigured("No task system is configured: add [tasks] to handrail.toml.", code="tasks-unconfigured")
    return tasks.workspace
