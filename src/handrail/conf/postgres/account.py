"""The Unix account that the embedded server runs as, and the accounts that it lets in."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import Any

from handrail.kernel.errors import Misconfigured

# PostgreSQL refuses to run as root; its server then runs as this account, which owns nothing else and can't log in.
NAME = "handrail-postgres"
ADVICE = "Run Handrail as a user other than root, or set [database] url to a server of your own."


@dataclass(frozen=True, slots=True)
class UnixAccount:
    """``other``: it is not the account of this process, which then is root."""

    name: str
    uid: int
    gid: int
    other: bool

    def identity(self) -> dict[str, Any]:
        """The arguments of ``subprocess`` that run a program as this account, with no group of root's."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.other else {}

    def admitted(self) -> list[str]:
        """Names of the accounts that may connect, as any role: its own, and root, which could become it anyway."""
        root = _name(0)
        return [self.name] if root in {None, self.name} else [self.name, str(root)]


def of(owner: int) -> UnixAccount:
    """The account for a data directory that belongs to the user id ``owner``.

    It is this process's own. Root uses the directory's owner, and for a directory of root's an account of the
    server's. Raises Misconfigured when the directory is another user's, or the account has no name.
    """
    me = os.geteuid()
    if me not in {0, owner}:
        message = "The embedded database belongs to another user. Run Handrail as that user."
        raise Misconfigured(message, code="embedded-owner")
    if me == 0 and owner == 0:
        return _of_server()
    name = _name(owner)
    if name is None:
        message = (
            f"User id {owner} has no name in /etc/passwd, and PostgreSQL needs one. Add it, or set [database] url."
        )
        raise Misconfigured(message, code="embedded-account")
    return UnixAccount(name, owner, pwd.getpwuid(owner).pw_gid, other=me != owner)


def _of_server() -> UnixAccount:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _made()
    return UnixAccount(entry.pw_name, entry.pw_uid, entry.pw_gid, other=True)


def _made() -> pwd.struct_passwd:
    make = [
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/",
        "--shell",
        "/usr/sbin/nologin",
    ]
    try:
        subprocess.run([*make, NAME], check=False, capture_output=True)  # noqa: S603 - another start may have been faster
        return pwd.getpwnam(NAME)
    except (OSError, KeyError):
        message = f"PostgreSQL refuses to run as root, and its account {NAME} can't be made with useradd. {ADVICE}"
        raise Misconfigured(message, code="embedded-account") from None


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
