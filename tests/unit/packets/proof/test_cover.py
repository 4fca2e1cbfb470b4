"""The cover sheet says what the signed documents say, and nothing else can stand in its place."""

from __future__ import annotations

import inspect
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel.canonical import canonical_bytes, digest_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import bag, cover, dsse, manifest, sheet, verify
from handrail.packets.proof.findings import Code
from handrail.packets.proof.keys import KeyRing
from tests.lanes import examples
from tests.unit.packets.proof import making

MADE = making.make_manifest()
RAW = making.pack()
FILES = making.entries(RAW)
BASE = next(iter(FILES)).partition("/")[0]
# Where a cover is another one, so are the sums of the tag files.
OTHER = {Code.OTHER_COVER, Code.ALTERED_FILE}
FORM_1 = Path(__file__).parent / "form_1"


def made(packet: dict[str, Any] | None = None, holds: list[dict[str, Any]] | None = None) -> dict[str, bytes]:
    documents = dict(making.CONTENTS)
    if packet is not None:
        documents["packet.json"] = canonical_bytes(packet)
    if holds is not None:
        documents["holds.json"] = canonical_bytes({"holds": holds})
    return cover.covers(MADE, making.approve(MADE), documents)


def packet(fields: Any, annexes: Any = ()) -> dict[str, Any]:
    return {"about": {"title": "An outage"}, "fields": fields, "annexes": list(annexes), "held": []}


def words(raw: bytes) -> set[str]:
    return set(re.findall(r"[^\W_]{3,}", raw.decode().lower()))


def test_cover_says_who_sends_what_for_whom_and_until_when() -> None:
    text = made()["cover.txt"].decode()
    for said in (
        f"Escalation packet {making.PACKET}, revision 2", "Vendor escalation, identity outage",
        "From: Northwind Support",
        "For the lane: vendor-signing-intake", "Recipients: vendor-signing-support", "TLP:AMBER+STRICT",
        "Counts until: 2026-03-02 21:30:00 UTC", MADE.digest(), "Impact start: 2026-03-02T07:10:00Z",
        "HTTP capture of 1 entry", "data/annexes/har-1.json", "Ada Núñez: escalation-owner",
        "No sanitiser has cleared this artifact", "Impact end: withheld (end-while-open)", "Decided: by lead",
    ):  # fmt: skip
        assert said in text


def test_cover_has_no_word_that_neither_the_documents_nor_the_form_have() -> None:
    ours = words("".join(inspect.getsource(module) for module in (cover, sheet)).encode())
    signed = MADE.payload() + making.approve(MADE).payload() + b"".join(making.CONTENTS.values())
    for raw in made().values():
        assert words(raw) <= words(signed) | ours


def test_every_value_of_the_packet_is_on_the_cover() -> None:
    fields = {
        "one": {"two": {"three": "planted-a"}}, "number": 12.5, "flag": True, "nothing": None,
        "texts": ["planted-b", "planted-c"],
        "entries": [{"text": "planted-d\nplanted-e", "deep": {"er": 7}}, {"held": ["planted-f"]}], "empty": [],
    }  # fmt: skip
    text = made(packet(fields))["cover.txt"].decode()
    for said in (
        "One two three: planted-a", "Number: 12.5", "Flag: yes", "Nothing: none", "Texts: planted-b", "planted-c",
        "  Text: planted-d\n      planted-e", "Deep er: 7", "withheld (planted-f)", "Empty: none", "Entries (2)",
    ):  # fmt: skip
        assert said in text, said


def test_html_escapes_what_the_documents_hold_and_fetches_nothing() -> None:
    hostile = "<script src=https://evil.example></script>\"'&<img onerror=x>"
    page = made(packet({"text": hostile}))["cover.html"].decode()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script src=https://evil.example&gt;" in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]", re.sub(r"<dd>.*?</dd>", "", page, flags=re.DOTALL))
    assert "default-src 'none'" in page


def test_what_hides_or_turns_text_is_marked() -> None:
    page, text = (raw.decode() for raw in reversed(made(packet({"text": "a\u202eb\u200bc\x07d"})).values()))
    for shown in (page, text):
        assert "a\ufffdb\ufffdc\ufffdd" in shown


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0, 0xFE0F, 0xE0100, 0xE01EF])
def test_letter_that_looks_like_nothing_is_marked(code: int) -> None:
    assert sheet.escaped(f"a{chr(code)}b") == "a\ufffdb"
    assert sheet.wrapped(f"a{chr(code)}b") == ["a\ufffdb"]


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=300), st.text(max_size=200))
def test_text_has_at_most_80_columns_whatever_it_says(value: str, other: str) -> None:
    value, other = (text.encode("utf-8", "ignore").decode() for text in (value, other))
    raw = made(packet({"one": value, "entries": [{"two": other, "three": [value, other]}]}))["cover.txt"]
    for line in raw.decode().split("\n"):
        assert sheet.columns(line) <= 80
        assert line == line.rstrip(" ")


def test_wide_characters_count_twice() -> None:
    assert [sheet.columns(line) for line in sheet.wrapped("漢" * 60)] == [80, 44]


def test_long_list_ends_with_a_reference() -> None:
    text = made(packet({"entries": [{"number": number} for number in range(250)]}))["cover.txt"].decode()
    assert "Entries (250)" in text
    assert "And 50 more in data/packet.json." in text
    assert "Number: 200" not in text


def test_preview_names_nobody() -> None:
    text = cover.covers(MADE, None, making.CONTENTS)["cover.txt"].decode()
    assert "This is a preview." in text
    assert "Ada" not in text


@pytest.mark.parametrize("broken", [b"", b"[]", b"{}", b'{"about":1}', b"[" * 100_000, b"\xff"])
def test_no_cover_follows_from_documents_of_another_form(broken: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        cover.covers(MADE, making.approve(MADE), {**making.CONTENTS, "packet.json": broken})
    assert refused.value.code == "no-cover"


def forged(**files: bytes) -> bytes:
    """The package with files of it replaced, and all that needs no key made right again."""
    changed = {f"{BASE}/{path.replace('_', '.')}": raw for path, raw in files.items()}
    return making.mended({**FILES, **changed})


@pytest.mark.parametrize("name", bag.COVERS)
def test_another_cover_is_refused(name: str) -> None:
    text = FILES[f"{BASE}/{name}"].replace(b"escalation-owner", b"escalation-maker")
    verdict = making.check(forged(**{name.replace(".", "_"): text}))
    assert (Code.OTHER_COVER, name) in {(finding.code, finding.file) for finding in verdict.refusals}
    assert set(verdict.codes) == OTHER


def test_cover_of_another_packet_is_refused() -> None:
    contents = {**making.CONTENTS, "packet.json": canonical_bytes(packet({"tenant": {"id": "ten_other"}}))}
    other = making.entries(making.pack(making.seal(making.make_manifest(contents)), contents))
    verdict = making.check(forged(cover_txt=other[f"{BASE}/cover.txt"], cover_html=other[f"{BASE}/cover.html"]))
    assert set(verdict.codes) == OTHER


def test_preview_in_a_package_is_refused() -> None:
    preview = cover.covers(MADE, None, making.CONTENTS)["cover.txt"]
    assert set(making.check(forged(cover_txt=preview)).codes) == OTHER


def test_package_without_its_cover_is_refused() -> None:
    left = {name: raw for name, raw in FILES.items() if not name.endswith(bag.COVERS)}
    found = making.check(making.mended(left)).refusals
    assert {finding.file for finding in found if finding.code is Code.MISSING_FILE} == set(bag.COVERS)


def signed_by_hand(contents: dict[str, bytes], covers: dict[str, bytes]) -> bytes:
    """A package as another tool could write it, signed with the right key."""
    one = making.make_manifest(contents)
    sealed = making.seal(one)
    proofs = {bag.MANIFEST: sealed.manifest_envelope, bag.APPROVALS: sealed.approvals_envelope}
    digests = {name: digest_bytes(raw) for name, raw in covers.items()}
    tags = bag.tag_files(one, bag.payloads(one, proofs), digests)
    files = {
        **tags,
        **covers,
        **proofs,
        **{bag.DATA + content.path: contents[content.path] for content in one.contents},
    }
    return making.zipped({f"{bag.base(one)}/{path}": raw for path, raw in files.items()})


def test_any_cover_of_documents_from_which_none_follows_is_refused() -> None:
    contents = {**making.CONTENTS, "packet.json": b"{}"}
    verdict = making.check(signed_by_hand(contents, {"cover.txt": b"Trust me.\n", "cover.html": b"<p>Trust me.\n"}))
    assert set(verdict.codes) == OTHER


def test_cover_of_a_packet_too_large_for_it_says_so_and_is_accepted() -> None:
    large = json.dumps(packet({"text": "x"}) | {"held": ["y" * cover.MAX_DOCUMENT_BYTES]}).encode()
    contents = {**making.CONTENTS, "packet.json": large}
    raw = making.pack(making.seal(making.make_manifest(contents)), contents)
    assert making.check(raw).accepted
    assert b"too large for this sheet" in making.entries(raw)[f"{BASE}/cover.txt"]


def test_package_of_the_first_form_still_verifies() -> None:
    """``form_1`` was written before there were cover sheets."""
    ring = KeyRing.from_pem((FORM_1 / "sender.pem").read_text())
    raw = (FORM_1 / "PKT-7K3M9QX2ZA-r2.zip").read_bytes()
    verdict = verify.verify(io.BytesIO(raw), making.expectation(keys=ring))
    assert verdict.findings == ()
    assert verdict.manifest is not None
    assert (verdict.manifest.form, verdict.manifest.sender) == (1, None)


def test_package_of_the_first_form_takes_no_cover() -> None:
    files = making.entries((FORM_1 / "PKT-7K3M9QX2ZA-r2.zip").read_bytes())
    verdict = making.check(making.mended({**files, f"{BASE}/cover.txt": b"Trust me.\n"}))
    assert (Code.ADDED_FILE, "cover.txt") in {(finding.code, finding.file) for finding in verdict.refusals}


def test_second_form_can_not_be_taken_for_the_first() -> None:
    """The form is signed: with the sender's name in it, the statement says the second."""
    statement = json.loads(MADE.payload())
    statement["predicateType"] = manifest.PREDICATE_TYPES[1]
    with pytest.raises(Invalid):
        manifest.from_payload(canonical_bytes(statement))
    del statement["predicate"]["sender"]
    files = {**FILES, f"{BASE}/{bag.MANIFEST}": dsse.sign(canonical_bytes(statement), making.OTHER_KEY)}
    assert making.check(making.mended(files)).codes == (Code.UNKNOWN_KEY,)
