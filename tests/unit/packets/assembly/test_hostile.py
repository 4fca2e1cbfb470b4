"""What comes from outside to do harm, taken the whole way: from the attachment store and the sources into documents."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from handrail.connectors.blobs import FolderBlobs
from handrail.kernel.canonical import digest_bytes
from tests.unit.packets.assembly.estate import HAR, Estate, codes, event

MIB = 2**20
DISGUISES = "\u202e\u2066\u2069\u200b\x1b[31m"
MARKUP = "<script>alert(1)</script>"


def bomb() -> bytes:
    """A ZIP of some kilobytes that would unpack to 64 MiB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/cron.d/a.har", b"\x00" * (64 * MIB))
    return made.getvalue()


def doubled() -> bytes:
    return HAR[:-1] + b', "log": {"entries": []}}'


@pytest.mark.parametrize(
    ("data", "more"),
    [
        (bomb(), {}),
        (gzip.compress(gzip.compress(HAR, mtime=0), mtime=0), {}),
        (b'{"log": {"entries": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}", {}),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, {}),
        (doubled(), {}),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', {}),
        (HAR, {"content_type": "application/zip"}),
        (HAR, {"content_type": "text/html"}),
    ],
    ids=[
        "zip-bomb",
        "gzip-in-gzip",
        "deep-lists",
        "deep-objects",
        "double-key",
        "xxe",
        "declared-zip",
        "declared-html",
    ],
)
def test_hostile_artifact_is_held_and_stays_as_it_was(data: bytes, more: dict[str, str]) -> None:
    estate = Estate()
    estate.attach("ATT-9", "har", data, **more)
    assembled = estate.assemble()
    assert ("unsanitised-artifact", "har-2") in codes(assembled)
    assert not [hold for hold in assembled.blocking if hold.target == "har-2"]
    assert [held["name"] for held in assembled.packet["held"]] == ["other-1", "har-2"]
    assert estate.blobs[digest_bytes(data)] == data
    assert len(assembled.annexes) == 1


def link(place: Path) -> None:
    place.rename(place.with_suffix(".real"))
    place.symlink_to(place.with_suffix(".real"))


def fifo(place: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def listener(place: Path) -> None:
    place.unlink()
    folder = os.open(place.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{place.name}")  # a socket's path has at most 108 bytes
    os.close(folder)


def shelf(place: Path) -> None:
    link(place.parent)


def other(place: Path) -> None:
    place.write_bytes(b"other bytes")


def large(place: Path) -> None:
    place.write_bytes(b"x" * 5000)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (link, "no regular file"),
        (fifo, "no regular file"),
        (listener, "no regular file"),
        (shelf, "no regular file"),
        (other, "other bytes"),
        (large, "larger than its store takes"),
    ],
)
def test_what_stands_in_a_blobs_place_is_held_with_its_reason(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    estate, store = Estate(), FolderBlobs("evidence", tmp_path / "blobs", max_bytes=4000)
    for data in estate.blobs.values():
        store.put(data)
    name = digest_bytes(HAR).removeprefix("sha256:")
    spoil(tmp_path / "blobs" / name[:2] / name)
    estate.open = store.open  # type: ignore[method-assign]
    assembled = estate.assemble()
    held = {one.name: one.reasons for one in assembled.held}
    assert set(held) == {"har-1", "other-1"}
    assert says in held["har-1"][0]
    assert assembled.annexes == ()


class Endless(io.RawIOBase):
    """A stream of 200 MB that nobody has in memory."""

    def __init__(self) -> None:
        self.left = 200 * 1000 * 1000

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        given = min(size if size > 0 else MIB, self.left, MIB)
        self.left -= given
        return b" " * given


def test_capture_of_200_megabytes_is_held_in_bounded_memory() -> None:
    estate = Estate()
    found = digest_bytes(b"huge")
    estate.attach("ATT-9", "har", b"huge")
    small = estate.open

    def opened(digest: str) -> BinaryIO:
        return Endless() if digest == found else small(digest)  # type: ignore[return-value]

    estate.open = opened  # type: ignore[method-assign]
    tracemalloc.start()
    assembled = estate.assemble()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ("unsanitised-artifact", "har-2") in codes(assembled)
    assert peak < 160 * MIB


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\x1bb.har", "har-1.json/../x"]
)
def test_path_of_an_annex_is_never_made_of_its_id(name: str) -> None:
    estate = Estate()
    estate.attach(name, "har", HAR.replace(b"12.5", b"13.5"), content_type="application/json")
    assembled = estate.assemble()
    assert sorted(annex.name for annex in assembled.annexes) == ["har-1", "har-2"]
    assert all("/" not in path.removeprefix("annexes/") and ".." not in path for path in assembled.documents)
    assert not [path for path, data in assembled.documents.items() if b"passwd" in data or b"boot.ini" in data]


@pytest.mark.requirement("P-15")
@pytest.mark.parametrize("place", ["text", "kind", "at"])
def test_disguised_text_of_a_source_is_shown_in_the_open(place: str) -> None:
    estate = Estate()
    estate.case["timeline"][1] = event("update", "Seen.") | {place: f"{DISGUISES}{MARKUP}{DISGUISES}"}
    assembled = estate.assemble()
    everything = b"".join(assembled.documents.values()).decode()
    assert not set(DISGUISES) & set(everything) - set("[31m")
    assert "\\u202e" not in everything
    assert "\\u0000" not in everything
    if place != "text":  # no kind and no time is written so
        assert MARKUP not in everything
        assert [hold for hold in assembled.holds if hold.target == f"timeline[].{place}"]
    else:
        assert MARKUP in json.dumps(assembled.packet)  # text stays text: who shows it escapes it


@pytest.mark.parametrize("broken", [{"id": "a\x00b.har"}, "not a list"])
def test_a_list_of_artifacts_that_can_not_be_taken_holds_the_revision(broken: object) -> None:
    estate = Estate()
    attached = estate["/cases/CASE-7/attachments"]
    attached["items"] = [*attached["items"], broken] if isinstance(broken, dict) else broken
    assembled = estate.assemble()
    assert [(hold.code, hold.target) for hold in assembled.blocking] == [("missing-lineage", "annexes")]


def test_text_with_a_null_character_is_held() -> None:
    estate = Estate()
    estate.case["timeline"][1] = event("update", "Seen.\x00")
    assembled = estate.assemble()
    assert ("missing-lineage", "timeline") in codes(assembled)
    assert b"Seen." not in b"".join(assembled.documents.values())
