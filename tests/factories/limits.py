"""A connector with limits or a circuit breaker for tests, and its breaker opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType

from handrail.connectors import registry
from handrail.connectors.config import BreakerSettings, CallLimits, PassageSettings
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.circuit import CallVerdict
from handrail.runbooks.limits.gate import TurnWait
from handrail.runbooks.limits.verdicts import Heard
from tests.factories.switches import BoardConnector, SwitchBoard

AT_ONCE = TurnWait(0.0, 0.0)


@contextmanager
def guarded(board: SwitchBoard) -> Iterator[None]:
    """``board`` behind a breaker that opens at the first failure, for ten minutes, and two calls at once."""
    settings = PassageSettings(CallLimits(calls_at_once=2), BreakerSettings(failures=1, open_seconds=600))
    opened = registry.Registry(MappingProxyType({"board": BoardConnector(board)}), {"board": settings})
    with registry.use(opened):
        yield


def open_breaker() -> None:
    """One call fails."""
    slot = gate.enter("board", seconds=1, turn_wait=AT_ONCE)
    assert slot is not None
    gate.leave(slot, Heard(CallVerdict.FAILS, why="status 503"))
