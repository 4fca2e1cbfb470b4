"""A wave as a row, in one state."""

from __future__ import annotations

from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.ids import Prefix, new_ref
from handrail.runbooks.states import WaveOrigin, WaveState
from handrail.runbooks.wavemodels import Wave
from handrail.runbooks.waves.rules import WaveRules


def wave(by: Definition) -> Wave:
    """A wave of the event ``canary-event`` that is paused, and settled."""
    rules = WaveRules(canary=1, width=5, a_minute=60, same_reason=2, share=0.2, at_least=10, stays_open_seconds=3600)
    return Wave.objects.create(
        ref=new_ref(Prefix.WAVE),
        workspace_id=by.workspace_id,
        definition=by,
        runbook=by.name,
        event="canary-event",
        origin=WaveOrigin.TASKS,
        at=now(),
        by="worker",
        rules=rules.as_json(),
        state=WaveState.PAUSED,
        counted_from=now(),
        unsettled=False,
    )
