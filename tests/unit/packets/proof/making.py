"""Packages for the tests: a small real one, variations of it, and a forger who mends all that needs no key."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import SSlibKey

from handrail.kernel.canonical import canonical_bytes, digest_bytes
from handrail.packets.proof import archive, bag, manifest, package, verify
from handrail.packets.proof.approvals import Approval, Approvals
from handrail.packets.proof.keys import KeyRing, SigningKey
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.package import SealedManifest

KEY = SigningKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_KEY = SigningKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
RING = KeyRing.of([KEY.public])
CREATED_AT = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=UTC)
EXPIRES_AT = CREATED_AT + timedelta(hours=12)
NOW = CREATED_AT + timedelta(hours=2)
LANE = "vendor-signing-intake"
PACKET = "PKT-7K3M9QX2ZA"
SALT = b"0123456789abcdef"

HAR = canonical_bytes({"log": {"entries": [{"time": 12.5, "request": {"method": "GET"}}]}})
HAR_DIGEST = digest_bytes(HAR)
CONTENTS: dict[str, bytes] = {
    "packet.json": canonical_bytes(
        {
            "about": {"title": "Vendor escalation, identity outage"},
            "fields": {
                "impact": {"start": "2026-03-02T07:10:00Z", "end": {"held": ["end-while-open"]}},
                "connectors": [{"entity_id": "https://idp.acme.example/saml", "keys": ["k1", "k2"]}],
                "tenant": {"id": "ten_acme"},
            },
            "annexes": [
                {
                    "name": "har-1",
                    "sort": "har",
                    "media_type": "application/json",
                    "size": 67,
                    "digest": HAR_DIGEST,
                    "description": "HTTP capture of 1 entry",
                },
            ],
            "held": [{"name": "memory-dump", "sort": "other", "reason": "unsanitised-artifact"}],
        }
    ),
    "trace.json": canonical_bytes({"tenant.id": {"source": "tenant", "path": "/id", "version": "v7"}}),
    "holds.json": canonical_bytes(
        {
            "holds": [
                {
                    "code": "unsanitised-artifact",
                    "scope": "annex",
                    "target": "memory-dump",
                    "cleared": None,
                    "says": "No sanitiser has cleared this artifact; it stays inside.",
                    "released_by": "Only a new revision in which the reason is gone.",
                },
                {
                    "code": "end-while-open",
                    "scope": "field",
                    "target": "impact.end",
                    "released_by": "Cleared by lead.",
                    "says": "The case is open.",
                    "cleared": {"role": "lead", "at": "2026-03-02T09:00:00.000000Z"},
                },
            ]
        }
    ),
    "annexes/har-1.json": HAR,
}


def fields(contents: Mapping[str, bytes] = CONTENTS, **changes: Any) -> dict[str, Any]:
    """A manifest's fields as plain JSON values."""
    listed = [
        {"path": path, "media_type": "application/json", "size": len(raw), "digest": digest_bytes(raw)}
        for path, raw in sorted(contents.items(), key=lambda item: manifest.delivery_order(item[0]))
    ]
    return {
        "packet": PACKET,
        "revision": 2,
        "lane": LANE,
        "profile": {"name": "identity-outage", "version": 2, "digest": digest_bytes(b"profile")},
        "audience": {"tlp": "TLP:AMBER+STRICT", "recipients": ["vendor-signing-support"]},
        "privacy": {"shows": ["vendor"], "never": ["internal-note", "customer-contact-private"]},
        "signers": {
            "threshold": 2,
            "quotas": [{"role": "escalation-owner", "least": 1}, {"role": "support-privacy", "least": 1}],
            "eligible": [
                {"id": "usr-ada", "name": "Ada Núñez", "roles": ["escalation-owner", "support-privacy"]},
                {"id": "usr-ben", "name": "Ben Okafor", "roles": ["support-privacy"]},
                {"id": "usr-cy", "name": "Cy Young", "roles": ["escalation-owner"]},
            ],
            "excluded": [{"id": "usr-dee", "why": "assembler"}],
        },
        "contents": listed,
        "held": [
            {
                "name": "memory-dump",
                "kind": "other",
                "reason": "unsanitised-artifact",
                "digest": manifest.held_digest(salt=SALT, chunks=[b"secret"]),
            }
        ],
        "sources": [
            {
                "name": "tenant",
                "record": "/tenants/ten_acme",
                "version": "v7",
                "digest": digest_bytes(b"tenant"),
                "read_at": "2026-03-02T09:29:00.000000Z",
            }
        ],
        "supersedes": digest_bytes(b"revision 1"),
        "created_at": "2026-03-02T09:30:00.123456Z",
        "expires_at": "2026-03-02T21:30:00.123456Z",
        "sender": "Northwind Support",
        **changes,
    }


def make_manifest(contents: Mapping[str, bytes] = CONTENTS, **changes: Any) -> Manifest:
    return manifest.from_fields(fields(contents, **changes))


def approve(made: Manifest, *signers: str, after: timedelta = timedelta(hours=1)) -> Approvals:
    people = sorted(signers or ("usr-ada", "usr-ben"))
    return Approvals(made.digest(), tuple(Approval(person, made.created_at + after) for person in people))


def as_securesystemslib(key: SigningKey) -> SSlibKey:
    """The public half, for a verifier that isn't ours."""
    return SSlibKey.from_crypto(key.public.crypto, keyid=key.key_id)


def seal(made: Manifest | None = None, *, key: SigningKey = KEY) -> SealedManifest:
    made = made or make_manifest()
    return package.seal(made, approve(made), key=key)


def pack(sealed: SealedManifest | None = None, contents: Mapping[str, bytes] = CONTENTS) -> bytes:
    out = io.BytesIO()
    package.write(out, sealed or seal(), contents)
    return out.getvalue()


def expectation(**changes: Any) -> verify.Expectation:
    given: dict[str, Any] = {"keys": RING, "lane": LANE, "at": NOW, **changes}
    return verify.Expectation(**given)


def check(raw: bytes, **changes: Any) -> verify.Verdict:
    return verify.verify(io.BytesIO(raw), expectation(**changes))


def entries(raw: bytes) -> dict[str, bytes]:
    """Full names and bytes of a package's files, in order. Trusts it: only for packages made here."""
    found, at = {}, 0
    while raw[at : at + 4] == archive.LOCAL_MAGIC:
        *_, size, name_bytes, _ = archive.LOCAL.unpack(raw[at : at + archive.LOCAL.size])
        begin = at + archive.LOCAL.size + name_bytes
        found[raw[at + archive.LOCAL.size : begin].decode()] = raw[begin : begin + size]
        at = begin + size
    return found


def zipped(files: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> bytes:
    """A structurally perfect archive of any files."""
    out = io.BytesIO()
    writer = archive.Writer(out)
    for name, raw in files.items() if isinstance(files, Mapping) else files:
        writer.add(name, [raw])
    writer.finish()
    return out.getvalue()


def mended(files: Mapping[str, bytes]) -> bytes:
    """What a forger makes: checksums, BagIt manifests and archive all agree with the changed files."""
    base = next(iter(files)).partition("/")[0]
    local = {name.partition("/")[2]: raw for name, raw in files.items()}
    data = {path: raw for path, raw in local.items() if path.startswith(bag.DATA)}
    tags = {name: local.get(name, b"") for name in ("bagit.txt", "bag-info.txt")}
    tags["manifest-sha256.txt"] = _sums(data)
    covers = {path: local[path] for path in bag.COVERS if path in local}
    tags["tagmanifest-sha256.txt"] = _sums({**tags, **covers})
    return zipped({f"{base}/{path}": raw for path, raw in {**tags, **covers, **data}.items()})


def _sums(files: Mapping[str, bytes]) -> bytes:
    return "".join(f"{digest_bytes(raw)[7:]}  {path}\n" for path, raw in sorted(files.items())).encode()
