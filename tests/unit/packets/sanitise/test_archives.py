"""Archives: opened member by member within limits, and refused with a reason where anything about them is odd."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.packets.sanitise import archives, kinds
from handrail.packets.sanitise.guard import SanitiseRefused

LOG = b"connection refused\n"


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def tarred(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, link, len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def linked() -> bytes:
    info = zipfile.ZipInfo("a.log")
    info.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return out.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(("a.log", LOG)))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def overlapping() -> bytes:
    """Two entries of the directory with the bytes of one member: the kernel of every bomb of that kind."""
    data = zipped(("a.log", LOG), ("b.log", LOG))
    second = data.index(b"PK\x03\x04", 4)
    return data.replace(second.to_bytes(4, "little") + b"b.log", (0).to_bytes(4, "little") + b"b.log")


@pytest.mark.parametrize(
    "data",
    [
        zipped(("logs/", b""), ("logs/a.LOG", LOG), ("b.har", b"{}")),
        tarred(("logs/a.log", LOG), ("b.har", b"{}")),
        gzip.compress(tarred(("a.log", LOG), ("b.har", b"{}"))),
    ],
)
def test_archive_is_opened_in_its_order(data: bytes) -> None:
    assert [(one.extension, one.data) for one in archives.opened(data)] == [("log", LOG), ("har", b"{}")]


def named_gzip(name: str) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=out) as packed:
        packed.write(LOG)
    return out.getvalue()


def test_file_in_gzip_has_the_extension_of_the_name_that_gzip_noted() -> None:
    assert archives.opened(named_gzip("gateway.log")) == (archives.UnpackedFile("log", LOG),)


def test_zip_that_was_written_as_a_stream_is_opened() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"made by a tool"
        for name in ("a.log", "b.log"):
            with archive.open(name, "w") as member:
                member.write(LOG)
    assert len(archives.opened(out.getvalue())) == 2


def unlisted() -> bytes:
    """A member that only a reader from front to back sees: the directory doesn't list it."""
    one, hidden = zipped(("a.log", LOG)), zipped(("b.log", LOG))
    at, local = one.index(b"PK\x01\x02"), hidden[: hidden.index(b"PK\x01\x02")]
    end = one[at:-6] + (at + len(local)).to_bytes(4, "little") + one[-2:]
    return one[:at] + local + end


def test_single_file_in_gzip_is_one_member() -> None:
    assert archives.opened(gzip.compress(LOG)) == (archives.UnpackedFile("", LOG),)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (zipped, "not-an-archive"),
        (lambda: zipped(("logs/", b"")), "empty-archive"),
        (lambda: zipped(*((f"{n}.log", LOG) for n in range(51))), "too-many-members"),
        (lambda: tarred(*((f"{n}.log", LOG) for n in range(51))), "too-many-members"),
        (lambda: zipped(("a.log", b"\0" * (8 << 20))), "bomb"),
        (lambda: gzip.compress(b"\0" * (8 << 20)), "bomb"),
        (overlapping, "overlapping"),
        (encrypted, "encrypted"),
        (linked, "link"),
        (lambda: tarred(("a", b""), kind=tarfile.SYMTYPE, link="/etc/passwd"), "link"),
        (lambda: tarred(("a", b""), kind=tarfile.LNKTYPE, link="b"), "link"),
        (lambda: tarred(("a", b""), kind=tarfile.CHRTYPE), "not-a-file"),
        (lambda: zipped(("/etc/passwd", LOG)), "bad-name"),
        (lambda: zipped(("a/../../b", LOG)), "bad-name"),
        (lambda: zipped(("C:\\b", LOG)), "bad-name"),
        (lambda: tarred(("../b", LOG)), "bad-name"),
        (lambda: tarred(("a", LOG), ("a", LOG)), "same-name"),
        (lambda: zipped(("a.log", LOG), method=zipfile.ZIP_LZMA), "broken-archive"),
        (lambda: zipped(("a.log", LOG))[:-30], "broken-archive"),
        (lambda: gzip.compress(LOG)[:-4], "broken-archive"),
        (lambda: gzip.compress(LOG) + LOG, "broken-archive"),
        (lambda: zipped(("a.log", LOG)) + b"more", "more-bytes"),
        (lambda: zipped(("a.log", LOG)) + zipped(("b.log", LOG)), "more-bytes"),
        (unlisted, "more-bytes"),
        (lambda: zipped(("a.log", LOG), ("A.log", LOG)), "same-name"),
        (lambda: zipped(("a.logX.har", LOG)).replace(b"a.logX", b"a.log\0"), "bad-name"),
        (lambda: LOG, "not-an-archive"),
    ],
)
def test_odd_archive_is_refused_with_a_reason(make: Callable[[], bytes], code: str) -> None:
    with pytest.raises(SanitiseRefused) as refused:
        archives.opened(make())
    assert refused.value.code == code


@given(st.integers(0, 300), st.integers(0, 255))
def test_damaged_archive_is_opened_or_refused_and_nothing_else(at: int, value: int) -> None:
    data = bytearray(zipped(("a.log", LOG), ("b.har", b"{}")))
    data[at % len(data)] = value
    with contextlib.suppress(SanitiseRefused):
        archives.opened(bytes(data))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"log": {"entries": []}}', "har"),
        (b'{"resourceSpans": []}', "otlp"),
        (LOG, "log"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"%PDF-1.7", "picture"),
        (b"goroutine 1 [running]:", "threads"),
        (zlib.compress(LOG) + b"\0", ""),
        (zipped(("a", LOG)), "archive"),
        (b"", ""),
    ],
)
def test_content_is_named_by_how_it_begins(data: bytes, kind: str) -> None:
    assert kinds.content_of(data) == kind
