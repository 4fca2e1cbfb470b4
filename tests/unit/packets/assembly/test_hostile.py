"""What comes from outside to do harm, taken the whole way: from the attachment store and the sources into documents."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zipfile
from typing import BinaryIO

import pytest

from handrail.kernel.canonical import digest_bytes
from tests.unit.packets.assembly.estate import HAR, Estate, codes, event

MIB = 2**20
DISGUISES = "\u202e\u2066\u2069\u200b\x1b[31m\x00"
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
        (gzip.compress(HAR, mtime=0), {}),
        (b'{"log": {"entries": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}", {}),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, {}),
        (doubled(), {}),
        (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', {}),
        (HAR, {"content_type": "application/zip"}),
        (HAR, {"content_type": "text/html"}),
    ],
    ids=["zip-bomb", "gzip", "deep-lists", "deep-objects", "double-key", "xxe", "declared-zip", "declared-html"],
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
    "name", ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\x00b.har", "har-1.json/../x"]
)
def test_path_of_an_annex_is_never_made_of_its_id(name: str) -> None:
    estate = Estate()
    estate.attach(name, "har", HAR.replace(b"12.5", b"13.5"), content_type="application/json")
    assembled = estate.assemble()
    assert sorted(annex.name for annex in assembled.annexes) == ["har-1", "har-2"]
    assert all("/" not in path.removeprefix("annexes/") and ".." not in path for path in assembled.documents)
    assert not [path for path, data in assembled.documents.items() if b"passwd" in data or b"boot.ini" in data]


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
