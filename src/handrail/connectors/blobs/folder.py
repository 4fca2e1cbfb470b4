"""Blobs in a folder of this machine: one file each, named by its digest, written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from handrail.connectors.blobs.store import BlobRefused, BlobUnavailable, bounded, pour, verified
from handrail.connectors.finding import Finding
from handrail.kernel.canonical import hexadecimal
from handrail.kernel.errors import NotFound

# What opening says of a symlink, of a symlink or file where the shelf should be, and of a socket.
_NO_FILE = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO})
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class FolderBlobs:
    """Files ``ab/abcdef…`` below ``folder``, mode 0600. Safe to share between threads and processes."""

    kind = "blobs"

    def __init__(self, name: str, folder: Path, *, max_bytes: int) -> None:
        self.name = name
        self._folder = folder
        self._max_bytes = max_bytes

    def put(self, content: bytes | BinaryIO) -> str:
        """Write beside, sync, then rename into place: a crash leaves a stray temporary file at worst."""
        return self._put(content, None)

    def put_as(self, name: str, content: BinaryIO) -> None:
        self._put(content, name)

    def _put(self, content: bytes | BinaryIO, name: str | None) -> str:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._opened() as root:
                return self._write(root, content, name)
        except OSError as error:
            raise _unavailable(error) from None

    def _write(self, root: int, content: bytes | BinaryIO, name: str | None) -> str:
        temporary = f"tmp-{secrets.token_hex(16)}"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=root)
        try:
            with os.fdopen(file, "wb") as stream:
                digest, _ = pour(content, stream, max_bytes=self._max_bytes)
                stream.flush()
                os.fsync(stream.fileno())
            name = name or hexadecimal(digest)
            with suppress(FileExistsError):
                os.mkdir(name[:2], 0o700, dir_fd=root)
            with _inside(root, name[:2]) as shelf:
                os.rename(temporary, name, src_dir_fd=root, dst_dir_fd=shelf)
                os.fsync(shelf)
            os.fsync(root)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=root)
            raise
        return digest

    def open(self, digest: str) -> BinaryIO:
        """The verified content. Raises NotFound, BlobRefused (as for a symlink), BlobUnavailable, Invalid."""
        with self._stream(digest) as stream:
            return verified(stream, digest, max_bytes=self._max_bytes)

    def open_as(self, name: str) -> BinaryIO:
        with self._stream(f"sha256:{name}") as stream:
            return bounded(stream, max_bytes=self._max_bytes)

    def remove(self, name: str) -> None:
        file = hexadecimal(name) if name.startswith("sha256:") else name
        try:
            with self._opened() as root, _inside(root, file[:2]) as shelf:
                os.unlink(file, dir_fd=shelf)
                os.fsync(shelf)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unavailable(error) from None

    def exists(self, digest: str) -> bool:
        try:
            self.size(digest)
        except NotFound:
            return False
        return True

    def size(self, digest: str) -> int:
        """Bytes. Raises NotFound, BlobUnavailable, Invalid."""
        with self._stream(digest) as stream:
            return os.fstat(stream.fileno()).st_size

    def check(self) -> list[Finding]:
        """Whether a blob can be written and read back."""
        try:
            self.open(self.put(b"handrail check\n")).close()
        except BlobUnavailable as error:
            return [Finding(self.name, ok=False, message=error.message, fix="Check folder, its owner and free space.")]
        return [Finding(self.name, ok=True, message="A blob was written and read back.")]

    @contextmanager
    def _stream(self, digest: str) -> Iterator[BinaryIO]:
        name = hexadecimal(digest)
        try:
            with self._opened() as root:
                file = _file(root, name)
        except FileNotFoundError:
            raise NotFound("There is no blob of that digest.") from None
        except OSError as error:
            raise _unavailable(error) from None
        with os.fdopen(file, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise _no_file()
            yield stream

    @contextmanager
    def _opened(self) -> Iterator[int]:
        root = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield root
        finally:
            os.close(root)


@contextmanager
def _inside(root: int, name: str) -> Iterator[int]:
    shelf = os.open(name, _FOLDER_FLAGS, dir_fd=root)
    try:
        yield shelf
    finally:
        os.close(shelf)


def _file(root: int, name: str) -> int:
    """The blob's file, open. Raises OSError; BlobRefused where a link, a socket or the like stands in its way."""
    try:
        with _inside(root, name[:2]) as shelf:
            # O_NONBLOCK: a FIFO put in its place must not hold the reader.
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=shelf)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_file() from None
        raise


def _no_file() -> BlobRefused:
    return BlobRefused("The blob's path is not a regular file.")


def _unavailable(error: OSError) -> BlobUnavailable:
    return BlobUnavailable(f"The blob store's folder can't be used: {error.strerror}.")
