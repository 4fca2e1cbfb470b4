"""Every kind of hold: what must happen in the estate for it to be found, and where it is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from handrail.packets.assembly.artifacts import Artifact
from handrail.packets.assembly.assemble import Inputs
from handrail.packets.assembly.changes import Previous
from handrail.packets.assembly.drift import Drift
from handrail.packets.proof.manifest import held_digest
from handrail.packets.sanitise import sanitise
from tests.unit.packets.assembly.estate import HAR, SALT, Estate, event, sample

# Texts that are only in the values that the kinds below make inside or held; none may ever leave.
PLANTED = "planted-7f3c9e"


def nothing(_: Estate) -> None:
    pass


def same(inputs: Inputs) -> Inputs:
    return inputs


@dataclass(frozen=True)
class Kind:
    """``target`` in ``code``'s hold after ``spoil`` and ``change``; ``blocks`` says whether it blocks the revision."""

    name: str
    code: str
    target: str
    blocks: bool
    spoil: Callable[[Estate], None] = nothing
    change: Callable[[Inputs], Inputs] = field(default=same)


def unlisted(estate: Estate) -> None:
    estate["/connectors"]["items"][0]["entity_id"] = f"https://{PLANTED}.example"


def conflict(estate: Estate) -> None:
    estate.case["plan"] = PLANTED


def without_source(estate: Estate) -> None:
    estate.case["timeline"] = [one for one in estate.case["timeline"] if one["kind"] != "impact-start"]


def without_row(estate: Estate) -> None:
    estate["/tenants/ten_a"]["id"] = PLANTED


def misfit(estate: Estate) -> None:
    estate.case["timeline"][-1]["at"] = f"yesterday {PLANTED}"


def internal(estate: Estate) -> None:
    estate.case["timeline"].append(event("update", f"We think {PLANTED} is to blame for all this.", "internal-note"))


def quoted(estate: Estate) -> None:
    note = f"Their lawyer said {PLANTED} will be sued."
    estate.case["bridge_notes"].append(note)
    estate.case["timeline"].append(event("update", f"From the bridge:  {note.upper()}"))


def secret(estate: Estate) -> None:
    estate.case["timeline"].append(event("update", f"The password is {PLANTED}."))


def somebody(estate: Estate) -> None:
    estate.case["timeline"].append(event("update", f"Write to {PLANTED}@customer.example."))


def host(estate: Estate) -> None:
    estate["/connectors"]["items"][0]["kind"] = f"{PLANTED}.corp"


def claim(estate: Estate) -> None:
    estate.case["timeline"].append(event("update", f"The root\ncause is planted: {PLANTED}."))


def unclassed(estate: Estate) -> None:
    estate.case["timeline"].append(event("update", f"Of no class: {PLANTED}", f"class-{PLANTED}"))


def above(estate: Estate) -> None:
    estate.case["tlp"] = "TLP:RED"


def other_lane(estate: Estate) -> None:
    estate["/roster"]["lane"] = f"lane-{PLANTED}"


def other_audience(estate: Estate) -> None:
    estate["/roster"]["recipients"] = [PLANTED]


def old(estate: Estate) -> None:
    estate.case["updated_at"] = "2026-11-22T08:00:00Z"


def entitlement_moved(inputs: Inputs) -> Inputs:
    return replace(inputs, drift=[*inputs.drift, Drift("tenant.plan", PLANTED, "ent")])


def read_while_moving(inputs: Inputs) -> Inputs:
    return replace(inputs, drift=[*inputs.drift, Drift("federation.version", "1", "2")])


def after_another_profile(inputs: Inputs) -> Inputs:
    former = sample(("version: 2\n", "version: 1\n"))
    return replace(inputs, previous=Previous.of(Estate().assemble(former)))


def unproven(inputs: Inputs) -> Inputs:
    """An artifact that claims to be clear, of other bytes than were listed."""
    other = sanitise("har/v1", HAR.replace(b"502", b"503"))
    data = f"raw {PLANTED}".encode()
    artifact = Artifact(
        "ATT-0", {"id": "ATT-0", "kind": "har"}, "har", other, "sha256:" + "0" * 64,
        held_digest(salt=SALT, chunks=[data]), len(data),
    )  # fmt: skip
    return replace(inputs, artifacts=[artifact, *inputs.artifacts])


def unlistened(estate: Estate) -> None:
    estate.attach("ATT-3", "har", f'{{"not a har": "{PLANTED}"}}'.encode())


def too_late(inputs: Inputs) -> Inputs:
    return replace(inputs, at=inputs.at + timedelta(minutes=61))


KINDS = (
    Kind("artifact of a sort that never leaves", "unsanitised-artifact", "other-1", False),
    Kind("artifact that its sanitiser refuses", "unsanitised-artifact", "har-2", False, unlistened),
    Kind("artifact without lineage", "unsanitised-artifact", "har-1", False, change=unproven),
    Kind("connector outside the inventory", "not-in-inventory", "connector.entity_id", True, unlisted),
    Kind("two sources disagree", "source-conflict", "tenant.plan", True, conflict),
    Kind("no source", "missing-lineage", "impact.start", True, without_source),
    Kind("no row", "missing-row", "tenant.id", True, without_row),
    Kind("unfit entry", "unfit-value", "timeline[].at", True, misfit),
    Kind("internal note among the entries", "internal-note", "timeline[]", True, internal),
    Kind("internal note quoted", "internal-note", "timeline[].text", True, quoted),
    Kind("secret in a text", "secret-in-text", "timeline[].text", True, secret),
    Kind("personal data in a text", "personal-data-in-text", "timeline[].text", False, somebody),
    Kind("internal host in a text", "internal-host-in-text", "connector.kinds", False, host),
    Kind("claim that the profile forbids", "forbidden-claim", "timeline[].text", False, claim),
    Kind("entry of an unknown class", "audience-mismatch", "timeline[]", False, unclassed),
    Kind("record above the audience", "audience-mismatch", "impact.start", True, above),
    Kind("other lane", "lane-mismatch", "lane", True, other_lane),
    Kind("other recipients", "audience-mismatch", "audience", True, other_audience),
    Kind("record too old", "stale-source", "sources.case", True, old),
    Kind("reading too old", "stale-source", "sources.inventory", True, change=too_late),
    Kind("source changed while read", "stale-source", "sources.federation", True, change=read_while_moving),
    Kind("entitlement changed while read", "entitlement-drift", "sources.tenant", True, change=entitlement_moved),
    Kind("profile changed", "definition-changed", "profile", True, change=after_another_profile),
)
