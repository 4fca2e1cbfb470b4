"""Reading a package as hostile input: one pass from first byte to last, nothing extracted, nothing decompressed.

There is no search for an end record and no trust in the central directory. Each local header must be byte for byte the
one that ``archive`` would write for its name, size and checksum, entries must follow each other without a gap, and what
comes after them must be exactly the directory that follows from them. So two readers can't see two different archives.
"""

from __future__ import annotations

import hashlib
import re
import stat
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from handrail.packets.proof import archive, dsse
from handrail.packets.proof.archive import ArchiveMember
from handrail.packets.proof.bag import COVERS, DATA, PROOFS, TAGS
from handrail.packets.proof.cover import COVERED, MAX_DOCUMENT_BYTES
from handrail.packets.proof.findings import Code, Refused
from handrail.packets.proof.manifest import DOCUMENTS, MAX_ANNEXES

MAX_ENTRIES: Final = len(TAGS) + len(COVERS) + len(PROOFS) + len(DOCUMENTS) + MAX_ANNEXES
MAX_NAME_BYTES: Final = 255
MAX_KEPT_BYTES: Final = dsse.MAX_BYTES
_READ_FOR_COVER: Final = frozenset(DATA + path for path in COVERED)

_ENCRYPTED = 1
_MAGIC_BYTES = 4
_SNIFFED_BYTES = 64 * 1024
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAMES_AT_END = 200


@dataclass(frozen=True, slots=True)
class Member:
    """One file as it was found, by its path below the base directory."""

    path: str
    size: int
    digest: str
    checksum_holds: bool


@dataclass(slots=True)
class Unpacked:
    """``members`` in the archive's order; ``kept`` the bytes of the small files that were asked for."""

    base: str = ""
    members: list[Member] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)


def read(stream: BinaryIO, *, keep: Collection[str], max_bytes: int = archive.MAX_BYTES) -> Unpacked:
    """The archive's members, hashed. Memory: one chunk, the kept files (6 MiB each), the documents that a cover sheet
    is made of (16 MiB each) and the names.

    Raises Refused with the code of the first structural fault.
    """
    return _Reader(stream, keep, max_bytes).read()


class _Reader:
    def __init__(self, stream: BinaryIO, keep: Collection[str], max_bytes: int) -> None:
        self._stream = stream
        self._keep = keep
        self._max_bytes = max_bytes
        self._at = 0
        self._entries: list[ArchiveMember] = []
        self._names: set[str] = set()
        self._found = Unpacked()

    def read(self) -> Unpacked:
        magic = self._take(_MAGIC_BYTES)
        if magic != archive.LOCAL_MAGIC:
            raise self._no_package(magic)
        while magic == archive.LOCAL_MAGIC:
            self._member(self._header(magic))
            magic = self._take(_MAGIC_BYTES)
        self._directory(magic)
        return self._found

    def _take(self, count: int) -> bytes:
        """``count`` bytes, fewer only at the end of the stream."""
        parts = []
        while count and (part := self._stream.read(count)):
            parts.append(part)
            count -= len(part)
            self._at += len(part)
        if self._at > self._max_bytes:  # PF-2
            raise Refused(Code.TOO_LARGE, f"the package is over {self._max_bytes} bytes")
        return b"".join(parts)

    def _no_package(self, magic: bytes) -> Refused:
        following = magic + self._stream.read(_SNIFFED_BYTES)
        if archive.LOCAL_MAGIC in following:  # PF-1
            return Refused(Code.DATA_BEFORE, "there is data before the archive")
        return Refused(Code.NOT_A_PACKAGE, "this file is not a package: it doesn't begin as a ZIP archive")

    def _header(self, magic: bytes) -> ArchiveMember:
        offset = self._at - _MAGIC_BYTES
        raw = magic + self._take(archive.LOCAL.size - _MAGIC_BYTES)
        if len(raw) < archive.LOCAL.size:  # PF-3
            raise Refused(Code.TRUNCATED, "the package ends within an entry's header")
        _, _, flags, method, _, _, crc, _, size, name_bytes, _ = archive.LOCAL.unpack(raw)
        if not 0 < name_bytes <= MAX_NAME_BYTES:  # PF-4
            raise Refused(Code.UNSAFE_NAME, f"an entry's name must be 1 to {MAX_NAME_BYTES} bytes")
        raw_name = self._take(name_bytes)
        if len(raw_name) < name_bytes:  # PF-3
            raise Refused(Code.TRUNCATED, "the package ends within an entry's name")
        name = self._checked_name(raw_name)
        path = name.partition("/")[2]
        if flags & _ENCRYPTED:  # PF-7
            raise Refused(Code.ENCRYPTED, "the entry is encrypted", file=path)
        if method:  # PF-8
            raise Refused(Code.COMPRESSED, "the entry is compressed; packages never are", file=path)
        if raw + raw_name != archive.local_header(name, size=size, crc=crc):  # PF-9
            raise Refused(Code.ENTRY_HEADER, "the entry's header is not as a package's is written", file=path)
        return ArchiveMember(name, size, crc, offset)

    def _checked_name(self, raw: bytes) -> str:
        shown = shown_name(raw)
        segments = raw.decode("ascii", "replace").split("/")
        if any(_SEGMENT.fullmatch(segment) is None for segment in segments):  # PF-4
            raise Refused(Code.UNSAFE_NAME, "the entry's name could lead outside, or hide something", file=shown)
        name = raw.decode("ascii")
        if name in self._names:  # PF-5
            raise Refused(Code.DUPLICATE, "two entries have this name", file=shown)
        if len(self._names) == MAX_ENTRIES:  # PF-2
            raise Refused(Code.TOO_LARGE, f"the package holds over {MAX_ENTRIES} files")
        base, slash, _ = name.partition("/")
        if not slash or base != (self._found.base or base):  # PF-6
            raise Refused(Code.ADDED_FILE, "the entry stands outside the package's one directory", file=shown)
        self._names.add(name)
        self._found.base = base
        return name

    def _member(self, entry: ArchiveMember) -> None:
        path = entry.name.partition("/")[2]
        kept = bytearray() if path in self._keep else None
        if kept is not None and entry.size > MAX_KEPT_BYTES:  # PF-10
            raise Refused(Code.TOO_LARGE, f"the file is over {MAX_KEPT_BYTES} bytes", file=path)
        if path in _READ_FOR_COVER and entry.size <= MAX_DOCUMENT_BYTES:  # PF-41
            kept = bytearray()
        sha256, crc, left = hashlib.sha256(), 0, entry.size
        while left:
            chunk = self._take(min(left, archive.CHUNK_BYTES))
            if not chunk:  # PF-3
                raise Refused(Code.TRUNCATED, "the package ends within this file", file=path)
            sha256.update(chunk)
            crc = zlib.crc32(chunk, crc)
            left -= len(chunk)
            if kept is not None:
                kept += chunk
        self._entries.append(entry)
        self._found.members.append(Member(path, entry.size, f"sha256:{sha256.hexdigest()}", crc == entry.crc))
        if kept is not None:
            self._found.kept[path] = bytes(kept)

    def _directory(self, magic: bytes) -> None:
        offset = self._at - len(magic)
        expected = archive.directory(self._entries, offset=offset)
        actual = magic + self._take(len(expected) - len(magic))
        if actual == expected:
            if self._take(1):  # PF-12
                raise Refused(Code.DATA_AFTER, "there is data after the archive")
            return
        if len(magic) < _MAGIC_BYTES or expected.startswith(actual):  # PF-3
            raise Refused(Code.TRUNCATED, "the package ends before its directory does")
        if magic != archive.CENTRAL_MAGIC:  # PF-9
            last = self._entries[-1].name.partition("/")[2]
            raise Refused(Code.ENTRY_HEADER, "what follows this file is neither a file nor the directory", file=last)
        raise _directory_fault(actual, self._entries)  # PF-11


def _directory_fault(actual: bytes, entries: list[ArchiveMember]) -> Refused:
    """Which record of the directory departs from the entries, and how."""
    at = 0
    for entry in entries:
        path, end = entry.name.partition("/")[2], at + archive.CENTRAL.size + len(entry.name)
        record = actual[at:end]
        if record == archive.directory([entry], offset=0)[: end - at]:
            at = end
            continue
        if len(record) < archive.CENTRAL.size or record[:_MAGIC_BYTES] != archive.CENTRAL_MAGIC:
            break
        values = archive.CENTRAL.unpack(record[: archive.CENTRAL.size])
        if stat.S_ISLNK(values[15] >> 16):
            return Refused(Code.SYMLINK, "the entry is a symbolic link", file=path)
        if values[3] & _ENCRYPTED:
            return Refused(Code.ENCRYPTED, "the directory calls the entry encrypted", file=path)
        return Refused(Code.DIRECTORY, "the directory contradicts this file's own header", file=path)
    return Refused(Code.DIRECTORY, "the archive's directory doesn't list exactly the files that are in it")


def shown_name(raw: bytes) -> str:
    """A hostile name, safe to print: ASCII, escaped, cut."""
    text = ascii(raw.decode("ascii", "backslashreplace"))[1:-1]
    return text if len(text) <= _NAMES_AT_END else text[: _NAMES_AT_END - 3] + "..."
