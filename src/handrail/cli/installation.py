"""The command line's one door to ``conf``: the installation that this process is to work with."""

from __future__ import annotations

import dataclasses
import os
import pwd
import sys
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from handrail.kernel.errors import Denied, Invalid, Misconfigured

if TYPE_CHECKING:
    from handrail.access.actor import Actor
    from handrail.conf.config import Config
    from handrail.packets.keyring import KeyRingDirectory

# What the kernel says of a process that nobody logged in for.
NO_LOGIN = 2**32 - 1
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
    """Starts the installation and gives whoever acts in it: the member whose token HANDRAIL_TOKEN is, else ``email``,
    else the installation's operator. Raises NotFound for an unknown member or workspace, Invalid for a token that
    opens nothing or is somebody else's.
    """
    start()
    from handrail.access import queries
    from handrail.conf import environment

    secret = environment.token()
    if secret is not None:
        found = _bearer(secret, email, workspace)
    else:
        found = queries.person(email, workspace) if email else queries.command_line(workspace)
    return _remembered(found)


def decider(email: str | None, workspace: str | None) -> Actor:
    """Like ``actor``, for what counts as that person's own decision. Raises Denied when only a name stands for them
    and ``[cli] act_as`` does not allow it."""
    who = actor(email, workspace)
    from handrail.access.actor import ActorKind
    from handrail.conf import config, environment

    named_only = who.kind is ActorKind.PERSON and environment.token() is None
    if named_only and not config.decides_by_name(config.load()):
        raise Denied(
            f"A decision of {who.name} needs their own token in HANDRAIL_TOKEN. They can also decide on the pages.",
            capability="cli:act_as",
        )
    return who


def operator() -> Actor:
    """Starts the installation and gives its operator before there is any workspace."""
    start()
    from handrail.access import queries

    return _remembered(queries.operator())


def operator_of_database() -> Actor | None:
    """The installation's operator where there is a database that answers; None where there is none to write to."""
    from handrail.conf import start

    if not start.has_database():
        return None
    import psycopg
    from django.db import Error

    try:
        found = operator()
        from handrail.access import queries

        queries.list_workspaces()
    except (Error, psycopg.Error, Misconfigured):
        return None
    return found


def _bearer(secret: str, email: str | None, workspace: str | None) -> Actor:
    from handrail.access import queries, tokens
    from handrail.access.actor import NOBODY

    found = tokens.bearer(secret)
    if found is NOBODY:
        raise Invalid("HANDRAIL_TOKEN opens nothing: it is unknown, expired or revoked.", code="token")
    if email is not None and email.lower() != found.name.lower():
        raise Invalid(f"HANDRAIL_TOKEN is not {email}'s.", code="token")
    if workspace is not None and queries.get_workspace(workspace).pk != found.workspace_id:
        raise Invalid(f"HANDRAIL_TOKEN is not for the workspace {workspace}.", code="token")
    return found


def _remembered(found: Actor) -> Actor:
    """``found`` with where the act comes from: the command line, and which account of this machine runs it."""
    marked = dataclasses.replace(found, origin={"via": "command", "os_user": os_user()})
    _acting.set(marked)
    return marked


def os_user() -> str:
    """The account that runs this process; behind it, when another logged in and then changed over, that one too.

    Asked of the system: environment variables say what somebody wants them to.
    """
    account = _account(os.getuid())
    try:
        login = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return account
    return account if login in (NO_LOGIN, os.getuid()) else f"{account}, logged in as {_account(login)}"


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


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
