"""Each kind of ledger row has its one meaning, and what it says can be shown."""

from __future__ import annotations

import pytest

from handrail.definitions.runbook.format import Checkpoints
from handrail.runbooks.meanings import MEANINGS
from handrail.runbooks.states import EventKind


def test_every_kind_has_a_meaning() -> None:
    assert set(MEANINGS) == set(EventKind)


def test_every_label_of_a_runbook_is_passed_by_one_kind() -> None:
    passed = [meaning.checkpoint for meaning in MEANINGS.values() if meaning.checkpoint]
    assert sorted(passed) == sorted(Checkpoints.model_fields)


@pytest.mark.parametrize("kind", EventKind)
def test_title_can_be_filled_in(kind: EventKind) -> None:
    title = MEANINGS[kind].title.format(step="resync", attempt=1, result="Succeeded")
    assert title
    assert "{" not in title
    assert MEANINGS[kind].tone in {"idle", "move", "wait", "good", "stop"}
