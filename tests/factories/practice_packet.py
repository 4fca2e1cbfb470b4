"""The packet of the practice outage as it is released: the shipped profile and tables over the practice estate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from handrail.access import queries as access
from handrail.connectors import lane as lanes
from handrail.connectors import registry
from handrail.connectors.blobs import FolderBlobs
from handrail.connectors.registry import Registry
from handrail.definitions.states import DefinitionKind
from handrail.kernel.clock import now
from handrail.kernel.secrets import Secrets
from handrail.packets import packing, settings
from handrail.packets.actions import assembling, holds, releasing, votes
from handrail.packets.models import Revision
from handrail.packets.proof import unpack, verify
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.manifest import Manifest
from handrail.packets.settings import PacketSettings
from handrail.sandbox import outage, traces
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.server import Sandbox
from tests.factories.installation import Installation, define, member
from tests.factories.packets import Vendor, everything
from tests.unit.packets.proof.making import KEY

DEFINITIONS = Path(__file__).parents[2] / "definitions"
PROFILE, LANE = "identity-outage-vendor-escalation", "vendor-signing-intake"
_TOKENS = {
    "cases": "cases", "registry": "registry", "entitlements": "entitlements", "federation": "federation",
    "federation-metadata": "federation", "attachments": "attachments", "vendor-lanes": "lane",
}  # fmt: skip


@dataclass
class Received:
    """A package as its receiver has it: verified, with the bytes of each file by its path."""

    manifest: Manifest
    files: dict[str, bytes]
    verdict: verify.Verdict
    packet: dict[str, Any] = field(init=False)
    trace: dict[str, Any] = field(init=False)
    holds: Any = field(init=False)

    def __post_init__(self) -> None:
        self.packet = json.loads(self.files["data/packet.json"])
        self.trace = json.loads(self.files["data/trace.json"])
        self.holds = json.loads(self.files["data/holds.json"])

    def annexes(self, type_: str) -> list[Any]:
        """What the annexes of a type hold, in their order."""
        names = [content.path for content in self.manifest.contents if content.path.startswith(f"annexes/{type_}-")]
        return [json.loads(self.files[f"data/{name}"]) for name in names]


def received(package: Path) -> Received:
    """What the vendor's side makes of it: nothing that Handrail keeps, but the package and the public key."""
    expect = verify.Expectation(keys=KeyRing.of([KEY.public]), lane=LANE, at=now())
    verdict = verify.verify(package, expect)
    assert verdict.accepted, verdict.findings
    assert verdict.manifest is not None
    with package.open("rb") as stream:
        paths = [member.path for member in unpack.read(stream, keep=()).members]
        stream.seek(0)
        kept = unpack.read(stream, keep=paths).kept
    return Received(verdict.manifest, kept, verdict)


@contextmanager
def released(folder: Path) -> Iterator[Path]:
    """The package of the practice outage, assembled by one person, cleared by another, signed by two."""
    with Sandbox() as running, ExitStack() as stack:
        connectors = _connectors(running, folder / "evidence")
        _take_in(running, connectors)
        stack.enter_context(registry.use(connectors))
        stack.enter_context(lanes.use(lanes.Lanes({LANE: Vendor(LANE)})))
        blobs = FolderBlobs("blobs", folder / "blobs", max_bytes=10**8)
        stack.enter_context(settings.use(PacketSettings(blobs=blobs, signing_key=lambda: KEY)))
        revision = _revision()
        target = folder / "out"
        target.mkdir()
        yield packing.write(revision, target)


def _connectors(running: Sandbox, evidence: Path) -> Registry:
    evidence.mkdir()
    sections: dict[str, Any] = {
        name: {
            "kind": "saml" if name == "federation-metadata" else "rest",
            "base_url": running.url + ("/registry" if name == "registry" else ""),
            "auth": {"kind": "bearer", "secret": f"env:{token.upper()}"},
        }
        for name, token in _TOKENS.items()
    }
    sections["evidence"] = {"kind": "blobs", "folder": evidence}
    return Registry.build(
        registry.parse(sections), Secrets({token.upper(): PRACTICE_TOKENS[token] for token in _TOKENS.values()})
    )


def _take_in(running: Sandbox, connectors: Registry) -> None:
    """All attachments of the case, the late trace among them, as the store's own intake takes them."""
    headers = {"authorization": f"Bearer {PRACTICE_TOKENS['control']}"}
    late = {"name": "verify-assertion-late.json", "kind": "trace", "text": traces.late().decode()}
    with httpx2.Client(base_url=running.url, headers=headers, trust_env=False) as client:
        assert client.post(f"/cases/{outage.CASE}/attachments", json=late).status_code in (200, 201)
    store: Any = connectors.get("evidence")
    for data in (*(data for _, _, data in outage.attachments().values()), traces.late()):
        store.put(data)


def _revision() -> Revision:
    one = Installation(None, tenant=outage.TENANT)
    for kind, name in ((DefinitionKind.TABLE, "tables"), (DefinitionKind.PACKET, "profiles")):
        for path in sorted((DEFINITIONS / name).glob("*.yaml")):
            define(one.workspace, path.read_text(encoding="utf-8"), kind)
    roles = {"dee": "operator", "eve": "senior-support", "ada": "escalation-owner", "cy": "escalation-owner"}
    people = {name: access.actor_for(member(one.workspace, name, [role])) for name, role in roles.items()}
    asked = assembling.request(profile=PROFILE, inputs={"tenant": outage.TENANT, "case": outage.CASE}, by=people["dee"])
    assembling.build(revision_id=asked.id, by=one.worker)
    asked = holds.clear(
        ref=asked.ref, revision=asked.revision, code="end-while-open", target="impact.end",
        reason="The end of impact was confirmed.", by=people["eve"],
    )  # fmt: skip
    assembling.build(revision_id=asked.id, by=one.worker)
    revision = Revision.objects.select_related("packet", "assembly").get(pk=asked.id)
    for name in ("ada", "cy"):
        votes.approve(
            ref=asked.ref, revision=asked.revision, digest=revision.assembly.manifest_digest or "", by=people[name],
            seen=everything(revision),
        )  # fmt: skip
    releasing.release(ref=asked.ref, revision=asked.revision, by=people["ada"])
    revision.refresh_from_db()
    return revision
