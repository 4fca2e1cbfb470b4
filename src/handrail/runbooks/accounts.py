"""The account of a stop, as the ledger holds it; ``engine.account`` makes it."""

from __future__ import annotations

from typing import Any

from handrail.runbooks.models import OperationRun
from handrail.runbooks.states import EventKind


def of(run: OperationRun) -> dict[str, Any]:
    """The account of a run that stopped; empty for one that stopped before Handrail gave any."""
    rows = run.checkpoints.filter(kind=EventKind.EXCEPTION).values_list("detail", flat=True)
    return next((detail.get("account", {}) for detail in rows), {})
