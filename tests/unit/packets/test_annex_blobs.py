"""Cleared annexes as they are kept: encrypted, in chunks, found by what is in the rows."""

from __future__ import annotations

import io

import pytest

from handrail.access.keystore import KeyName
from handrail.access.subjects import SubjectKey
from handrail.connectors.blobs import BlobRefused
from handrail.kernel.canonical import digest_bytes
from handrail.packets import annexes

KEY = SubjectKey(KeyName(7, "PKT-7K3M9QX2ZA", "annex"), bytes(32))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annexes, "CHUNK", 16)


def sealed(content: bytes) -> bytes:
    return b"".join(annexes.seal(KEY, digest_bytes(content), io.BytesIO(content)))


def unsealed(blob: bytes, content: bytes, key: SubjectKey = KEY) -> bytes:
    return b"".join(annexes.unseal(key, digest_bytes(content), io.BytesIO(blob)))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 32, 33, 160])
def test_content_of_any_size_is_read_back(size: int) -> None:
    content = bytes(range(size))
    blob = sealed(content)
    assert unsealed(blob, content) == content
    assert not size or content not in blob


@pytest.mark.parametrize("size", [16, 33, 48])
def test_every_way_to_cut_it_short_is_refused(size: int) -> None:
    content = bytes(size)
    blob = sealed(content)
    for end in range(len(blob)):
        with pytest.raises(BlobRefused):
            unsealed(blob[:end], content)


def test_chunks_that_are_swapped_or_added_are_refused() -> None:
    content = bytes(range(48))
    blob = sealed(content)
    head, chunks = blob[:36], [blob[36 + n * 32 : 68 + n * 32] for n in range(3)]
    for order in ((1, 0, 2), (0, 1, 1, 2), (0, 2), (0, 1, 2, 2)):
        with pytest.raises(BlobRefused):
            unsealed(head + b"".join(chunks[n] for n in order), content)


def test_blob_of_another_key_or_content_is_refused() -> None:
    blob = sealed(b"content")
    other = SubjectKey(KeyName(8, "PKT-7K3M9QX2ZA", "annex"), bytes(32))
    for content, key in ((b"another", KEY), (b"content", other)):
        with pytest.raises(BlobRefused):
            unsealed(blob, content, key)
