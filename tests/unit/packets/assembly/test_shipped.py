"""The shipped profiles: the outage against the practice estate over HTTP, the database one in memory."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from handrail.connectors import registry, scim
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Reading
from handrail.connectors.registry import Registry
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.table import CompiledTable, compile_table
from handrail.kernel.canonical import digest
from handrail.kernel.clock import now
from handrail.kernel.secrets import Secrets
from handrail.packets.assembly import artifacts, sources
from handrail.packets.assembly.assemble import Inputs, assemble
from handrail.packets.assembly.results import Assembled
from handrail.sandbox import capture, federation, outage
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.faults import CANARY
from handrail.sandbox.server import Sandbox
from tests.unit.packets.assembly.clearing import clear
from tests.unit.packets.assembly.estate import AT, SALT, codes, leaving

ROOT = Path(__file__).parents[4] / "definitions"
TOKENS = {
    "cases": "cases",
    "registry": "registry",
    "entitlements": "entitlements",
    "federation": "federation",
    "federation-metadata": "federation",
    "attachments": "attachments",
    "vendor-lanes": "lane",
}


def tables() -> dict[str, CompiledTable]:
    found = [compile_table(path.read_text(encoding="utf-8")) for path in (ROOT / "tables").glob("*.yaml")]
    return {table.name: table for table in found}


def shipped(name: str) -> CompiledProfile:
    return compile_profile((ROOT / f"profiles/{name}.yaml").read_text(encoding="utf-8"), tables=tables())


@dataclass
class Practice:
    """The practice estate with the connectors that the outage profile needs."""

    sandbox: Sandbox
    connectors: Registry
    profile: CompiledProfile

    def change(self, record: str, **fields: Any) -> None:
        headers = {"authorization": f"Bearer {PRACTICE_TOKENS['control']}"}
        answer = httpx2.post(f"{self.sandbox.url}/change/{record}", json=fields, headers=headers, trust_env=False)
        assert answer.status_code == 200

    def assemble(self, **more: Any) -> Assembled:
        given = self.profile.validate_inputs({"tenant": "ten_alder", "case": "CASE-7001"})
        snapshots = sources.read_sources(self.profile, given, sources.through(self.connectors))
        self.store()
        opened = artifacts.through(self.connectors, self.profile)
        found = artifacts.read_artifacts(self.profile, snapshots, opened, salt=SALT)
        return assemble(
            Inputs(
                profile=self.profile,
                inputs=given,
                snapshots=snapshots,
                tables=tables(),
                artifacts=found,
                salt=SALT,
                at=now(),
                **more,
            )
        )

    def store(self) -> None:
        """Puts what is attached into the evidence store, as its intake does."""
        headers = {"authorization": f"Bearer {PRACTICE_TOKENS['attachments']}"}
        with httpx2.Client(base_url=self.sandbox.url, headers=headers, trust_env=False) as client:
            listed = client.get("/attachments", params={"case": "CASE-7001"}).json()["items"]
            for item in listed:
                store: Any = self.connectors.get("evidence")
                assert store.put(client.get(f"/attachments/{item['id']}/content").content) == item["digest"]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def practice(running: Sandbox, tmp_path: Path) -> Practice:
    running.estate.reset()
    sections: dict[str, Any] = {
        name: {
            "kind": "saml" if name == "federation-metadata" else "rest",
            "base_url": running.url + ("/registry" if name == "registry" else ""),
            "auth": {"kind": "bearer", "secret": f"env:{token.upper()}"},
        }
        for name, token in TOKENS.items()
    }
    sections["evidence"] = {"kind": "blobs", "folder": tmp_path}
    environ = {token.upper(): PRACTICE_TOKENS[token] for token in TOKENS.values()}
    connectors = Registry.build(registry.parse(sections), Secrets(environ))
    return Practice(running, connectors, shipped("identity-outage-vendor-escalation"))


@pytest.mark.requirement("P-01", "P-02")
def test_outage_assembles_from_the_practice_estate(practice: Practice) -> None:
    assembled = practice.assemble()
    assert codes(assembled) == {("unsanitised-artifact", "other-1"), ("end-while-open", "impact.end")}
    fields = assembled.packet["fields"]
    assert [
        (one["class"], one["entity_id"], one["state"], one["key_id"], one["region"]) for one in fields["connectors"]
    ] == [
        ("SAML-IDP", federation.ENTITY_ID, "active", "kid-2026-10", "eu-west-1"),
        ("SAML-IDP", federation.PARTNERS_ID, "degraded", "kid-2026-11", "eu-central-1"),
    ]
    own, partners = fields["connectors"]
    assert set(partners["sign_on"]) == {"https://partners.alder.example/saml/sso"}
    assert len(set(own["certificates"]) | set(partners["certificates"])) == 2
    assert fields["impact"] == {
        "start": "2026-11-20T07:58:00Z", "end": {"held": ["end-while-open"]}, "failed_logins": 3187, "logins": 3301,
    }  # fmt: skip
    assert [entry["kind"] for entry in fields["timeline"]] == [
        "IMPACT_START", "OBSERVATION", "COORDINATION", "IMPACT_END",
    ]  # fmt: skip
    assert {annex.type for annex in assembled.annexes} == {"har", "trace"}
    assert set(assembled.trace["sources"]) == {
        "case", "tenant", "entitlement", "plans", "inventory", "metadata", "roster", "prior", "history", "artifacts",
        "queue",
    }  # fmt: skip
    assert set(fields) == {
        "case", "tenant", "connectors", "entitlement", "impact", "timeline", "contacts", "prior_tickets",
        "earlier_holds", "intake",
    }  # fmt: skip


def writings(secret: str) -> Iterator[bytes]:
    """``secret`` plain, for a URL, in hexadecimal, and in base64 at every alignment; all in lower case."""
    raw = secret.encode()
    yield raw.lower()
    yield quote(secret, safe="").lower().encode()
    yield raw.hex().encode()
    for before in range(3):
        text = base64.b64encode(b"-" * before + raw)
        yield text[4 * (before > 0) : -4].lower()


def test_outage_leaves_nothing_that_was_planted(practice: Practice) -> None:
    assembled = practice.assemble()
    left = b"".join(leaving(assembled, practice.profile).values()).lower()
    planted = {"anywhere": CANARY, "key that only its alias stands for": "ten_alder", **capture.secrets()}
    assert len(planted) > 100
    assert not [place for place, secret in planted.items() if any(form in left for form in writings(secret))]


def test_outage_ends_in_review_once_the_end_is_confirmed(practice: Practice) -> None:
    held = practice.assemble()
    hold = next(hold for hold in held.holds if hold.code == "end-while-open")
    decision = clear(hold, roles={"senior-support"}, by="sam", reason="Confirmed on the bridge.", at=now())
    assembled = practice.assemble(clearances=[decision])
    assert held.blocking
    assert not assembled.blocking
    assert assembled.packet["fields"]["impact"]["end"] == "2026-11-20T09:12:00Z"


def test_outage_with_other_metadata_is_held(practice: Practice) -> None:
    practice.change("metadata", entity_id="https://idp.elsewhere.example/saml")
    assembled = practice.assemble()
    own, partners = assembled.packet["fields"]["connectors"]
    assert ("source-conflict", "connectors[0]") in codes(assembled)
    assert own == {"held": ["source-conflict"]}
    assert partners["entity_id"] == federation.PARTNERS_ID
    assert assembled.blocking
    assert b"elsewhere" not in b"".join(assembled.documents.values())


def test_outage_holds_alone_the_connector_that_the_registry_knows_under_another_name(practice: Practice) -> None:
    connectors = practice.sandbox.estate.world.tenants["ten_alder"]["federation"]["connectors"]
    connectors[1]["entity_id"] = "https://partners.elsewhere.example/saml"
    assembled = practice.assemble()
    own, partners = assembled.packet["fields"]["connectors"]
    assert own["entity_id"] == federation.ENTITY_ID
    assert partners["entity_id"] == {"held": ["source-conflict"]}
    assert ("source-conflict", "connectors[1].entity_id") in codes(assembled)
    assert b"elsewhere" not in b"".join(assembled.documents.values())


def test_outage_holds_alone_the_connector_that_the_inventory_does_not_list(practice: Practice) -> None:
    items = outage.inventory()["items"]
    practice.change("connectors", items=items[:1])
    assembled = practice.assemble()
    own, partners = assembled.packet["fields"]["connectors"]
    assert own["entity_id"] == federation.ENTITY_ID
    assert partners == {"held": ["not-in-inventory"]}
    assert ("not-in-inventory", "connectors[1]") in codes(assembled)


def test_outage_of_version_2_still_assembles(practice: Practice) -> None:
    """Packets of it may be under review in an installation that was upgraded."""
    text = (ROOT.parent / "tests/unit/definitions/approved/identity-outage-vendor-escalation.yaml").read_text()
    practice.profile = compile_profile(text, tables=tables())
    assembled = practice.assemble()
    assert codes(assembled) == {("unsanitised-artifact", "other-1"), ("end-while-open", "impact.end")}
    assert assembled.packet["fields"]["connector"]["entity_id"] == federation.ENTITY_ID


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE md:EntityDescriptor [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE md:EntityDescriptor SYSTEM "http://127.0.0.1:9/evil.dtd">',
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY x "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
    ids=["external-entity", "external-dtd", "expansion"],
)
def test_outage_with_a_dtd_in_its_metadata_is_held(
    practice: Practice, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    document = federation.metadata("&x;" if "ENTITY x" in head else federation.ENTITY_ID)
    hostile = document.replace("?>\n", f"?>\n{head}\n", 1)
    monkeypatch.setattr(federation, "metadata", lambda: hostile)
    practice.sandbox.estate.reset()
    assembled = practice.assemble()
    assert {("missing-lineage", "connectors[0]"), ("missing-lineage", "connectors[1]")} <= codes(assembled)
    assert assembled.packet["fields"]["connectors"] == [{"held": ["missing-lineage"]}] * 2
    assert assembled.blocking


INCIDENT = {
    "/incidents/INC-204": {
        "version": 7, "number": "INC-204", "customer": "ten_birch", "instance": "db-9",
        "began_at": "2026-11-22T10:00:00Z", "updated_at": "2026-11-22T11:40:00Z",
        "classification": {"tlp": "AMBER"}, "responders": [{"name": "Ines Vidal Roca"}],
    },
    "/instances/db-9": {
        "id": "db-9", "labels": {"customer": "ten_birch"}, "engine": {"name": "postgresql", "version": "18.1"},
        "shape": "large", "region": "eu-1",
    },
    "/instances/db-9/replicas": {"primary": {"version": "18.1"}, "replicas": [1, 2]},
    "/support/ten_birch": {
        "tier": "production",
        "vendors": [
            {"product": "database", "queue": "vendor-database-support"},
            {"product": "database", "queue": "vendor-database-engineering"},
        ],
    },
    "/summaries/db-9": {
        "until": "2026-11-22T11:55:00Z", "latency": {"p50": 12, "p99": 950.5, "baseline_p99": 80}, "connections": 190,
        "saturated": True,
        "statements": [
            {"fingerprint": "0123456789abcdef", "calls": 12, "mean_ms": 88.1, "origin": "measurement"},
            {"fingerprint": "fedcba9876543210", "calls": 0, "mean_ms": 0, "origin": "measurement"},
            {"fingerprint": "select name from people", "calls": 3, "mean_ms": 9, "origin": "customer-data"},
        ],
    },
}  # fmt: skip


def read_incident(_: str, operation: Operation) -> Reading:
    value: Any = [] if isinstance(operation, scim.Holders) else INCIDENT[getattr(operation, "path", "")]
    found = digest(value)
    return Reading(value=value, version=found, digest=found, status=200, read_at=AT)


def database(profile: CompiledProfile, at: timedelta = timedelta(minutes=1)) -> Assembled:
    given = profile.validate_inputs({"customer": "ten_birch", "incident": "INC-204"})
    snapshots = sources.read_sources(profile, given, read_incident)
    return assemble(
        Inputs(profile=profile, inputs=given, snapshots=snapshots, tables=tables(), artifacts=(), salt=SALT, at=AT + at)
    )


def test_database_packet_shows_measurements_and_holds_what_is_the_customers() -> None:
    assembled = database(shipped("database-latency-escalation"))
    fields = assembled.packet["fields"]
    assert codes(assembled) == {("internal-note", "statements[]"), ("unfit-value", "statements[].fingerprint")}
    assert fields["statements"] == [
        {"fingerprint": "0123456789abcdef", "calls": 12, "mean_ms": 88.1},
        {"held": ["internal-note"]},
    ]
    assert fields["instance"]["memory_gib"] == 128
    assert fields["incident"]["ended_at"] is None
    assert b"select name" not in b"".join(assembled.documents.values())


def test_database_packet_is_stale_after_a_quarter_of_an_hour() -> None:
    found = codes(database(shipped("database-latency-escalation"), timedelta(minutes=11)))
    assert ("stale-source", "sources.summary") in found
