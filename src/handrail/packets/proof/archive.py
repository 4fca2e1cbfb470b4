"""The one ZIP form that a package has: every byte of it follows from the names, sizes and contents of its entries.

Stored, never deflated: zlib and its replacements give different bytes for the same input, and an archive without
compression can't be a bomb. Fixed time (1980-01-01, the earliest that ZIP can say), regular files of mode 0644, ASCII
names, no extra fields, comments, data descriptors or ZIP64 (docs/adr/0021).
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from handrail.kernel.errors import Invalid

LOCAL: Final = struct.Struct("<4s5H3I2H")
CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
END: Final = struct.Struct("<4s4H2IH")
LOCAL_MAGIC: Final = b"PK\x03\x04"
CENTRAL_MAGIC: Final = b"PK\x01\x02"
END_MAGIC: Final = b"PK\x05\x06"

MAX_BYTES: Final = 2**32 - 2  # 2^32 - 1 means "see the ZIP64 record"
CHUNK_BYTES: Final = 1024 * 1024

_VERSION_NEEDED = 10
_MADE_BY = 3 << 8 | _VERSION_NEEDED  # 3: the external attributes are Unix modes
_DATE = 1 << 5 | 1  # 1980-01-01
_ATTRIBUTES = 0o100644 << 16
_CRC_AT = 14  # offset of the checksum in a local header


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """One file of an archive: its full name, size in bytes, CRC-32 and the offset of its local header."""

    name: str
    size: int
    crc: int
    offset: int


def local_header(name: str, *, size: int, crc: int) -> bytes:  # PF-9
    raw = name.encode("ascii")
    return LOCAL.pack(LOCAL_MAGIC, _VERSION_NEEDED, 0, 0, 0, _DATE, crc, size, size, len(raw), 0) + raw


def directory(entries: Sequence[ArchiveMember], *, offset: int) -> bytes:  # PF-11
    """The central directory that begins at ``offset``, and the end record."""
    records = b"".join(_central_header(entry) for entry in entries)
    return records + END.pack(END_MAGIC, 0, 0, len(entries), len(entries), len(records), offset, 0)


def _central_header(entry: ArchiveMember) -> bytes:
    raw = entry.name.encode("ascii")
    times = (0, 0, 0, _DATE)
    sizes = (entry.crc, entry.size, entry.size, len(raw))
    return (
        CENTRAL.pack(CENTRAL_MAGIC, _MADE_BY, _VERSION_NEEDED, *times, *sizes, 0, 0, 0, 0, _ATTRIBUTES, entry.offset)
        + raw
    )


class Writer:
    """Writes an archive to a seekable binary stream, one pass over each entry's bytes.

    Raises Invalid (``package-too-large``) before the archive passes ``max_bytes``.
    """

    def __init__(self, out: BinaryIO, *, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._out = out
        self._start = out.tell()
        self._at = 0
        self._entries: list[ArchiveMember] = []

    def add(self, name: str, chunks: Iterable[bytes]) -> tuple[int, str]:
        """One entry; its size and hexadecimal SHA-256. Size and checksum are written back into its header."""
        offset, size, crc, sha256 = self._at, 0, 0, hashlib.sha256()
        self._write(local_header(name, size=0, crc=0))
        for chunk in chunks:
            self._write(chunk)
            size += len(chunk)
            crc = zlib.crc32(chunk, crc)
            sha256.update(chunk)
        self._out.seek(self._start + offset + _CRC_AT)
        self._out.write(struct.pack("<3I", crc, size, size))
        self._out.seek(self._start + self._at)
        self._entries.append(ArchiveMember(name, size, crc, offset))
        return size, sha256.hexdigest()

    def finish(self) -> int:
        """Writes the directory; the size of the whole archive in bytes."""
        self._write(directory(self._entries, offset=self._at))
        return self._at

    def _write(self, chunk: bytes) -> None:
        if self._at + len(chunk) > self.max_bytes:  # PF-2
            raise Invalid(f"The package would be over {self.max_bytes} bytes.", code="package-too-large")
        self._out.write(chunk)
        self._at += len(chunk)
