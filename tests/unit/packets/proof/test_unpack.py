"""ZIP tricks: each is refused with its own code, without extracting or decompressing anything."""

from __future__ import annotations

import io
import os
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.proof import archive, unpack
from handrail.packets.proof.findings import Code, PackageFinding
from tests.lanes import examples, swept
from tests.unit.packets.proof import making

RAW = making.pack()
FILES = making.entries(RAW)
FIRST = next(iter(FILES))
LAST = list(FILES)[-1]
DIRECTORY_AT = RAW.index(archive.CENTRAL_MAGIC)
END_AT = RAW.index(archive.END_MAGIC)
MEBIBYTE = 1024 * 1024


def refused(raw: bytes) -> PackageFinding:
    verdict = making.check(raw)
    assert not verdict.accepted
    return verdict.refusals[0]


def with_zipfile(
    change: Callable[[zipfile.ZipInfo], None] = lambda info: None, method: int = zipfile.ZIP_STORED
) -> bytes:
    """The package as an ordinary tool would write it, its last entry changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archived:
        for name, raw in FILES.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr, info.compress_type = 3, 0o100644 << 16, method
            info.create_version = info.extract_version = 10
            if name == LAST:
                change(info)
            archived.writestr(info, raw)
    return out.getvalue()


def patched(at: int, value: bytes) -> bytes:
    return RAW[:at] + value + RAW[at + len(value) :]


def renamed(name: str) -> bytes:
    """The same archive with its last entry under another name."""
    return making.zipped([*list(FILES.items())[:-1], (name, FILES[LAST])])


def raw_name(name: bytes) -> bytes:
    """One entry under any bytes at all."""
    header = archive.local_header("x" * len(name), size=0, crc=0)
    return header[: -len(name)] + name if name else header


@pytest.mark.parametrize("raw", [b"", b"PK", b"hello world", b"%PDF-1.7", b"\x1f\x8b\x08" + bytes(100), bytes(1000)])
def test_read_refuses_what_is_no_archive(raw: bytes) -> None:
    assert refused(raw).code is Code.NOT_A_PACKAGE


def test_read_refuses_data_before() -> None:
    assert refused(b"#!/bin/sh\n" + RAW).code is Code.DATA_BEFORE


@pytest.mark.parametrize("more", [b"\0", b"\n", RAW])
def test_read_refuses_data_after(more: bytes) -> None:
    assert refused(RAW + more).code is Code.DATA_AFTER


def test_read_refuses_an_archive_comment() -> None:
    assert refused(RAW[:-2] + struct.pack("<H", 4) + b"note").code is Code.DIRECTORY


def test_read_refuses_every_cut() -> None:
    for end in swept(range(len(RAW))):
        found = refused(RAW[:end])
        assert found.code is (Code.TRUNCATED if end >= 4 else Code.NOT_A_PACKAGE), end


def test_read_refuses_two_entries_of_one_name() -> None:
    raw = making.zipped([*FILES.items(), (LAST, b"another")])
    assert refused(raw) == PackageFinding(Code.DUPLICATE, "two entries have this name", LAST)


@pytest.mark.parametrize(
    "name",
    [
        b"../../etc/passwd",
        b"/etc/passwd",
        b"base/../../x",
        b"base/./x",
        b"base//x",
        b"C:\\windows\\x",
        b"base\\x",
        b"base/.bashrc",
        b"base/x\0.txt",
        b"base/\x1b[2J",
        b"base/caf\xc3\xa9",
        b"base/x ",
        b"base/",
        b"\xe2\x80\xae",
    ],
)
def test_read_refuses_a_name_that_could_escape(name: bytes) -> None:
    found = refused(raw_name(name))
    assert found.code is Code.UNSAFE_NAME
    assert (found.file or "").isascii()
    assert (found.file or "").isprintable()


@pytest.mark.parametrize("length", [0, 256, 65535])
def test_read_refuses_a_name_of_another_length(length: int) -> None:
    assert refused(raw_name(b"a" * length)).code is Code.UNSAFE_NAME


@pytest.mark.parametrize("name", ["loose.txt", "other/data/annexes/har-1.json"])
def test_read_refuses_an_entry_outside_the_one_directory(name: str) -> None:
    assert refused(renamed(name)).code is Code.ADDED_FILE


def test_read_refuses_a_symbolic_link() -> None:
    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    found = refused(with_zipfile(link))
    assert (found.code, found.file) == (Code.SYMLINK, LAST.partition("/")[2])


def test_read_refuses_an_executable_file() -> None:
    def executable(info: zipfile.ZipInfo) -> None:
        info.external_attr = 0o100755 << 16

    assert refused(with_zipfile(executable)).code is Code.DIRECTORY


def test_read_refuses_another_time() -> None:
    def later(info: zipfile.ZipInfo) -> None:
        info.date_time = (2026, 3, 2, 9, 30, 0)

    assert refused(with_zipfile(later)).code is Code.ENTRY_HEADER


def test_read_refuses_an_extra_field() -> None:
    def extra(info: zipfile.ZipInfo) -> None:
        info.extra = b"UT\x05\x00\x01\x00\x00\x00\x00"

    assert refused(with_zipfile(extra)).code is Code.ENTRY_HEADER


def test_read_refuses_an_entry_comment() -> None:
    def comment(info: zipfile.ZipInfo) -> None:
        info.comment = b"trust me"

    assert refused(with_zipfile(comment)).code is Code.DIRECTORY


def test_read_accepts_the_same_bytes_from_another_tool() -> None:
    """The form is plain ZIP: the standard library writes it byte for byte when told to."""
    assert with_zipfile() == RAW


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_read_refuses_compression(method: int) -> None:
    assert refused(with_zipfile(method=method)).code in {Code.COMPRESSED, Code.ENTRY_HEADER}


def test_read_refuses_a_bomb_in_little_memory() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archived, archived.open("base/bomb", "w") as entry:
        for _ in range(64):
            entry.write(bytes(MEBIBYTE))
    raw = out.getvalue()
    tracemalloc.start()
    code = refused(raw).code
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert code in {Code.COMPRESSED, Code.ENTRY_HEADER}
    assert peak < MEBIBYTE


def test_read_refuses_an_encrypted_entry() -> None:
    assert refused(patched(6, b"\x01")).code is Code.ENCRYPTED


def test_read_refuses_a_directory_that_calls_an_entry_encrypted() -> None:
    assert refused(patched(DIRECTORY_AT + 8, b"\x01")).code is Code.ENCRYPTED


def test_read_refuses_a_streamed_entry() -> None:
    assert refused(patched(6, b"\x08")).code is Code.ENTRY_HEADER


def test_read_refuses_a_zip64_size() -> None:
    assert refused(patched(18, b"\xff" * 8)).code is Code.TOO_LARGE


def test_read_refuses_a_directory_with_another_name() -> None:
    name_at = DIRECTORY_AT + archive.CENTRAL.size
    assert refused(patched(name_at, b"QKT")).code is Code.DIRECTORY


def test_read_refuses_a_directory_that_hides_an_entry() -> None:
    first = archive.CENTRAL.size + len(FIRST)
    assert refused(RAW[:DIRECTORY_AT] + RAW[DIRECTORY_AT + first :]).code is Code.DIRECTORY


def test_read_refuses_a_directory_that_points_elsewhere() -> None:
    assert refused(patched(DIRECTORY_AT + 42, b"\x07")).code is Code.DIRECTORY


def test_read_refuses_a_second_end_record() -> None:
    assert refused(RAW[:END_AT] + RAW[END_AT:] + RAW[END_AT:]).code is Code.DATA_AFTER


def test_read_refuses_a_gap_between_entries() -> None:
    second = RAW.index(archive.LOCAL_MAGIC, 4)
    found = refused(RAW[:second] + b"gap!" + RAW[second:])
    assert (found.code, found.file) == (Code.ENTRY_HEADER, "bagit.txt")


def test_read_refuses_another_order() -> None:
    names = list(FILES)
    names[-1], names[-2] = names[-2], names[-1]
    assert refused(making.zipped({name: FILES[name] for name in names})).code is Code.ORDER


def test_read_refuses_a_checksum_that_is_wrong_everywhere() -> None:
    """Header and directory agree with each other, not with the bytes."""
    entries, raw, at = [], b"", 0
    for name, content in FILES.items():
        crc = zlib.crc32(content) ^ (name == LAST)
        entries.append(archive.ArchiveMember(name, len(content), crc, at))
        raw += archive.local_header(name, size=len(content), crc=crc) + content
        at = len(raw)
    verdict = making.check(raw + archive.directory(entries, offset=at))
    assert [(found.code, found.file) for found in verdict.refusals] == [(Code.CHECKSUM, LAST.partition("/")[2])]


def test_read_refuses_too_many_entries() -> None:
    raw = making.zipped([(f"base/{n}", b"") for n in range(unpack.MAX_ENTRIES + 1)])
    assert refused(raw).code is Code.TOO_LARGE


def test_read_refuses_a_proof_that_is_too_large() -> None:
    header = archive.local_header("base/data/manifest.dsse.json", size=unpack.MAX_KEPT_BYTES + 1, crc=0)
    assert refused(header + bytes(100)) == PackageFinding(
        Code.TOO_LARGE, f"the file is over {unpack.MAX_KEPT_BYTES} bytes", "data/manifest.dsse.json"
    )


def test_read_stops_at_the_receivers_limit() -> None:
    assert making.check(RAW, max_bytes=len(RAW)).accepted
    assert making.check(RAW, max_bytes=len(RAW) - 1).codes == (Code.TOO_LARGE,)


def test_read_takes_a_stream_that_gives_little_at_a_time() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 1, 3))

    found = unpack.read(Slow(RAW), keep=())
    assert [member.path for member in found.members] == [name.partition("/")[2] for name in FILES]


@settings(max_examples=examples(66), deadline=None)
@given(st.binary(max_size=400))
def test_read_survives_noise(noise: bytes) -> None:
    assert not making.check(noise).accepted
    assert not making.check(archive.LOCAL_MAGIC + noise).accepted
    assert not making.check(RAW[: len(noise)] + noise + RAW[len(noise) * 2 :] + os.urandom(1)).accepted
