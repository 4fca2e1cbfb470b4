"""Assembly of a large case: 10 000 timeline events, 50 annexes; and the floor of reading and writing the same JSON.

    python bench/bench_assembly.py [EVENTS] [ANNEXES]

Prints figures and ratios; passes or fails on nothing.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from handrail.connectors import rest, saml
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Reading
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.table import compile_table
from handrail.kernel.canonical import canonical_bytes, digest, digest_bytes
from handrail.packets.assembly.artifacts import read_artifacts
from handrail.packets.assembly.assemble import Inputs, assemble
from handrail.packets.assembly.changes import Previous
from handrail.packets.assembly.compare import Documents, compare
from handrail.packets.assembly.sources import read_sources

ROOT = Path(__file__).parents[1]
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ROUNDS = 3
ENTRIES = 40
GIVEN = {"tenant": "ten_alder", "case": "CASE-7001"}
ENTITY = "https://idp.alder.example/saml"


def main() -> None:
    events, annexes = (int(text) for text in (sys.argv[1:] + ["10000", "50"][len(sys.argv) - 1 :])[:2])
    blobs = {digest_bytes(data): data for data in (capture(number) for number in range(annexes))}
    answers = records(events, list(blobs))
    tables = {
        table.name: table
        for table in (compile_table(path.read_text()) for path in (ROOT / "definitions/tables").glob("*.yaml"))
    }
    text = (ROOT / "definitions/profiles/identity-outage-vendor-escalation.yaml").read_text()
    profile = compile_profile(text, tables=tables)

    def read(_: str, operation: Operation) -> Reading:
        assert isinstance(operation, rest.Get | saml.Metadata)
        value = answers[operation.path or ""]
        return Reading(value=value, version="1", digest=digest(value), status=200, read_at=AT)

    def opened(found: str) -> BinaryIO:
        return io.BytesIO(blobs[found])

    snapshots = read_sources(profile, GIVEN, read)
    artifacts = read_artifacts(profile, snapshots, opened, salt=bytes(32))
    inputs = Inputs(
        profile=profile, inputs=GIVEN, snapshots=snapshots, tables=tables, artifacts=artifacts, salt=bytes(32),
        at=AT + timedelta(minutes=1),
    )  # fmt: skip
    made = assemble(inputs)
    documents = {path: data for path, data in made.documents.items() if not path.startswith("annexes/")}
    size = sum(len(data) for data in documents.values())
    floor = best(lambda: [canonical_bytes(json.loads(data)) for data in documents.values()])
    print(f"{events} events, {annexes} annexes of {len(capture(0))} bytes; {size / 1e6:.2f} MB of documents")
    print(f"holds: {[f'{hold.code} on {hold.target}' for hold in made.holds]}")
    show("parse and write the documents", floor, floor)
    show("read sources", best(lambda: read_sources(profile, GIVEN, read)), floor)
    show("sanitise annexes", best(lambda: read_artifacts(profile, snapshots, opened, salt=bytes(32))), floor)
    show("assemble", best(lambda: assemble(inputs)), floor)
    show("documents and digests", best(lambda: assemble(inputs).digests) - best(lambda: assemble(inputs)), floor)
    show("compare with itself", best(lambda: compare(Documents.of(made), Documents.of(made))), floor)
    show("what the last one stood on", best(lambda: Previous.of(made)), floor)


def show(label: str, seconds: float, floor: float) -> None:
    print(f"{label:30} {seconds * 1000:9.1f} ms   {seconds / floor:6.2f} times parsing and writing")


def best(work: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)


def capture(number: int) -> bytes:
    entries = [
        {
            "startedDateTime": f"2026-11-20T08:02:{second % 60:02}.250Z",
            "time": 12.5 + number,
            "request": {"method": "GET", "url": f"https://app.alder.example/login/{second}", "headers": []},
            "response": {"status": 502, "headers": [], "content": {"size": second}},
            "timings": {"send": 1, "wait": 10 + second, "receive": 1},
        }
        for second in range(ENTRIES)
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def records(events: int, digests: list[str]) -> dict[str, Any]:
    timeline = [
        {
            "at": f"2026-11-20T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
            "kind": "impact-start" if number == 0 else "observation",
            "visibility": "internal" if number % 10 == 9 else "vendor",
            "text": f"Entry {number}: the gateway saw {number % 97} refused assertions in the last minute.",
        }
        for number in range(events)
    ]
    own = {"id": "conn", "entity_id": ENTITY}
    item = {**own, "kind": "saml-idp", "state": "active", "signing_key_id": "kid-1"}
    case = {"id": "CASE-7001", "tenant_id": "ten_alder", "vendor": "co", "state": "closed", "timeline": timeline}
    case |= {"connectors": [{"id": "conn"}]}
    return {
        "/cases/CASE-7001": case,
        "/tenants/ten_alder": {"id": "ten_alder", "status": "active", "federation": {"connectors": [own]}},
        "/entitlements/ten_alder": {"plan": "premium-support", "tier": "business", "revision": 1},
        "/plans/co": {"rows": {"premium-support": "SC-PREMIUM"}},
        "/federation/connectors": {"items": [item]},
        "/federation/entities/ten_alder": {"entities": [{"entity_id": ENTITY, "roles": []}]},
        "/rosters/co": {"items": []},
        "/vendor-tickets": {"items": []},
        "/holds": {"items": []},
        "/attachments": {"items": [{"id": f"att_{n}", "kind": "har", "digest": one} for n, one in enumerate(digests)]},
        "/lane/vendor-signing-intake": {"lane": "vendor-signing-intake"},
    }


if __name__ == "__main__":
    main()
