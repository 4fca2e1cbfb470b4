"""Writes the test vectors of the package format, ``docs/reference/vectors``: the same bytes every time.

    python -m tests.vectors [FOLDER]

Their keys are published with them, so they sign nothing but vectors.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import shutil
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.kernel.assertions import Algorithm, ApprovalProof
from handrail.kernel.canonical import canonical_bytes
from handrail.packets.proof import archive, dsse, package
from handrail.packets.proof.approvals import Approval, Approvals
from handrail.packets.proof.keys import KeyRing, SigningKey
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.package import SealedManifest
from handrail.packets.proof.recall import PackageRecall, RecallReason, RecallRequest
from handrail.packets.proof.votes import KeyEnrolment, PasskeyVote, VoteStatement
from tests.factories.assertions import PRESENT, SITE, SoftKey
from tests.unit.packets.proof import making
from tests.unit.packets.proof.making import (
    CREATED_AT,
    KEY,
    LANE,
    NOW,
    OTHER_KEY,
    entries,
    make_manifest,
    mended,
    zipped,
)

FOLDER = Path(__file__).parent.parent / "docs" / "reference" / "vectors"
AT = CREATED_AT + timedelta(hours=1)
SMALL = {path: raw for path, raw in making.CONTENTS.items() if path != "annexes/har-1.json"} | {
    "packet.json": canonical_bytes({"about": {"title": "Vendor escalation"}, "fields": {"tenant": "t"}, "annexes": []}),
    "holds.json": canonical_bytes({"holds": []}),
    "annexes/note-1.json": canonical_bytes({"note": "A capture would stand here."}),
}
PEOPLE = {
    name: SoftKey(Algorithm.EDDSA, Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number, name in enumerate(("usr-ada", "usr-ben", "usr-cy"), start=1)
}


@dataclass(frozen=True)
class Case:
    """One package with what the receiver has, and the answer. ``codes``: of the findings that refuse; ``notes``: of
    those that don't."""

    name: str
    why: str
    package: bytes
    clauses: tuple[str, ...]
    codes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    keys: str = "sender.pem"
    lane: str | None = LANE
    at: datetime = NOW
    once: bool = False
    accepted: tuple[Manifest, ...] = ()
    pins: dict[str, Any] | None = None
    recalls: tuple[bytes, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)


# packages


def first_form(**changes: Any) -> Manifest:
    """Without a cover sheet, which makes it small."""
    fields = making.fields(SMALL, held=[], **changes)
    del fields["sender"]
    from handrail.packets.proof import manifest

    return manifest.from_fields(fields)


def second_form(**changes: Any) -> Manifest:
    return make_manifest(SMALL, held=[], **changes)


def by_passkey(*, practice: bool = False, proof: str = "passkey") -> Manifest:
    asked = [{"role": role, "proof": proof} for role in ("escalation-owner", "support-privacy")]
    proofs = {"roles": asked, "practice": practice, "rp_id": SITE.id, "origins": list(SITE.origins)}
    return first_form(signers={**making.fields()["signers"], "proofs": proofs})


def sealed(made: Manifest, given: Approvals | None = None, *, key: SigningKey = KEY) -> SealedManifest:
    """Signed whatever it says: no sender would."""
    given = given or making.approve(made)
    envelopes = (dsse.sign(made.payload(), key), dsse.sign(given.payload(), key))
    return SealedManifest(made, made.digest(), key.key_id, *envelopes)


def pack(made: Manifest | None = None, given: Approvals | None = None, *, key: SigningKey = KEY) -> bytes:
    out = io.BytesIO()
    package.write(out, sealed(made or first_form(), given, key=key), SMALL)
    return out.getvalue()


GOOD = pack()
FILES = entries(GOOD)
BASE = next(iter(FILES)).partition("/")[0]
MANIFEST, APPROVALS = f"{BASE}/data/manifest.dsse.json", f"{BASE}/data/approvals.dsse.json"
NOTE = f"{BASE}/data/annexes/note-1.json"


def replaced(**files: bytes) -> bytes:
    return mended({**FILES, **{f"{BASE}/{path}": raw for path, raw in files.items()}})


def with_file(path: str, raw: bytes) -> bytes:
    return mended({**FILES, path: raw})


def envelope(path: str, change: Callable[[dict[str, Any]], Any]) -> bytes:
    document = json.loads(FILES[path])
    return with_file(path, canonical_bytes(change(document) or document))


def payload(path: str, raw: bytes, *, key: SigningKey = KEY) -> bytes:
    """Another payload, signed well."""
    return with_file(path, dsse.sign(raw, key))


def respelled(old: bytes, new: bytes, path: str = MANIFEST) -> bytes:
    raw = dsse.payload_of(FILES[path])
    assert raw.count(old) >= 1
    return payload(path, raw.replace(old, new, 1))


def patched(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at + len(new) :]


def deflated() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as one:
        for name, raw in FILES.items():
            one.writestr(zipfile.ZipInfo(name), raw, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def directory_at() -> int:
    return GOOD.index(archive.CENTRAL_MAGIC)


def signed_by(*people: str, of: Manifest | None = None, after: timedelta = timedelta(hours=1)) -> Approvals:
    return making.approve(of or first_form(), *people, after=after)


# approvals by passkey


def statement(made: Manifest, signer: str, /, **changes: Any) -> VoteStatement:
    facts = {"packet": made.packet, "revision": made.revision, "manifest_digest": made.digest(), "lane": made.lane}
    facts |= {"vote": "approve", "signer": signer, "nonce": hashlib.sha256(signer.encode()).hexdigest()}
    facts |= {"issued_at": AT - timedelta(minutes=1), "expires_at": AT + timedelta(minutes=4)}
    return VoteStatement(**{**facts, **changes})


def vote(
    made: Manifest, signer: str, *, said: VoteStatement | None = None, signed: VoteStatement | None = None, **wrong: Any
) -> Approval:
    said, key = said or statement(made, signer), wrong.pop("key", PEOPLE[signer])
    assertion = key.sign(hashlib.sha256((signed or said).payload()).digest(), **wrong)
    texts = {one: base64.b64encode(getattr(assertion, one)).decode() for one in ("authenticator_data", "client_data")}
    passkey = PasskeyVote(
        statement=said,
        **texts,
        signature=base64.b64encode(assertion.signature).decode(),
        public_key=base64.b64encode(key.public.spki).decode(),
        algorithm=key.algorithm,
        enrolment=KeyEnrolment(
            key="PSK-1",
            enrolled_at=CREATED_AT,
            enrolled_by="ada@example.com",
            confirmed_at=CREATED_AT,
            confirmed_by="eve@example.com",
        ),
    )
    return Approval(signer, AT, ApprovalProof.PASSKEY, passkey)


def approved(made: Manifest, ada: Approval) -> bytes:
    return pack(made, Approvals(made.digest(), (ada, vote(made, "usr-ben"))))


def pin_list(**changes: Any) -> dict[str, Any]:
    keys = [
        {"signer": name, "key": key.public.digest, "from": "2026-01-01T00:00:00Z"} | changes
        for name, key in PEOPLE.items()
    ]
    return {"handrail": "handrail-signer-pins/v1", "keys": keys}


# the cases


def good() -> Iterator[Case]:
    second, clicks = second_form(), by_passkey(practice=True)
    third = by_passkey()
    yield Case("good-form-1", "a package of the first form", GOOD, ("PF-24",))
    yield Case("good-form-2", "a package of the second form, with a cover sheet", pack(second), ("PF-24", "PF-40"))
    yield Case(
        "good-rotated", "signed with a key before the current one", pack(key=OTHER_KEY), ("PF-22",), keys="both.pem"
    )
    signed = approved(third, vote(third, "usr-ada"))
    yield Case("good-passkeys", "approved by two people with passkeys", signed, ("PF-44", "PF-48"))
    yield Case("good-pinned", "with keys that the receiver takes", signed, ("PF-50",), pins=pin_list())
    votes = tuple(Approval(one, AT, ApprovalProof.CLICK) for one in ("usr-ada", "usr-ben"))
    yield Case(
        "good-practice",
        "approved by clicks as practice",
        pack(clicks, Approvals(clicks.digest(), votes)),
        ("PF-45",),
        notes=("practice-approval",),
    )
    before = first_form(revision=1, supersedes=None)
    yield Case(
        "good-supersedes",
        "a later revision than the one accepted",
        GOOD,
        ("PF-39",),
        notes=("supersedes-accepted",),
        accepted=(before,),
    )
    yield Case(
        "good-again",
        "accepted before, and once was not asked for",
        GOOD,
        ("PF-39",),
        notes=("already-accepted",),
        accepted=(first_form(),),
    )
    yield Case(
        "good-false-recall",
        "a recall that another key signed",
        GOOD,
        ("PF-53",),
        notes=("recall-not-believed",),
        recalls=(dsse.sign(recall(first_form()).payload(), OTHER_KEY),),
    )
    yield Case("good-windows-keys", "a key file with a byte order mark and notes", GOOD, ("PF-56",), keys="windows.pem")
    skewed = CREATED_AT - timedelta(minutes=4)
    early = signed_by("usr-ada", "usr-ben", after=timedelta(0))
    yield Case("good-clock", "made four minutes from now", pack(given=early), ("PF-38",), at=skewed)


def archives() -> Iterator[Case]:
    def case(name: str, code: str, clause: str, why: str, raw: bytes) -> Case:
        return Case(f"archive-{name}", why, raw, (clause,), (code,))

    yield case("empty", "not-a-package", "PF-1", "nothing at all", b"")
    yield case("text", "not-a-package", "PF-1", "a text", b"This is a letter.\n")
    yield case("data-before", "data-before-archive", "PF-1", "something before the archive", b"#!/bin/sh\n" + GOOD)
    yield case("data-after", "data-after-archive", "PF-12", "something after the archive", GOOD + b"\n")
    yield case("cut", "truncated", "PF-3", "cut within a file", GOOD[: len(GOOD) // 2])
    yield case("cut-end", "truncated", "PF-3", "cut within the end record", GOOD[:-1])
    yield case("traversal", "unsafe-name", "PF-4", "a name that leads outside", zipped([(f"{BASE}/../../x", b"x")]))
    yield case("hidden-name", "unsafe-name", "PF-4", "a name that begins with a dot", zipped([(f"{BASE}/.x", b"x")]))
    twice = [(name, raw) for name, raw in FILES.items()]
    yield case("twice", "duplicate-entry", "PF-5", "two files of one name", zipped([*twice, twice[-1]]))
    yield case("outside", "added-file", "PF-6", "a file beside the directory", zipped([*twice, ("other/x", b"x")]))
    yield case("encrypted", "encrypted-entry", "PF-7", "an encrypted file", patched(GOOD, 6, b"\x01\x00"))
    yield case("deflated", "compressed-entry", "PF-8", "compressed files", deflated())
    yield case("time", "entry-header", "PF-9", "another time in a header", patched(GOOD, 10, b"\x01"))
    listed = directory_at()
    link = struct.pack("<I", 0o120777 << 16)
    yield case("link", "symlink-entry", "PF-11", "a symbolic link", patched(GOOD, listed + 38, link))
    size = struct.pack("<I", 7)
    yield case(
        "directory", "central-directory", "PF-11", "a directory of another size", patched(GOOD, listed + 24, size)
    )
    wrong = struct.pack("<I", zlib.crc32(b"other"))
    crc = patched(patched(GOOD, 14, wrong), listed + 16, wrong)
    yield case("checksum", "wrong-checksum", "PF-13", "a wrong CRC-32", crc)
    turned = list(FILES.items())
    turned[0], turned[1] = turned[1], turned[0]
    yield case("order", "entry-order", "PF-15", "files in another order", zipped(turned))


def contents() -> Iterator[Case]:
    def case(name: str, code: str, clause: str, why: str, raw: bytes, **more: Any) -> Case:
        return Case(name, why, raw, (clause,), (code,), **more)

    gone = {name: raw for name, raw in FILES.items() if name != NOTE}
    yield Case("missing-file", "a content is missing", zipped(gone), ("PF-14",), ("missing-file",))
    yield case(
        "no-manifest",
        "missing-file",
        "PF-14",
        "no manifest",
        mended({name: raw for name, raw in FILES.items() if name != MANIFEST}),
    )
    yield case(
        "added-file",
        "added-file",
        "PF-14",
        "a file that nobody signed",
        zipped({**FILES, f"{BASE}/data/annexes/x.json": b"{}"}),
    )
    yield case(
        "altered-file",
        "altered-file",
        "PF-17",
        "another content, with tag files mended",
        with_file(NOTE, b'{"note":"B capture would stand here."}'),
    )
    renamed = {name.replace(BASE, "PKT-0000000000-r2", 1): raw for name, raw in FILES.items()}
    yield case("other-directory", "added-file", "PF-16", "the directory of another packet", zipped(renamed))
    info = f"{BASE}/bag-info.txt"
    tagged = with_file(info, FILES[info].replace(b"Handrail", b"Handrule"))
    yield Case("altered-tag", "a tag file says something else", tagged, ("PF-18",), ("altered-file",))
    covered = entries(pack(second_form()))
    page = f"{BASE}/cover.html"
    false = covered[page].replace(b"Northwind", b"Southwind", 1)
    yield case(
        "false-cover",
        "other-cover",
        "PF-42",
        "a cover sheet that says something else",
        zipped({**covered, page: false}),
    )
    # envelopes
    raw = FILES[MANIFEST]
    yield case(
        "spaced-envelope",
        "malformed-envelope",
        "PF-19",
        "an envelope with a blank more",
        with_file(MANIFEST, raw.replace(b",", b", ", 1)),
    )
    yield case(
        "extra-field",
        "malformed-envelope",
        "PF-19",
        "an envelope with a field more",
        envelope(MANIFEST, lambda one: one | {"x": 1}),
    )
    yield case(
        "payload-type",
        "malformed-envelope",
        "PF-20",
        "another payload type",
        envelope(MANIFEST, lambda one: one | {"payloadType": "text/plain"}),
    )
    yield case(
        "unsigned", "no-signature", "PF-21", "no signature", envelope(MANIFEST, lambda one: one | {"signatures": []})
    )
    yield case(
        "signed-twice",
        "extra-signature",
        "PF-21",
        "two signatures",
        envelope(MANIFEST, lambda one: one | {"signatures": one["signatures"] * 2}),
    )
    half = {"keyid": KEY.key_id, "sig": base64.b64encode(bytes(32)).decode()}
    yield case(
        "cut-signature",
        "cut-signature",
        "PF-21",
        "half a signature",
        envelope(MANIFEST, lambda one: one | {"signatures": [half]}),
    )
    null = half | {"sig": base64.b64encode(bytes(64)).decode()}
    yield case(
        "wrong-signature",
        "wrong-signature",
        "PF-22",
        "a signature of zeros",
        envelope(MANIFEST, lambda one: one | {"signatures": [null]}),
    )
    yield case("unknown-key", "unknown-key", "PF-22", "a key that the receiver doesn't have", pack(key=OTHER_KEY))
    yield case("rotated-key", "rotated-key", "PF-22", "a key that was rotated out", GOOD, keys="retired.pem")
    yield case(
        "revoked-key", "revoked-key", "PF-57", "a revoked key, named behind a byte order mark", GOOD, keys="revoked.pem"
    )
    yield case(
        "mixed-keys",
        "mixed-keys",
        "PF-23",
        "two keys for one package",
        with_file(APPROVALS, dsse.sign(dsse.payload_of(FILES[APPROVALS]), OTHER_KEY)),
        keys="both.pem",
    )
    # the manifest, all of them signed well
    bad = "malformed-manifest"
    yield case("manifest-no-json", bad, "PF-24", "a manifest that is not JSON", payload(MANIFEST, b"{"))
    yield case("manifest-deep", bad, "PF-24", "100,000 open brackets", payload(MANIFEST, b"[" * 100_000))
    yield case(
        "manifest-twice", bad, "PF-24", "a key given twice", respelled(b'"revision":2', b'"revision":2,"revision":2')
    )
    yield case("manifest-float", bad, "PF-24", "2.0 for 2", respelled(b'"revision":2', b'"revision":2.0'))
    yield case(
        "manifest-field", bad, "PF-24", "a field that there is not", respelled(b'"predicate":{', b'"predicate":{"a":1,')
    )
    yield case(
        "manifest-type",
        bad,
        "PF-24",
        "a type that there is not",
        respelled(b"packet-manifest/v1", b"packet-manifest/v9"),
    )
    yield case(
        "manifest-control",
        bad,
        "PF-25",
        "a control character",
        respelled(b"/tenants/ten_acme", b"/tenants/\\u001bacme"),
    )
    yield case(
        "manifest-bidi",
        bad,
        "PF-25",
        "a character that turns text",
        respelled(b"/tenants/ten_acme", "/tenants/\u202eacme".encode()),
    )
    yield case(
        "manifest-time",
        bad,
        "PF-25",
        "another spelling of a time",
        respelled(b"09:30:00.123456Z", b"09:30:00.123456+00:00"),
    )
    yield case(
        "manifest-path", bad, "PF-27", "a name of a device", respelled(b"annexes/note-1.json", b"annexes/NUL.json")
    )
    yield case(
        "manifest-life",
        bad,
        "PF-29",
        "an end before its beginning",
        respelled(b"2026-03-02T21:30:00", b"2026-03-01T21:30:00"),
    )
    yield case(
        "manifest-quorum", bad, "PF-30", "signers who can't suffice", respelled(b'"threshold":2', b'"threshold":9')
    )


def approvals() -> Iterator[Case]:
    def case(name: str, clause: str, why: str, raw: bytes, *codes: str, **more: Any) -> Case:
        return Case(name, why, raw, (clause,), codes, **more)

    made = first_form()
    other = signed_by(of=first_form(revision=3))
    yield case(
        "other-manifest", "PF-32", "approvals of another manifest", pack(given=other), "approvals-of-another-manifest"
    )
    ada, ben = signed_by().votes
    turned = Approvals(made.digest(), (ben, ada))
    yield case("votes-order", "PF-33", "votes in another order", pack(given=turned), "malformed-approvals")
    yield case(
        "votes-spelling",
        "PF-31",
        "a blank in the approvals",
        payload(APPROVALS, b" " + dsse.payload_of(FILES[APPROVALS])),
        "malformed-approvals",
    )
    yield case(
        "assembler",
        "PF-34",
        "a vote of who assembled it",
        pack(given=signed_by("usr-ada", "usr-ben", "usr-dee")),
        "not-a-signer",
    )
    late = signed_by(after=timedelta(hours=12))
    yield case(
        "late-votes", "PF-35", "votes after the end", pack(given=late), "approved-out-of-time", "approved-out-of-time"
    )
    yield case("one-vote", "PF-36", "one vote of two", pack(given=signed_by("usr-ben")), "short-of-signers")
    yield case(
        "one-role",
        "PF-36",
        "two votes, both for one place",
        pack(given=signed_by("usr-ben", "usr-ben")),
        "malformed-approvals",
        "short-of-signers",
    )
    # what the receiver expects
    yield case("other-lane", "PF-37", "for somebody else", GOOD, "other-lane", lane="another-intake")
    yield Case("no-lane", "the receiver names no lane", GOOD, ("PF-37",), notes=("lane-not-compared",), lane=None)
    yield case(
        "expired", "PF-38", "a minute after its end", GOOD, "expired", at=making.EXPIRES_AT + timedelta(minutes=1)
    )
    early = {"at": CREATED_AT - timedelta(minutes=6)}
    given = signed_by(after=timedelta(0))
    yield case("not-yet", "PF-38", "six minutes before it was made", pack(given=given), "not-yet-valid", **early)
    yield case(
        "superseded", "PF-39", "older than what was accepted", GOOD, "superseded", accepted=(first_form(revision=3),)
    )
    conflicting = first_form(lane="another-intake")
    yield case(
        "conflicting",
        "PF-39",
        "another one of the same revision",
        GOOD,
        "conflicting-revision",
        accepted=(conflicting,),
    )
    yield case(
        "once", "PF-39", "accepted before, and once asked for", GOOD, "already-accepted", accepted=(made,), once=True
    )
    yield case(
        "recalled",
        "PF-52",
        "recalled by its sender",
        GOOD,
        "recalled",
        recalls=(dsse.sign(recall(made).payload(), KEY),),
    )


def recall(made: Manifest) -> PackageRecall:
    why, asks = RecallReason.WRONG_CONTENT, RecallRequest.DELETE
    return PackageRecall(
        made.digest(), made.packet, made.revision, LANE, why, asks, NOW, "The wrong customer's capture."
    )


def passkeys() -> Iterator[Case]:
    made = by_passkey()
    clicks = tuple(Approval(one, AT, ApprovalProof.CLICK) for one in ("usr-ada", "usr-ben"))
    raw = pack(made, Approvals(made.digest(), clicks))
    yield Case("clicks", "clicks where passkeys are asked for", raw, ("PF-45",), ("approval-too-weak",) * 2)
    wrong: list[tuple[str, str, dict[str, Any]]] = [
        ("PF-46", "signed-vote-of-another-manifest", {"manifest_digest": "sha256:" + "0" * 64}),
        ("PF-46", "signed-vote-of-another-revision", {"revision": 3}),
        ("PF-46", "signed-vote-for-another-lane", {"lane": "another-lane"}),
        ("PF-46", "signed-vote-of-another-act", {"vote": "reject"}),
        ("PF-46", "signed-vote-of-another-signer", {"signer": "usr-cy"}),
        ("PF-47", "signed-vote-expired", {"expires_at": AT}),
        ("PF-47", "signed-vote-replayed", {"nonce": statement(made, "usr-ben").nonce}),
    ]
    for clause, code, changes in wrong:
        signed = vote(made, "usr-ada", said=statement(made, "usr-ada", **changes))
        yield Case(code, "a passkey signed something else", approved(made, signed), (clause,), (code,))
    assertions: list[tuple[str, dict[str, Any]]] = [
        ("assertion-wrong-type", {"type": "webauthn.create"}),
        ("assertion-other-origin", {"origin": "https://evil.example"}),
        ("assertion-cross-origin", {"crossOrigin": True}),
        ("assertion-other-rp", {"rp_id": "evil.example"}),
        ("assertion-not-verified", {"flags": PRESENT}),
        ("assertion-not-present", {"flags": 4}),
        ("assertion-malformed", {"more": b"x"}),
        ("assertion-wrong-challenge", {"signed": statement(made, "usr-ada", revision=3)}),
    ]
    for code, how in assertions:
        raw = approved(made, vote(made, "usr-ada", **how))
        yield Case(code, "an assertion that proves nothing", raw, ("PF-48",), (code,))
    forged, own = vote(made, "usr-ada", key=PEOPLE["usr-cy"]), vote(made, "usr-ada")
    assert forged.passkey is not None
    assert own.passkey is not None
    swapped = dataclasses.replace(forged.passkey, public_key=own.passkey.public_key)
    raw = approved(made, dataclasses.replace(forged, passkey=swapped))
    yield Case("assertion-wrong-signature", "signed with another key", raw, ("PF-48",), ("assertion-wrong-signature",))
    shared = approved(made, vote(made, "usr-ada", key=PEOPLE["usr-ben"]))
    yield Case("signer-key-shared", "two people with one key", shared, ("PF-49",), ("signer-key-shared",))
    signed_well = approved(made, own)
    lists: list[tuple[str, dict[str, Any]]] = [
        ("signer-key-not-pinned", {"signer": "usr-eve"}),
        ("signer-key-removed", {"removed": True}),
        ("signer-key-out-of-time", {"until": "2026-03-02T10:00:00Z"}),
    ]
    for code, changes in lists:
        yield Case(
            code, "the receiver doesn't take this key", signed_well, ("PF-50",), (code,) * 2, pins=pin_list(**changes)
        )


def weak_keys() -> Iterator[Case]:
    """The neutral point as an Ed25519 key: anybody has the one signature that fits it and every statement."""
    made = by_passkey()
    own = vote(made, "usr-ada")
    assert own.passkey is not None
    key = bytes.fromhex("302a300506032b6570032100") + bytes([1]) + bytes(31)
    weak = dataclasses.replace(
        own.passkey,
        public_key=base64.b64encode(key).decode(),
        signature=base64.b64encode(bytes([1]) + bytes(63)).decode(),
        algorithm=Algorithm.EDDSA,
    )
    raw = approved(made, dataclasses.replace(own, passkey=weak))
    code = "assertion-unusable-key"
    yield Case(code, "a key whose one signature fits every statement", raw, ("PF-48",), (code,))


def cases() -> list[Case]:
    return [*good(), *archives(), *contents(), *approvals(), *passkeys(), *weak_keys()]


# the folder


def key_files() -> dict[str, bytes]:
    ring = KeyRing((KEY.public, OTHER_KEY.public), OTHER_KEY.key_id)
    pem = KEY.public.to_pem().replace("\n", "\r\n")
    return {
        "sender.pem": KEY.public.to_pem().encode(),
        "both.pem": ring.to_pem().encode(),
        "retired.pem": ring.retire(KEY.key_id).to_pem().encode(),
        "revoked.pem": b"\xef\xbb\xbf"
        + f"# revoked key {KEY.key_id}\r\n{pem}".encode()
        + OTHER_KEY.public.to_pem().encode(),
        "windows.pem": b"\xef\xbb\xbf" + f"Schlüssel des Absenders, ключ отправителя\r\n{pem}".encode(),
        "TEST-ONLY-private.pem": b"Published on purpose: signs these vectors, and nothing else.\n"
        + KEY.to_pem().encode(),
    }


def folder() -> dict[str, bytes]:
    """Every generated file by its path below the folder."""
    found = {f"keys/{name}": raw for name, raw in key_files().items()}
    listed, packages = [], dict[bytes, str]()
    for one in cases():
        path = packages.setdefault(one.package, f"packages/{one.name}.zip")
        found[path] = one.package
        entry: dict[str, Any] = {"name": one.name, "why": one.why, "clauses": list(one.clauses), "package": path}
        entry |= {"keys": f"keys/{one.keys}", "lane": one.lane, "at": f"{one.at:%Y-%m-%dT%H:%M:%SZ}"}
        if one.pins is not None:
            entry["pins"] = f"pins/{one.name}.json"
            found[entry["pins"]] = json.dumps(one.pins, indent=1).encode() + b"\n"
        if one.recalls:
            entry["recalls"] = f"recalls/{one.name}"
            found |= {f"recalls/{one.name}/{number}.json": raw for number, raw in enumerate(one.recalls, 1)}
        if one.accepted:
            entry["accepted"] = f"accepted/{one.name}"
            digests = {made.digest().removeprefix("sha256:"): made.payload() for made in one.accepted}
            found |= {f"accepted/{one.name}/{digest}.json": raw for digest, raw in digests.items()}
        entry |= {"once": one.once, "codes": sorted({*one.codes}), "notes": sorted({*one.notes})}
        entry["answer"] = "refused" if one.codes else "accepted" if one.lane else "not-compared"
        listed.append(entry)
    about = "Vectors of Handrail's package format. The keys are published and sign nothing else."
    index = {"vectors": "handrail-package-vectors/v1", "about": about, "cases": listed}
    found["index.json"] = json.dumps(index, indent=1, ensure_ascii=True).encode() + b"\n"
    return found


def main(target: Path = FOLDER) -> None:
    for name in ("keys", "packages", "pins", "recalls", "accepted"):
        shutil.rmtree(target / name, ignore_errors=True)
    for path, raw in folder().items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(raw)


if __name__ == "__main__":
    main(*(Path(one) for one in sys.argv[1:]))
