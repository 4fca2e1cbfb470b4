"""Whoever has no key can change nothing: every byte, every file, every swap, mended as well as a forger can."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel.canonical import canonical_bytes
from handrail.packets.proof import bag
from handrail.packets.proof.findings import Code
from tests.lanes import examples, swept
from tests.unit.packets.proof import making

RAW = making.pack()
FILES = making.entries(RAW)
BASE = next(iter(FILES)).partition("/")[0]
PATHS = [name.partition("/")[2] for name in FILES]
OTHER_CONTENTS = {
    **making.CONTENTS,
    "packet.json": making.CONTENTS["packet.json"].replace(b"Vendor escalation", b"Another escalation"),
}
OTHER = making.entries(making.pack(making.seal(making.make_manifest(OTHER_CONTENTS)), OTHER_CONTENTS))
LARGE = bytes(range(256)) * 1024


def with_file(path: str, raw: bytes | None) -> dict[str, bytes]:
    """The package's files with one replaced, or dropped for None."""
    files = {**FILES, f"{BASE}/{path}": raw}
    return {name: content for name, content in files.items() if content is not None}


def test_every_flipped_byte_of_the_archive_is_refused() -> None:
    for at in swept(range(len(RAW))):
        raw = bytearray(RAW)
        raw[at] ^= 1 << (at % 8)
        verdict = making.check(bytes(raw))
        assert not verdict.accepted, at
        assert all(finding.message for finding in verdict.refusals)


@pytest.mark.parametrize("path", PATHS)
def test_every_flipped_byte_of_a_file_is_refused_by_name(path: str) -> None:
    """The forger mends checksums and BagIt manifests: only signatures and what follows from them are left to tell."""
    content = FILES[f"{BASE}/{path}"]
    for at in swept(range(len(content))):
        raw = bytearray(content)
        raw[at] ^= 1 << (at % 8)
        files = with_file(path, bytes(raw))
        forged = making.zipped(files) if path in bag.TAGS else making.mended(files)
        verdict = making.check(forged)
        assert path in {finding.file for finding in verdict.refusals}, (at, verdict.findings)


@settings(max_examples=examples(20), deadline=None)
@given(at=st.integers(0, len(LARGE) - 1), bit=st.integers(0, 7))
def test_a_flipped_byte_of_a_large_annex_is_refused(at: int, bit: int) -> None:
    contents = {**making.CONTENTS, "annexes/large.bin": LARGE}
    files = making.entries(making.pack(making.seal(making.make_manifest(contents)), contents))
    raw = bytearray(LARGE)
    raw[at] ^= 1 << bit
    verdict = making.check(making.mended({**files, f"{BASE}/data/annexes/large.bin": bytes(raw)}))
    assert Code.ALTERED_FILE in verdict.codes
    assert "data/annexes/large.bin" in {finding.file for finding in verdict.refusals}


@pytest.mark.parametrize("path", PATHS)
def test_a_dropped_file_is_refused_by_name(path: str) -> None:
    files = with_file(path, None)
    verdict = making.check(making.zipped(files))
    assert [finding.file for finding in verdict.refusals if finding.code is Code.MISSING_FILE] == [path]


@pytest.mark.parametrize("path", ["data/annexes/more.json", "data/extra.json", "data/manifest.json"])
def test_an_added_file_is_refused_by_name_though_the_bag_lists_it(path: str) -> None:
    verdict = making.check(making.mended(with_file(path, b"{}")))
    assert (Code.ADDED_FILE, path) in {(finding.code, finding.file) for finding in verdict.refusals}


@pytest.mark.requirement("P-07")
@pytest.mark.parametrize("path", ["readme.txt", "fetch.txt", "data/annexes/more.json", "meta/notes.txt"])
def test_an_added_file_is_refused_by_name(path: str) -> None:
    verdict = making.check(making.zipped(with_file(path, b"{}")))
    assert [(finding.code, finding.file) for finding in verdict.refusals] == [(Code.ADDED_FILE, path)]


@pytest.mark.parametrize("path", [*bag.PROOFS])
def test_a_swapped_envelope_is_refused(path: str) -> None:
    verdict = making.check(making.mended(with_file(path, OTHER[f"{BASE}/{path}"])))
    assert not verdict.accepted
    assert {Code.ALTERED_FILE, Code.OTHER_MANIFEST} & set(verdict.codes)


def test_both_envelopes_swapped_are_refused() -> None:
    files = {**FILES, **{f"{BASE}/{path}": OTHER[f"{BASE}/{path}"] for path in bag.PROOFS}}
    verdict = making.check(making.mended(files))
    assert (Code.ALTERED_FILE, "data/packet.json") in {(finding.code, finding.file) for finding in verdict.refusals}


def test_contents_swapped_between_their_names_are_refused() -> None:
    files = with_file("data/packet.json", FILES[f"{BASE}/data/trace.json"])
    files[f"{BASE}/data/trace.json"] = FILES[f"{BASE}/data/packet.json"]
    refused = {finding.file for finding in making.check(making.mended(files)).refusals}
    assert {"data/packet.json", "data/trace.json"} <= refused


def test_another_directory_name_is_refused() -> None:
    renamed = {f"PKT-7K3M9QX2ZA-r9/{name.partition('/')[2]}": raw for name, raw in FILES.items()}
    assert making.check(making.mended(renamed)).codes == (Code.ADDED_FILE,)


@pytest.mark.parametrize("path", [*bag.PROOFS])
def test_a_cut_signature_is_refused(path: str) -> None:
    envelope = json.loads(FILES[f"{BASE}/{path}"])
    envelope["signatures"][0]["sig"] = envelope["signatures"][0]["sig"][:40]
    verdict = making.check(making.mended(with_file(path, canonical_bytes(envelope))))
    assert (Code.CUT_SIGNATURE, path) in {(finding.code, finding.file) for finding in verdict.refusals}


@pytest.mark.parametrize("path", [*bag.PROOFS])
def test_a_missing_signature_is_refused(path: str) -> None:
    envelope = {**json.loads(FILES[f"{BASE}/{path}"]), "signatures": []}
    verdict = making.check(making.mended(with_file(path, canonical_bytes(envelope))))
    assert (Code.NO_SIGNATURE, path) in {(finding.code, finding.file) for finding in verdict.refusals}


def test_a_package_signed_again_with_another_key_is_refused() -> None:
    forged = making.pack(making.seal(key=making.OTHER_KEY))
    assert making.check(forged).codes == (Code.UNKNOWN_KEY,)
    assert not making.check(forged).accepted


def test_the_forger_leaves_an_untouched_package_untouched() -> None:
    """Otherwise the tests above would prove nothing."""
    assert making.mended(FILES) == making.zipped(FILES) == RAW


@settings(max_examples=examples(50), deadline=None)
@given(data=st.data())
def test_any_splice_is_refused(data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(RAW)))
    end = data.draw(st.integers(begin, min(len(RAW), begin + 300)))
    raw = RAW[:begin] + data.draw(st.binary(max_size=300)) + RAW[end:]
    assert making.check(raw).accepted is (raw == RAW)
