"""Packaging and verifying, in MB/s, against a plain SHA-256 pass over the same bytes.

    python bench/bench_package.py [MEGABYTES] [ANNEXES]

Prints figures and ratios; passes or fails on nothing.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from handrail.kernel.canonical import digest_bytes
from handrail.packets.proof import manifest, package, verify
from handrail.packets.proof.approvals import Approval, Approvals
from handrail.packets.proof.keys import KeyRing, SigningKey
from handrail.packets.proof.package import SealedManifest

MEGABYTE = 1_000_000
CHUNK_BYTES = 1024 * 1024
ROUNDS = 3
LANE = "vendor-intake"
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    megabytes, annexes = (int(text) for text in (sys.argv[1:] + ["200", "50"][len(sys.argv) - 1 :])[:2])
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        key = SigningKey.generate()
        contents = make_contents(directory, megabytes * MEGABYTE, annexes)
        sealed = make_sealed(contents, key)
        total = sum(path.stat().st_size for path in contents.values())
        ring = KeyRing.of([key.public])
        expect = verify.Expectation(keys=ring, lane=LANE, at=MADE_AT + timedelta(minutes=2))
        plain = best(lambda: [sha256_of(path) for path in contents.values()])
        packed = best(lambda: package.write_file(directory, sealed, dict(contents)))
        written = directory / package.file_name(sealed.manifest)
        verdict = verify.verify(written, expect)
        verified = best(lambda: verify.verify(written, expect))
        print(f"{len(contents)} files, {total / MEGABYTE:.0f} MB; best of {ROUNDS}; accepted: {verdict.accepted}")
        for label, seconds in (("SHA-256 alone", plain), ("package", packed), ("verify", verified)):
            print(f"{label:14} {total / MEGABYTE / seconds:8.0f} MB/s   {seconds / plain:5.2f} times the plain pass")
    small()


def small() -> None:
    """The fixed cost: a package of a few kilobytes."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        key = SigningKey.generate()
        contents = make_contents(directory, 1_000, 1)
        sealed = make_sealed(contents, key)
        path, _ = package.write_file(directory, sealed, dict(contents))
        ring = KeyRing.of([key.public])
        expect = verify.Expectation(keys=ring, lane=LANE, at=MADE_AT + timedelta(minutes=2))
        print(f"smallest       seal {best(lambda: make_sealed(contents, key)) * 1000:.1f} ms", end="")
        print(f", verify {best(lambda: verify.verify(path, expect)) * 1000:.1f} ms")


def best(action: Callable[[], object]) -> float:
    """The shortest of some rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


def sha256_of(path: Path) -> str:
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
    return f"sha256:{sha256.hexdigest()}"


def make_contents(directory: Path, octets: int, annexes: int) -> dict[str, Path]:
    """The three documents and some annexes that share the bytes among them."""
    contents = {}
    block = bytes(range(256)) * 4096
    for path in (*manifest.DOCUMENTS, *(f"annexes/annex-{number}.json" for number in range(annexes))):
        file = directory / path.replace("/", "-")
        left = octets // annexes if path.startswith("annexes/") else 1000
        with file.open("wb") as out:
            while left:
                left -= out.write(block[:left])
        contents[path] = file
    return contents


def make_sealed(contents: dict[str, Path], key: SigningKey) -> SealedManifest:
    made = manifest.from_fields(
        {
            "packet": "PKT-0000000000",
            "revision": 1,
            "lane": LANE,
            "profile": {"name": "bench", "version": 1, "digest": digest_bytes(b"")},
            "audience": {"tlp": "TLP:AMBER", "recipients": ["bench"]},
            "privacy": {"shows": [], "never": []},
            "signers": {
                "threshold": 1,
                "quotas": [],
                "eligible": [{"id": "usr-1", "name": "One", "roles": ["owner"]}],
                "excluded": [],
            },
            "contents": [
                {
                    "path": path,
                    "media_type": "application/json",
                    "size": contents[path].stat().st_size,
                    "digest": sha256_of(contents[path]),
                }
                for path in sorted(contents, key=manifest.delivery_order)
            ],
            "held": [],
            "sources": [
                {
                    "name": "s",
                    "record": "r",
                    "version": None,
                    "digest": digest_bytes(b""),
                    "read_at": MADE_AT.isoformat(),
                }
            ],
            "supersedes": None,
            "created_at": MADE_AT.isoformat(),
            "expires_at": (MADE_AT + timedelta(hours=1)).isoformat(),
        }
    )
    approvals = Approvals(made.digest(), (Approval("usr-1", MADE_AT + timedelta(minutes=1)),))
    return package.seal(made, approvals, key=key)


if __name__ == "__main__":
    main()
