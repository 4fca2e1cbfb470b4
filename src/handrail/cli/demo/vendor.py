"""The vendor in the demo: has a package and the sender's public key, and nothing else of Handrail's installation."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from handrail.cli import installation
from handrail.kernel.clock import now
from handrail.packets.proof import dsse
from handrail.packets.proof.intake import building
from handrail.packets.proof.keys import SigningKey
from handrail.packets.proof.reply import ReplyKind, VendorReply

VERIFY_SECONDS = 60.0
PROGRAM = "handrail-intake"


@dataclass(frozen=True, slots=True)
class Said:
    """What ``handrail-intake verify`` said in a process of its own."""

    accepted: bool
    facts: dict[str, str]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vendor:
    """``directory`` holds packages, ``sender.pem``, the verifier of one file, and the memory of what was accepted."""

    directory: Path
    lane: str

    def settle(self) -> None:
        """An empty desk with the verifier and the sender's public keys on it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(mode=0o700, parents=True)
        (self.directory / "sender.pem").write_text(installation.key_ring().load().to_pem(), encoding="ascii")
        building.write_file(self.directory / PROGRAM)

    def verify(self, package: bytes, *, name: str = "package.zip") -> Said:
        """Runs the verifier without configuration, database or network; an accepted package is remembered."""
        (self.directory / name).write_bytes(package)
        options = ["--key", "sender.pem", "--lane", self.lane, "--accepted", "seen", "--record", "--json"]
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, PROGRAM, "verify", name, *options],
            check=False,
            cwd=self.directory,
            env={key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ},
            capture_output=True,
            text=True,
            timeout=VERIFY_SECONDS,
        )
        try:
            said: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return Said(accepted=False, facts={}, findings=(done.stderr.strip()[:300] or "nothing was said",))
        refusals = tuple(str(finding["code"]) for finding in said["findings"] if finding["refuses"])
        return Said(accepted=done.returncode == 0 and said["accepted"], facts=dict(said["package"]), findings=refusals)


def accepting(manifest_digest: str, lane: str, ticket: str, private: Path) -> str:
    """A signed reply that the package is accepted, in base64."""
    said = VendorReply(manifest_digest, lane, 1, ReplyKind.ACCEPTED, now(), ticket)
    envelope = dsse.sign(said.payload(), SigningKey.from_pem(private.read_text(encoding="ascii")))
    return base64.b64encode(envelope).decode()


def altered(package: bytes) -> bytes:
    """The package with one bit of its middle turned over."""
    raw = bytearray(package)
    raw[len(raw) // 2] ^= 1
    return bytes(raw)


def found_in(package: bytes, secrets: Mapping[str, str]) -> list[str]:
    """The places whose secrets can be read in any file of the package: plain, URL-encoded, in base64, in hexadecimal.

    Letters count as equal in both cases, so that no spelling hides one.
    """
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        text = b"\n".join(archive.read(name) for name in archive.namelist()).lower()
    return [place for place, secret in secrets.items() if any(form in text for form in writings(secret))]


def writings(secret: str) -> Iterator[bytes]:
    """The ways in which ``secret`` could be written, in lower case; base64 at each of its three alignments."""
    raw = secret.encode()
    yield raw.lower()
    yield quote(secret, safe="").lower().encode()
    yield raw.hex().encode()
    for before in range(3):
        yield base64.b64encode(b"-" * before + raw)[4 * (before > 0) : -4].lower()
