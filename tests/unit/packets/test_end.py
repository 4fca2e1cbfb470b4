"""Where the workflow ends: at the vendor's intake."""

from __future__ import annotations

import pytest

from handrail.connectors.lane import Lane
from handrail.packets.states import REVISION, RevisionState
from tests.factories.openapi import description

pytestmark = pytest.mark.requirement("P-14")


def test_nothing_follows_consumption() -> None:
    assert REVISION.transitions[RevisionState.CONSUMED] == frozenset()


def test_a_lane_only_takes_gives_back_and_tells() -> None:
    asked = {name for name in vars(Lane) if not name.startswith("_")}
    assert asked - {"name", "kind", "deadline_seconds", "check"} == {
        "deliver",
        "status",
        "withdraw",
        "replies",
        "recall",
        "abilities",
    }


def test_people_and_programs_decide_nothing_beyond_the_release_but_to_take_it_back() -> None:
    paths = description()["paths"]
    acts = {path.rpartition("/")[2] for path, verbs in paths.items() if "/packets" in path and "post" in verbs}
    assert acts == {
        "packets",
        "preview",
        "redact",
        "attest",
        "reassemble",
        "clear",
        "clear-all",
        "mask",
        "seen",
        "approve",
        "reject",
        "withdraw",
        "upload-address",
        "arrival",
        "discard",
        "release",
        "recall",
        "settle",  # a reason that the vendor gave, for the next revision
    }
