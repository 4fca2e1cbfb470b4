"""The manifest: its statement, its one canonical form, its rules."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.kernel.canonical import canonical_bytes, digest_bytes
from handrail.kernel.errors import Invalid
from handrail.kernel.hostile import clean_text
from handrail.packets.proof import manifest
from tests.lanes import examples, swept
from tests.unit.packets.proof import making

MADE = making.make_manifest()
NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,20}[A-Za-z0-9]\Z").filter(
    lambda name: (
        name.partition(".")[0].casefold() not in {"con", "prn", "aux", "nul"}
        and name.casefold()[:3] not in {"com", "lpt"}
    )
)


def statement() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(MADE.payload())
    return document


def test_statement_is_in_toto_v1() -> None:
    document = statement()
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == manifest.PREDICATE_TYPES[2]
    assert set(document) == {"_type", "subject", "predicateType", "predicate"}


@pytest.mark.requirement("P-08")
def test_predicate_binds_revision_lane_signers_privacy_scope_and_held_annexes() -> None:
    predicate, given = statement()["predicate"], making.fields()
    bound = ("packet", "revision", "lane", "profile", "audience", "privacy", "signers", "held")
    assert {name: predicate[name] for name in bound} == {name: given[name] for name in bound}


@pytest.mark.requirement("P-08")
def test_subject_holds_the_digest_of_every_content() -> None:
    found = {subject["name"]: "sha256:" + subject["digest"]["sha256"] for subject in statement()["subject"]}
    assert found == {path: digest_bytes(raw) for path, raw in making.CONTENTS.items()}


def test_digest_is_over_the_canonical_payload() -> None:
    assert canonical_bytes(statement()) == MADE.payload()
    assert digest_bytes(MADE.payload()) == MADE.digest()


def test_payload_survives_a_round_trip() -> None:
    assert manifest.from_payload(MADE.payload()) == MADE


@settings(max_examples=examples(20), deadline=None)
@given(
    annexes=st.dictionaries(NAMES, st.binary(max_size=30), max_size=6),
    revision=st.integers(2, 2**53 - 1),
    created_at=st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9000, 1, 1)),  # noqa: DTZ001 (drawn naive)
    record=st.text(min_size=1, max_size=100).map(lambda text: clean_text(text, limit=500)).filter(bool),
)
def test_any_manifest_survives_a_round_trip(
    annexes: dict[str, bytes], revision: int, created_at: datetime, record: str
) -> None:
    unique = {name.casefold(): name for name in annexes}.values()
    contents = {path: making.CONTENTS[path] for path in manifest.DOCUMENTS}
    made = making.make_manifest(
        {**contents, **{f"annexes/{name}": annexes[name] for name in unique}},
        revision=revision,
        created_at=f"{created_at.isoformat()}Z",
        expires_at=f"{(created_at + timedelta(hours=1)).isoformat()}Z",
        sources=[{**making.fields()["sources"][0], "record": record}],
    )
    assert manifest.from_payload(made.payload()) == made
    assert made.created_at.replace(tzinfo=None) == created_at


@pytest.mark.requirement("P-08")
def test_every_flipped_byte_changes_the_manifest_or_is_refused() -> None:
    payload = MADE.payload()
    for at in swept(range(len(payload))):
        raw = bytearray(payload)
        raw[at] ^= 1
        try:
            read = manifest.from_payload(bytes(raw))
        except Invalid:
            continue
        assert read != MADE
        assert read.payload() == bytes(raw)


@pytest.mark.parametrize(
    "respelled",
    [
        lambda text: text.replace('"_type"', ' "_type"', 1),
        lambda text: text.replace('"revision":2', '"revision":2.0'),
        lambda text: text.replace('"revision":2', '"revision":2,"revision":2'),
        lambda text: text.replace(".123456Z", ".123456+00:00", 1),
        lambda text: text.replace("ú", "\\u00fa"),
        lambda text: text.replace("Statement/v1", "Statement/v2"),
        lambda text: text.replace("packet-manifest/v2", "packet-manifest/v1"),
        lambda text: text + "\n",
        lambda text: text.replace('"predicate":{', '"predicate":{"extra":1,'),
        lambda text: text.replace('"mediaType"', '"media"', 1),
        lambda text: "[" * 100_000,
        lambda text: "null",
        lambda text: "",
    ],
)
def test_from_payload_refuses_another_spelling(respelled: Any) -> None:
    text = MADE.payload().decode()
    assert respelled(text) != text
    with pytest.raises(Invalid, match="manifest"):
        manifest.from_payload(respelled(text).encode())


def test_from_payload_refuses_a_huge_one() -> None:
    with pytest.raises(Invalid, match="the limit is 4194304"):
        manifest.from_payload(b" " * (4 * 1024 * 1024 + 1))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lane": "Vendor Lane"}, "lane"),
        ({"packet": "PKT-short"}, "packet"),
        ({"revision": 0}, "revision"),
        ({"revision": True}, "revision"),
        ({"audience": {"tlp": "AMBER", "recipients": ["x"]}}, "audience.tlp"),
        ({"audience": {"tlp": "TLP:RED", "recipients": []}}, "audience.recipients"),
        ({"created_at": "2026-03-02T09:30:00+01:00"}, "created_at"),
        ({"sources": []}, "sources"),
        ({"surprise": 1}, "surprise"),
        ({"supersedes": "sha256:zz"}, "supersedes"),
    ],
)
def test_from_fields_names_the_field(change: dict[str, Any], where: str) -> None:
    with pytest.raises(Invalid) as caught:
        making.make_manifest(**change)
    assert [fault.where for fault in caught.value.faults] == [where]


@pytest.mark.parametrize("text", ["a\x1b[31mred", "a\u202eb", "zero\u200bwidth", "line\nbreak", " padded"])
def test_from_fields_refuses_hostile_text(text: str) -> None:
    source = {**making.fields()["sources"][0], "record": text}
    with pytest.raises(Invalid, match="clean it first"):
        making.make_manifest(sources=[source])


@pytest.mark.parametrize("text", ["later \u0378 letter", "\U0001fae8", "a\u0378\u0301"])
def test_a_character_of_a_later_unicode_is_text(text: str) -> None:
    """The sender's Python may know it; the receiver's must not refuse what was signed."""
    source = {**making.fields()["sources"][0], "record": text}
    made = making.make_manifest(sources=[source])
    assert manifest.from_payload(made.payload()).sources[0].record == text


@pytest.mark.parametrize(
    "text", ["a\ufffeb", "a\U0001ffffb", "a\ufdd0", "a\u2065b", "a\U000e0080b", "\u0378  b", "e\u0301\u0378"]
)
def test_what_no_unicode_shows_is_refused(text: str) -> None:
    source = {**making.fields()["sources"][0], "record": text}
    with pytest.raises(Invalid, match="clean it first"):
        making.make_manifest(sources=[source])


@pytest.mark.parametrize(
    "path",
    [
        "annexes/../x",
        "/etc/passwd",
        "annexes/a/b",
        "annexes/.hidden",
        "annexes/end.",
        "annexes/a b",
        "annexes/\u00e9",
        "annexes/NUL",
        "annexes/com1.json",
        "other.json",
        "annexes\\x",
        "packet.json\n",
    ],
)
def test_from_fields_refuses_an_unsafe_path(path: str) -> None:
    with pytest.raises(Invalid):
        making.make_manifest({**making.CONTENTS, path: b"x"})


def test_from_fields_refuses_names_that_differ_in_case_only() -> None:
    with pytest.raises(Invalid, match="can't tell apart"):
        making.make_manifest({**making.CONTENTS, "annexes/HAR-1.json": b"x"})


@pytest.mark.parametrize("path", ["packet.json", "trace.json", "holds.json"])
def test_from_fields_refuses_a_missing_document(path: str) -> None:
    with pytest.raises(Invalid, match=r"contents are holds.json, packet.json, trace.json"):
        making.make_manifest({name: raw for name, raw in making.CONTENTS.items() if name != path})


def test_from_fields_refuses_an_expiry_before_creation() -> None:
    with pytest.raises(Invalid, match="expires_at must be after created_at"):
        making.make_manifest(expires_at="2026-03-02T09:30:00.123456Z")


def test_from_fields_refuses_a_first_revision_that_supersedes() -> None:
    with pytest.raises(Invalid, match="revision 1 supersedes nothing"):
        making.make_manifest(revision=1)


def test_from_fields_refuses_an_annex_held_twice() -> None:
    held = making.fields()["held"]
    with pytest.raises(Invalid, match="held annex is named twice"):
        making.make_manifest(held=held * 2)


def test_instants_keep_their_microseconds() -> None:
    assert MADE.created_at == making.CREATED_AT
    assert MADE.expires_at - MADE.created_at == timedelta(hours=12)


def test_held_digest_depends_on_the_salt() -> None:
    first = manifest.held_digest(salt=b"a" * 16, chunks=[b"secret"])
    second = manifest.held_digest(salt=b"b" * 16, chunks=[b"secret"])
    assert len({first, second, digest_bytes(b"secret")}) == 3


def test_held_digest_refuses_a_short_salt() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        manifest.held_digest(salt=b"short", chunks=[b"secret"])


@pytest.mark.parametrize("value", [2**53, float("nan"), datetime(2026, 1, 1), {1, 2}])  # noqa: DTZ001 (refused whatever)
def test_from_fields_refuses_what_json_can_not_hold(value: object) -> None:
    with pytest.raises(Invalid, match="canonical JSON"):
        making.make_manifest(revision=value)


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff x"])
def test_from_payload_refuses_half_a_character(text: str) -> None:
    with pytest.raises(Invalid):
        manifest.from_payload(MADE.payload().replace(b"/tenants/ten_acme", text.encode()))
