"""What every blob store offers, and the digests that name its contents."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol, runtime_checkable

from handrail.connectors.finding import Finding
from handrail.kernel.errors import Invalid, Unavailable

CHUNK = 1024 * 1024


class BlobUnavailable(Unavailable):
    """The store did not answer."""

    code = "blob-unavailable"


class BlobRefused(BlobUnavailable):
    """What stands under a digest is not read, now or later, until somebody repairs the store.

    ``blob-refused``: it is not a regular file, such as a symlink. ``blob-corrupt``: it is not what the digest says.
    ``too-large``: it is over ``max_bytes``.
    """

    code = "blob-refused"


@runtime_checkable
class Blobs(Protocol):
    """A content-addressed store. Digests are ``sha256:`` and 64 lower-case hexadecimal digits."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def put(self, content: bytes | BinaryIO) -> str:
        """Store it and give its digest; storing the same again changes nothing. Raises Invalid over ``max_bytes``."""
        ...

    def open(self, digest: str) -> BinaryIO:
        """The content from its start, already verified. Raises NotFound, BlobRefused, BlobUnavailable, Invalid."""
        ...

    def exists(self, digest: str) -> bool: ...

    def size(self, digest: str) -> int:
        """Bytes. Raises NotFound, BlobUnavailable, Invalid."""
        ...

    def check(self) -> list[Finding]: ...


@runtime_checkable
class NamedBlobs(Blobs, Protocol):
    """A store that also keeps what its caller names."""

    def put_as(self, name: str, content: BinaryIO) -> None:
        """Stores what is not named by its own digest, such as a ciphertext, under 64 hexadecimal digits, in place of
        what was there. Raises BlobUnavailable, Invalid over ``max_bytes``."""
        ...

    def open_as(self, name: str) -> BinaryIO:
        """The same as it stands, to be verified by the caller, who closes it. Raises as ``open``."""
        ...

    def remove(self, name: str) -> None:
        """Takes away what is stored under a name or digest; nothing where nothing is. Raises BlobUnavailable."""
        ...


def pour(source: bytes | BinaryIO, target: BinaryIO, *, max_bytes: int) -> tuple[str, int]:
    """Copies and digests in one pass: (digest, bytes). Raises Invalid as soon as it is over ``max_bytes``."""
    hashed, total = hashlib.sha256(), 0
    for chunk in [source] if isinstance(source, bytes) else iter(lambda: source.read(CHUNK), b""):
        total += len(chunk)
        if total > max_bytes:
            raise Invalid(f"The blob is over the limit of {max_bytes} bytes.", code="too-large")
        hashed.update(chunk)
        target.write(chunk)
    return f"sha256:{hashed.hexdigest()}", total


def verified(source: BinaryIO, digest: str, *, max_bytes: int) -> BinaryIO:
    """A private copy of ``source`` whose bytes have ``digest``. Raises BlobRefused when they do not, or are too many.

    A copy, because the stored file could change between the check and the reading. Up to 1 MiB stays in memory.
    """
    copy = tempfile.SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 - the caller reads and closes it
    try:
        found, _ = pour(source, copy, max_bytes=max_bytes)  # type: ignore[arg-type] # it is one, from Python 3.11 on
    except Invalid as error:
        copy.close()
        raise BlobRefused(error.message, code=error.code) from None
    if found != digest:
        copy.close()
        raise BlobRefused("The stored bytes don't match the digest; restore the blob.", code="blob-corrupt")
    copy.seek(0)
    return copy  # type: ignore[return-value]


def bounded(source: BinaryIO, *, max_bytes: int) -> BinaryIO:
    """A private copy of ``source``, at its start. Raises BlobRefused when it is over ``max_bytes``."""
    copy = tempfile.SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 - the caller reads and closes it
    try:
        pour(source, copy, max_bytes=max_bytes)  # type: ignore[arg-type] # as above
    except Invalid as error:
        copy.close()
        raise BlobRefused(error.message, code=error.code) from None
    copy.seek(0)
    return copy  # type: ignore[return-value]


@contextmanager
def spool(content: bytes | BinaryIO, *, max_bytes: int) -> Iterator[tuple[BinaryIO, str]]:
    """``content`` as a seekable file at its start, with its digest."""
    with tempfile.SpooledTemporaryFile(max_size=CHUNK) as copy:
        digest, _ = pour(content, copy, max_bytes=max_bytes)  # type: ignore[arg-type]
        copy.seek(0)
        yield copy, digest  # type: ignore[misc]
