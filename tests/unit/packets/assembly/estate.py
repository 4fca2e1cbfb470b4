"""A whole case held in memory: the records that each source answers with, and what is attached."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, BinaryIO

from handrail.connectors import rest, saml
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import ReadFailed, Reading
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.table import CompiledTable, compile_table
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import NotFound
from handrail.packets import binding
from handrail.packets.assembly.artifacts import read_artifacts
from handrail.packets.assembly.assemble import Inputs, assemble
from handrail.packets.assembly.results import Assembled
from handrail.packets.assembly.sources import read_sources
from handrail.packets.proof import manifest
from handrail.packets.proof.manifest import Manifest
from tests.unit.definitions.bad import edited
from tests.unit.definitions.profile_samples import PROFILE, TABLES

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SALT = bytes(range(32))
GIVEN = {"tenant": "ten_a", "case": "CASE-7"}
HAR = json.dumps(
    {
        "log": {
            "version": "1.2",
            "entries": [
                {
                    "startedDateTime": "2026-11-22T09:00:00.000Z",
                    "time": 12.5,
                    "request": {
                        "method": "GET",
                        "url": "https://idp.example/login?code=S3CR3T-code-9f8e7d6c5b4a",
                        "headers": [{"name": "Authorization", "value": "Bearer S3CR3T-token-0a1b2c3d"}],
                    },
                    "response": {"status": 502, "headers": [], "content": {"size": 0}},
                    "timings": {"wait": 12.5},
                }
            ],
        }
    }
).encode()


def event(kind: str, text: str, visibility: str = "service", at: str = "2026-11-22T09:00:00Z") -> dict[str, Any]:
    return {"at": at, "kind": kind, "text": text, "visibility": visibility, "actor": "bridge"}


def records() -> dict[str, Any]:
    """What each path answers, all in order."""
    return {
        "/cases/CASE-7": {
            "id": "CASE-7",
            "tenant_id": "ten_a",
            "updated_at": "2026-11-22T11:30:00Z",
            "tlp": "TLP:AMBER",
            "plan": "ent",
            "tags": ["outage"],
            "count": 3,
            "bridge_notes": ["The customer threatened to leave over this outage."],
            "timeline": [
                event("impact-start", "Logins fail for every user."),
                event("update", "Vendor status page names the signing service.", at="2026-11-22T10:00:00Z"),
                event("update", "Hidden by the desk and never shown.", "internal"),
                event("impact-end", "Logins work again.", at="2026-11-22T11:00:00Z"),
            ],
        },
        "/tenants/ten_a": {
            "id": "ten_a",
            "revision": 4,
            "plan": "ent",
            "status": "active",
            "federation": {"entity_id": "https://idp.acme.example/saml"},
        },
        "/connectors": {"items": [{"entity_id": "https://idp.acme.example/saml", "kind": "saml-idp"}]},
        "/metadata/ten_a": {"entity_id": "https://idp.acme.example/saml", "signed": True},
        "/roster": {"lane": "vendor-intake", "recipients": ["vendor-support"], "emails": ["intake@vendor.example"]},
        "/cases/CASE-7/attachments": {
            "items": [
                {"id": "ATT-1", "kind": "har", "content_type": "application/json", "digest": digest_bytes(HAR)},
                {"id": "ATT-2", "kind": "screenshot", "digest": digest_bytes(b"picture")},
            ]
        },
    }


class Estate:
    """Answers reads from its records. ``failing``: paths that can't be asked now."""

    def __init__(self, at: datetime = AT) -> None:
        self.records = records()
        self.blobs = {digest_bytes(data): data for data in (HAR, b"picture")}
        self.failing: set[str] = set()
        self.at = at
        self.asked: list[str] = []

    def __getitem__(self, path: str) -> Any:
        return self.records[path]

    @property
    def case(self) -> dict[str, Any]:
        found: dict[str, Any] = self.records["/cases/CASE-7"]
        return found

    def read(self, connector: str, operation: Operation) -> Reading:
        assert isinstance(operation, rest.Get | saml.Metadata)
        path = operation.path or ""
        self.asked.append(path)
        if path in self.failing:
            raise ReadFailed(f"{connector} can't be read now.", status=503, retryable=True)
        if path not in self.records:
            raise ReadFailed(f"{connector} has no such record.", status=404, retryable=False)
        value = copy.deepcopy(self.records[path])
        found = digest_bytes(json.dumps(value, sort_keys=True).encode())  # as connectors do: over bytes
        return Reading(value=value, version=found[7:19], digest=found, status=200, read_at=self.at)

    def open(self, found: str) -> BinaryIO:
        if found not in self.blobs:
            raise NotFound
        return io.BytesIO(self.blobs[found])

    def attach(self, ident: str, kind: str, data: bytes, **more: Any) -> None:
        self.blobs[digest_bytes(data)] = data
        self["/cases/CASE-7/attachments"]["items"].append(
            {"id": ident, "kind": kind, "digest": digest_bytes(data), **more}
        )

    def inputs(self, profile: CompiledProfile | None = None, **more: Any) -> Inputs:
        profile = profile or sample()
        given = profile.validate_inputs(GIVEN)
        snapshots = read_sources(profile, given, self.read)
        artifacts = read_artifacts(profile, snapshots, self.open, salt=SALT)
        inputs = Inputs(
            profile=profile,
            inputs=given,
            snapshots=snapshots,
            tables=tables(),
            artifacts=artifacts,
            salt=SALT,
            at=self.at + timedelta(seconds=5),
        )
        return replace(inputs, **more)

    def assemble(self, profile: CompiledProfile | None = None, **more: Any) -> Assembled:
        return assemble(self.inputs(profile, **more))


@lru_cache(maxsize=32)
def sample(*edits: tuple[str, str]) -> CompiledProfile:
    """The sample profile, with each edit's first text replaced by its second."""
    text = PROFILE
    for old, new in edits:
        text = edited(text, old, new)
    return compile_profile(text, tables=tables())


@lru_cache(maxsize=1)
def tables() -> dict[str, CompiledTable]:
    return {table.name: table for table in map(compile_table, TABLES)}


def bound(assembled: Assembled, profile: CompiledProfile | None = None) -> Manifest:
    """The manifest of a first revision, with two people to sign it."""
    people = {
        "threshold": 2,
        "quotas": [{"role": "escalation-owner", "least": 1}],
        "eligible": [{"id": f"usr-{name}", "name": name, "roles": ["escalation-owner"]} for name in ("ada", "ben")],
        "excluded": [],
    }
    told = binding.fields(
        profile or sample(), assembled, packet="PKT-7K3M9QX2ZA", number=1, supersedes=None, people=people, sender="Acme"
    )
    return manifest.from_fields(told)


def leaving(assembled: Assembled, profile: CompiledProfile | None = None) -> dict[str, bytes]:
    """All that leaves with a release, by name: the documents and the manifest that binds them."""
    return {**assembled.documents, "manifest": bound(assembled, profile).payload()}


def codes(assembled: Assembled) -> set[tuple[str, str]]:
    """Code and target of every hold."""
    return {(hold.code, hold.target) for hold in assembled.holds}
