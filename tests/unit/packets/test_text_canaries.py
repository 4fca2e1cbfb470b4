"""Canaries in every text of a packet: masked where they are found, none in the package that the vendor gets."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handrail.connectors.operation import Operation
from handrail.connectors.outcome import Reading
from handrail.packets import packing
from handrail.packets.actions import holds
from handrail.packets.findings import CODES
from handrail.packets.models import HoldRow, Revision
from tests.canaries.finding import Haystack
from tests.canaries.kinds import KINDS, Canary, made
from tests.factories.packets import Packets
from tests.lanes import NIGHTLY, rounds
from tests.unit.packets.assembly.estate import Estate, event, leaving

SEED = os.environ.get("HANDRAIL_CANARY_SEED") or (secrets.token_hex(4) if NIGHTLY else "by day")
SEEDS = [f"{SEED}-{number}" for number in range(rounds(1, 4))]
SENTENCES = (
    "{}",
    "Log-in fails since 08:02. {}",
    "We saw {} in the log and told the bridge.",
    "- {}\n- next step: wait",
    "The engineer noted ({}), then it worked.",
)
# A text alone doesn't tell a name from two words. In captures, traces and logs nothing stays that isn't known, so
# there it is looked for as everything else is.
UNTELLABLE = frozenset({"name of a person"})
# Nothing tells these without the word before them.
BARE = frozenset({"passport number", "licence plate"})
TOLD = [kind for kind in sorted(KINDS) if kind not in UNTELLABLE]


def plant(desk: Packets, seed: str) -> Iterator[Canary]:
    """One of each kind in a sentence, one as who acted, one in a list of the connector's."""
    texts, actors, kinds = ([made(kind, place, seed) for kind in TOLD] for place in ("text", "actor", "kinds"))
    for number, (text, actor) in enumerate(zip(texts, actors, strict=True)):
        told = event("update", SENTENCES[number % len(SENTENCES)].format(text.written), at="2026-11-22T10:30:00Z")
        desk.sources.case["timeline"].append(told | {"actor": actor.written})
    desk.sources["/connectors"]["items"] += [{"entity_id": "https://x.example", "kind": one.written} for one in kinds]
    yield from (*texts, *actors, *kinds)


def masked(desk: Packets, revision: Revision) -> Revision:
    """The revision in which all that was found is masked, by somebody whom the profile names."""
    for code in CODES:
        targets = list(
            HoldRow.objects.filter(revision=revision, code=code, cleared=None).values_list("target", flat=True)
        )
        if targets:
            told: dict[str, Any] = {"reason": "Not for the vendor.", "by": desk.person("cy")}
            asked = holds.mask(
                ref=revision.packet.ref, revision=revision.number, code=code, targets=sorted(set(targets)), **told
            )
            revision = desk.build(asked.id)
    return revision


@pytest.mark.parametrize("seed", SEEDS)
def test_release_leaves_no_canary_of_a_text(
    desk: Packets, tmp_path: Path, seed: str, counted: Callable[[str], None]
) -> None:
    planted = list(plant(desk, seed))
    revision = masked(desk, desk.assemble())
    desk.approve(revision, "ada", "ben")
    desk.release(revision)

    written = packing.write(revision, tmp_path)

    counted(f"canaries: {len(planted)} of {len(TOLD)} kinds in texts, seed {seed}")
    hay = Haystack({written.name: written.read_bytes()})
    assert revision.assembly.packet.count("[masked: ") > len(TOLD)
    assert hay.found(planted) == []


class VersionedEstate(Estate):
    """Each answer has one of ``tokens`` for its version."""

    def __init__(self, tokens: list[str]) -> None:
        super().__init__()
        self.tokens = tokens

    def read(self, connector: str, operation: Operation) -> Reading:
        return replace(super().read(connector, operation), version=self.tokens[len(self.asked) % len(self.tokens)])


@pytest.mark.parametrize("seed", SEEDS)
def test_lineage_leaves_no_canary_of_a_version(seed: str) -> None:
    found = []
    kinds = [kind for kind in TOLD if kind not in BARE]
    for at in range(0, len(kinds), 6):
        planted = [made(kind, "version", seed) for kind in kinds[at : at + 6]]
        assembled = VersionedEstate([one.secret for one in planted]).assemble()
        found += Haystack(leaving(assembled)).found(planted)
    assert found == []
