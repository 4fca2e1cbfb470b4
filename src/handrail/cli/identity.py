"""Who acts at the command line: the member whose token HANDRAIL_TOKEN is, a member by name, or the operator."""

from __future__ import annotations

import dataclasses
import os
import pwd
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path

import psycopg
from django.db import Error

from handrail.access import queries, tokens
from handrail.access.actor import NOBODY, Actor
from handrail.cli import installation
from handrail.kernel import scope
from handrail.kernel.errors import Denied, Invalid, Misconfigured
from handrail.worker import clocks

# What the kernel says of a process that nobody logged in for.
NO_LOGIN = 2**32 - 1
_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


def actor(email: str | None, workspace: str | None) -> Actor:
    """Starts the installation and returns who acts in it: the member whose token HANDRAIL_TOKEN is, else ``email``,
    else the installation's operator. Raises NotFound for an unknown member or workspace, Invalid for a token that
    opens nothing or is somebody else's.
    """
    _start()
    secret = installation.token()
    if secret is not None:
        found = _bearer(secret, email, workspace)
    else:
        found = queries.person(email, workspace) if email else queries.command_line(workspace)
    return _remembered(found)


def refuse_members() -> None:
    """Raises Denied where HANDRAIL_TOKEN says that a member acts: what follows is for the installation's operator."""
    secret = installation.token()
    if secret is None:
        return
    with suppress(Error, psycopg.Error, Misconfigured):  # the name only matters for the record of the refusal
        _start()
        _remembered(_bearer(secret, None, None))
    raise Denied(
        "This is for the installation's operator, not for a member: unset HANDRAIL_TOKEN.",
        code="operator-only",
        capability="installation:operate",
    )


def member() -> Actor | None:
    """Starts the installation; the member whose token HANDRAIL_TOKEN is, or None for the installation's operator."""
    _start()
    secret = installation.token()
    return None if secret is None else _remembered(_bearer(secret, None, None))


def operator() -> Actor:
    """Starts the installation and gives its operator before there is any workspace. Raises Denied for a member."""
    refuse_members()
    _start()
    return _remembered(queries.operator())


def operator_of_database() -> Actor | None:
    """The installation's operator where there is a database that answers; None where there is none to write to."""
    if not installation.has_database():
        return None
    try:
        found = operator()
        queries.list_workspaces()
    except (Error, psycopg.Error, Misconfigured):
        return None
    return found


def _start() -> None:
    """The installation, by its database's clock: what is written here is compared with what other machines write."""
    installation.start()
    clocks.follow()


def _bearer(secret: str, email: str | None, workspace: str | None) -> Actor:
    found = tokens.bearer(secret, address=f"command line, {os_user()}")
    if found is NOBODY:
        raise Invalid("HANDRAIL_TOKEN opens nothing: it is unknown, expired or revoked.", code="token")
    if email is not None and email.lower() != found.name.lower():
        raise Invalid(f"HANDRAIL_TOKEN is not {email}'s.", code="token")
    if workspace is not None and queries.get_workspace(workspace).pk != found.workspace_id:
        raise Invalid(f"HANDRAIL_TOKEN is not for the workspace {workspace}.", code="token")
    return found


def _remembered(found: Actor) -> Actor:
    """``found`` with where the act comes from: the command line, and which account of this machine runs it."""
    marked = dataclasses.replace(found, origin={**found.origin, "via": "command", "os_user": os_user()})
    _acting.set(marked)
    scope.change(marked.scope)
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
    """Who ``actor`` returned last, for recording a refusal."""
    return _acting.get()
