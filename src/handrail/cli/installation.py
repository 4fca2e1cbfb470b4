"""The command line's one door to ``conf``: the installation that this process is to work with."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from handrail.access.actor import Actor
    from handrail.conf.config import Config
    from handrail.packets.keyring import KeyRingDirectory

_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


def start() -> Config:
    """Makes configuration, database and Django ready. Raises Misconfigured. A second call costs nothing."""
    from handrail.conf import config, start

    start.start()
    return config.load()


def configuration() -> Config:
    """The configuration alone, without database or Django. Raises Misconfigured."""
    from handrail.conf import config

    return config.load()


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
    from handrail.conf import config, release

    return release.key_ring(config.load())


def release_key_reference() -> str:
    """Where the private release key is, as ``env:NAME`` or ``file:PATH``."""
    from handrail.conf import config, release

    return release.key_reference(config.load())


def task_workspace() -> str:
    """The workspace whose tasks the configured task system holds. Raises Misconfigured when none is configured."""
    tasks = configuration().tasks
    if tasks is None:
        raise Misconfigured("No task system is configured: add [tasks] to handrail.toml.", code="tasks-unconfigured")
    return tasks.workspace
