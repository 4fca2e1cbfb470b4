"""Archives, opened member by member within limits. Names are never used as paths; what is odd is refused as a whole.

No more is unpacked than is taken, and every byte of an archive is unpacked once: members that share bytes are refused.
"""

from __future__ import annotations

import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from handrail.packets.sanitise.guard import MIB, SanitiseRefused

MAX_MEMBERS, MAX_NAME = 50, 500
MAX_BYTES: Final = 128 * MIB  # of all members together
MAX_RATIO, RATIO_FROM = 400, MIB  # how often a member may be larger than it is packed, from this size on
_ENCRYPTED, _LOCAL_HEADER = 0x41, 30  # bits of a member's flags: its own key, or strong encryption
_LOCAL_LENGTHS, _DESCRIBED = 26, 8  # where a local header has them; sizes stand behind the member
_DESCRIPTORS = (0, 12, 16, 20, 24)  # bytes behind such a member
_ZIP_END, _END_BYTES = b"PK\x05\x06", 22
_MORE_BYTES = "The archive has bytes that are of none of its members."
_GZIP_WINDOW = 31
_GZIP_HEAD, _GZIP_EXTRA, _GZIP_NAMED = 10, 4, 8
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ZIP, _GZIP, _TAR_AT, _TAR = b"PK\x03\x04", b"\x1f\x8b", 257, b"ustar"
_BROKEN = (
    zipfile.BadZipFile, struct.error, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError,
    NotImplementedError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """``extension`` of its name, in lower case and without the dot; empty where it has none that is plain."""

    extension: str
    data: bytes


def opened(data: bytes) -> tuple[UnpackedFile, ...]:
    """The files in an archive (zip, tar, tar.gz, gz), in its order. Raises SanitiseRefused for the whole of it."""
    try:
        members = tuple(_members(data))
    except _BROKEN:
        _refuse("broken-archive", "The archive is damaged, or packed in a way that is not opened.")
    if not members:
        _refuse("empty-archive", "The archive holds no files.")
    return members


def is_archive(data: bytes) -> bool:
    """Whether ``data`` is of a kind that is opened here."""
    return data.startswith((_ZIP, _GZIP)) or data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR


def _members(data: bytes) -> Iterator[UnpackedFile]:
    if data.startswith(_ZIP):
        yield from _of_zip(data)
    elif data.startswith(_GZIP):
        plain = _gunzipped(data)
        if plain[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
            yield from _of_tar(plain)
        else:
            yield UnpackedFile(_extension(_gzip_name(data)), plain)
    elif data[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        yield from _of_tar(data)
    else:
        _refuse("not-an-archive", "The artifact is not an archive that is opened: zip, tar, tar.gz or gz.")


def _of_zip(data: bytes) -> Iterator[UnpackedFile]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        listed = archive.infolist()
        _count(len(listed))
        _nothing_else(data, archive, listed)
        if sum(info.file_size for info in listed) > MAX_BYTES:
            _refuse("too-large", f"The archive's members have more than {MAX_BYTES} bytes together.")
        names: set[str] = set()
        for info in listed:
            _name(info.orig_filename, names)
            if stat.S_ISLNK(info.external_attr >> 16):
                _refuse("link", "The archive holds a link.")
            if info.filename.endswith("/"):
                continue
            if info.flag_bits & _ENCRYPTED:
                _refuse("encrypted", "The archive holds an encrypted member. Attach the file itself.")
            if info.compress_type not in _METHODS:
                _refuse("broken-archive", "The archive is damaged, or packed in a way that is not opened.")
            _ratio(info.file_size, info.compress_size)
            with archive.open(info) as stream:
                yield UnpackedFile(_extension(info.filename), _whole(stream.read(info.file_size + 1), info.file_size))


def _nothing_else(data: bytes, archive: zipfile.ZipFile, listed: list[zipfile.ZipInfo]) -> None:
    """Refuses members that share bytes, and bytes that are of no member: two readers could see two archives in them."""
    end, described = 0, False
    for info in sorted(listed, key=lambda info: info.header_offset):
        if info.header_offset < end:
            _refuse("overlapping", "The archive has members that share bytes.")
        _gap(info.header_offset - end, described=described)
        name, extra = struct.unpack_from("<HH", data, info.header_offset + _LOCAL_LENGTHS)
        end = info.header_offset + _LOCAL_HEADER + name + extra + info.compress_size
        described = bool(info.flag_bits & _DESCRIBED)
    if archive.start_dir < end:
        _refuse("overlapping", "The archive has members that share bytes.")
    _gap(archive.start_dir - end, described=described)
    if data.rfind(_ZIP_END) + _END_BYTES + len(archive.comment) != len(data):
        _refuse("more-bytes", _MORE_BYTES)


def _gap(size: int, *, described: bool) -> None:
    if size not in (_DESCRIPTORS if described else (0,)):
        _refuse("more-bytes", _MORE_BYTES)


def _of_tar(data: bytes) -> Iterator[UnpackedFile]:
    names: set[str] = set()
    total = count = 0
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for info in archive:
            count += 1
            _count(count)
            _name(info.name, names)
            if info.isdir():
                continue
            if info.issym() or info.islnk():
                _refuse("link", "The archive holds a link.")
            if not info.isreg() or info.issparse():
                _refuse("not-a-file", "The archive holds something that is not a plain file.")
            total += info.size
            if total > MAX_BYTES:
                _refuse("too-large", f"The archive's members have more than {MAX_BYTES} bytes together.")
            stream = archive.extractfile(info)
            assert stream is not None  # it is a file
            yield UnpackedFile(_extension(info.name), _whole(stream.read(info.size + 1), info.size))


def _gzip_name(data: bytes) -> str:
    """The name that gzip noted of the file; empty where it noted none."""
    flags, at = data[3], _GZIP_HEAD
    if not flags & _GZIP_NAMED:
        return ""
    if flags & _GZIP_EXTRA:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    return data[at : at + MAX_NAME].partition(b"\0")[0].decode("latin-1")


def _gunzipped(data: bytes) -> bytes:
    packed = zlib.decompressobj(_GZIP_WINDOW)
    plain = packed.decompress(data, MAX_BYTES + 1)
    if len(plain) > MAX_BYTES or packed.unconsumed_tail:
        _refuse("too-large", f"The archive's members have more than {MAX_BYTES} bytes together.")
    if not packed.eof or packed.unused_data:
        _refuse("broken-archive", "The archive is damaged, or packed in a way that is not opened.")
    _ratio(len(plain), len(data))
    return plain


def _count(members: int) -> None:
    if members > MAX_MEMBERS:
        _refuse("too-many-members", f"The archive has more than {MAX_MEMBERS} members.")


def _ratio(size: int, packed: int) -> None:
    if size > RATIO_FROM and size > packed * MAX_RATIO:
        _refuse("bomb", f"A member of the archive is more than {MAX_RATIO} times as large as it is packed.")


def _whole(read: bytes, size: int) -> bytes:
    if len(read) != size:
        _refuse("broken-archive", "The archive is damaged, or packed in a way that is not opened.")
    return read


def _name(name: str, names: set[str]) -> None:
    """Refuses a name that would be dangerous as a path: such an archive was not made by somebody who attaches files."""
    parts = name.replace("\\", "/").split("/")
    if len(name) > MAX_NAME or name.startswith(("/", "\\")) or ".." in parts or (parts[0][1:2] == ":") or "\0" in name:
        _refuse("bad-name", "The archive has a member whose name is an absolute path, leads out of it, or is too long.")
    if name.casefold() in names:
        _refuse("same-name", "The archive has two members of one name.")
    names.add(name.casefold())


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition("/")[2].rpartition(".")
    plain = extension.isascii() and extension.isalnum() and len(extension) <= 10  # noqa: PLR2004
    return extension.lower() if stem and dot and plain else ""


def _refuse(code: str, message: str) -> NoReturn:
    raise SanitiseRefused(message, code=code)
