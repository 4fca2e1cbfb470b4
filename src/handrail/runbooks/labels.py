"""The runbook's own words for how far a run has come."""

from __future__ import annotations

from collections.abc import Iterable

from handrail.definitions.active import compiled_runbook
from handrail.definitions.runbook.format import Checkpoints
from handrail.kernel.errors import Conflict, Invalid
from handrail.runbooks.meanings import MEANINGS
from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EventKind

# The rows with which a run passes a checkpoint.
PASSING = tuple(kind for kind, meaning in MEANINGS.items() if meaning.checkpoint)


def find_labels(run: OperationRun) -> Checkpoints | None:
    """The labels of the run's runbook. None when its definition can't be read any more: a label is worth no error."""
    try:
        return compiled_runbook(run.definition, pinned=run.definition_digest).checkpoints
    except (Invalid, Conflict):
        return None


def of(labels: Checkpoints | None, kind: EventKind) -> str:
    """The label of the checkpoint that a row of ``kind`` passes; empty where it passes none."""
    name = MEANINGS[kind].checkpoint
    return str(getattr(labels, name)) if labels and name else name


def last(labels: Checkpoints | None, kinds: Iterable[EventKind]) -> str:
    """The label of the last checkpoint passed by a ledger's rows, in order."""
    return next((of(labels, kind) for kind in reversed(list(kinds)) if kind in PASSING), "")
