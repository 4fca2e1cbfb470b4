"""Writing a file so that it is there whole, or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A seekable stream that becomes ``target`` (mode 0600) when the block ends well, and nothing when it doesn't.

    File and directory are flushed to disk before it returns.
    """
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _flush(target.parent)


def write_new(target: Path, raw: bytes) -> Path:
    """Writes ``target``, whole, where nothing is yet. Raises FileExistsError where something is."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as out:
            out.write(raw)
            out.flush()
            os.fsync(out.fileno())
        os.link(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _flush(target.parent)
    return target


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Waits until no other process has ``file`` locked, and has it for the length of the block; a process that ends
    lets it go. Raises OSError."""
    with file.open("a+b") as held:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415

            held.seek(0)
            msvcrt.locking(held.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl  # noqa: PLC0415

            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _flush(directory: Path) -> None:
    if sys.platform == "win32":  # has no such thing for directories
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
