"""The data directory by its descriptor, so that neither its path's length nor its parents' modes matter.

When Handrail runs as root, the server's account can put into the directory what it likes: nothing here follows a link
that it may have left.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from handrail.conf.postgres.account import UnixAccount
from handrail.kernel.errors import Unavailable

# Held while a server is started; shared by each process that uses the server; held by the server's keeper.
LOCK, USERS, KEEPER = "handrail.lock", "handrail.users", "handrail.keeper"
OURS = {LOCK, USERS, KEEPER}
LOOK_SECONDS = 0.02
DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Directory:
    """An open directory. ``account`` owns it; its files are given to that account."""

    path: Path
    descriptor: int
    account: UnixAccount

    def name(self) -> str:
        """How a child process that inherits the descriptor calls the directory."""
        return f"{DESCRIPTORS}/{self.descriptor}" if DESCRIPTORS.is_dir() else str(self.path)

    def entries(self) -> set[str]:
        return set(os.listdir(self.descriptor))

    def has(self, name: str) -> bool:
        return name in self.entries()

    def read(self, name: str) -> str | None:
        """The text of a file, or None without it."""
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self.descriptor)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            return file.read()

    def write(self, name: str, text: str) -> None:
        """Replaces a file at once, readable by the account alone."""
        new = f"{name}.new"
        self.remove(new)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(new, flags, 0o600, dir_fd=self.descriptor)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                if self.account.other:
                    os.fchown(file.fileno(), self.account.uid, self.account.gid)
                file.write(text)
            os.rename(new, name, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except OSError:
            with suppress(OSError):
                os.unlink(new, dir_fd=self.descriptor)
            raise

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.descriptor)

    def open_lock(self, name: str) -> int:
        """A descriptor to lock with. Locks of two descriptors exclude each other, also in one process."""
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=self.descriptor)
        found = os.fstat(descriptor)
        if self.account.other and found.st_uid == 0 and found.st_nlink == 1:  # root must not lock the owner out
            os.fchown(descriptor, self.account.uid, self.account.gid)
        return descriptor

    def is_free(self, name: str) -> bool:
        """Whether nobody holds the lock ``name``."""
        descriptor = self.open_lock(name)
        try:
            return try_lock(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def starting(self, seconds: float) -> Iterator[None]:
        """Nobody else starts or stops the server within the block. Raises Unavailable after ``seconds``."""
        descriptor = self.open_lock(LOCK)
        until = time.monotonic() + seconds
        try:
            while not try_lock(descriptor):
                if time.monotonic() > until:
                    message = f"Another process has been starting or stopping the embedded database in {self.path} "
                    raise Unavailable(f"{message}for {seconds:.0f} s.", code="embedded-busy")
                time.sleep(LOOK_SECONDS)
            yield
        finally:
            os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
