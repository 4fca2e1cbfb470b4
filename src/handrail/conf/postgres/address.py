"""How a client reaches the socket: by the data directory's path, or by a short link that only this user can follow."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from handrail.conf.postgres.server import PORT

# What fits into sockaddr_un with the byte that ends it: 108 bytes on Linux, 104 elsewhere.
SOCKET_BYTES = 107 if sys.platform == "linux" else 103
PREFIX = "handrail-socket-"


def url(directory: Path, *, database: str, role: str) -> str:
    """The server's address as a URL, which every PostgreSQL client takes."""
    host = quote(str(_reached(directory)), safe="/")
    return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={host}&port={PORT}"


def _reached(directory: Path) -> Path:
    """``directory``, or a link to it if its path is too long for a socket, or no client could be given it."""
    text = os.fsencode(directory / f".s.PGSQL.{PORT}")
    plain = "," not in str(directory) and str(directory).isprintable()  # a comma separates hosts
    return directory if plain and len(text) <= SOCKET_BYTES else _link(directory)


def _link(directory: Path) -> Path:
    """A link in a new directory of mode 0700, which goes when this process ends."""
    base = _base()
    _sweep(base)
    private = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    held = os.open(private, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(held, fcntl.LOCK_SH)  # "in use", to the next one's sweep and to systemd's
    link = private / "s"
    link.symlink_to(directory)
    atexit.register(_remove, private, os.getpid())
    return link


def _base() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    for name in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108 - what is made there is 0700 from the start
        short = len(os.fsencode(name)) <= SOCKET_BYTES - len(f"/{PREFIX}12345678/s/.s.PGSQL.{PORT}")
        if name.startswith("/") and short and os.access(name, os.W_OK | os.X_OK):
            return Path(name)
    return Path(tempfile.gettempdir())


def _sweep(base: Path) -> None:
    """Removes what killed processes of this user have left."""
    for left in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)


def _remove(private: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(private, ignore_errors=True)
