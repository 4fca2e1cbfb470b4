"""The command line's one door to ``conf``: the installation that this process is to work with."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from handrail.conf import config, environment, release
from handrail.conf import start as beginning
from handrail.conf.config import Config
from handrail.kernel.errors import Misconfigured
from handrail.packets.keyring import KeyRingDirectory


def load_models() -> None:
    """Makes the models importable, without configuration or database, so that commands that need them can be."""
    beginning.load_models()


def start(*, quiet: bool = False) -> Config:
    """Makes configuration, database and Django ready. Raises Misconfigured. A second call costs nothing.

    ``quiet`` is for processes that are meant to run on defaults, or whose standard error is a log.
    """
    if not quiet:
        _tell_when_unconfigured()
    beginning.start()
    return config.load()


def as_owner() -> AbstractContextManager[None]:
    """A ``with`` block in which the database connection is its owner's: for migrations and grants alone."""
    return beginning.as_owner()


def apply_rights() -> bool:
    """Grants and row security as this version has them; inside ``as_owner``. False when they are so already."""
    return beginning.apply_rights()


def rights_are_applied() -> bool:
    """Whether the database has grants and row security as this version has them."""
    return beginning.rights_are_applied()


def rights_strays(serving: str) -> list[str]:
    """What the database lets the role ``serving`` do or see besides: a sentence for each."""
    return beginning.rights_strays(serving)


def rights_digest() -> str:
    """Changes with what this version grants and shows."""
    return beginning.rights_digest()


def rights() -> list[str]:
    """The statements of ``apply_rights``."""
    return beginning.rights()


def configuration() -> Config:
    """The configuration alone, without database or Django. Raises Misconfigured."""
    _tell_when_unconfigured()
    return config.load()


@cache
def _tell_when_unconfigured() -> None:
    """Says so, once, when a command is about to work on defaults: often it was meant for another installation."""
    if config.find() is None:
        here = config.load().state_directory.absolute()
        message = f"handrail: no {config.DEFAULT_FILE} in this directory, and HANDRAIL_CONFIG names none: "
        print(f"{message}defaults hold, and keys and data are those in {here}.", file=sys.stderr)


def token() -> str | None:
    """The personal access token with which a person acts at the command line."""
    return environment.token()


def configuration_file() -> Path | None:
    """The file that the configuration was read from; None when defaults hold."""
    return config.find()


def embedded_version() -> tuple[int, int]:
    """Major and minor version of the server that comes with Handrail."""
    return beginning.embedded_version()


def has_database() -> bool:
    """Whether there is a server to start with, or to ask. Raises Misconfigured."""
    return beginning.has_database()


def use_file(path: Path) -> None:
    """From now on, here and in child processes, the installation is the one that ``path`` configures."""
    environment.use_file(path)


def key_ring() -> KeyRingDirectory:
    """Which public release keys count. Needs no database. Raises Misconfigured."""
    return release.key_ring(configuration())


def release_key_reference() -> str:
    """Where the private release key is, as ``env:NAME`` or ``file:PATH``."""
    return release.key_reference(configuration())


def task_workspaces(name: str | None = None) -> list[str]:
    """The workspaces that have a task system; only that of the one named ``name``, if it is given. Raises Misconfigured
    when there is none."""
    systems = configuration().known_task_systems
    if not systems:
        raise Misconfigured("No task system is configured: add [tasks] to handrail.toml.", code="tasks-unconfigured")
    found = [one.workspace for label, one in systems.items() if name in (None, label, label.partition(".")[2])]
    if not found:
        message = f"There is no such task system; those configured are: {', '.join(systems)}."
        raise Misconfigured(message, code="task-system-unknown")
    return found
