"""The states of a definition."""

from __future__ import annotations

from enum import StrEnum

from handrail.kernel.statemachine import StateMachine


class DefinitionKind(StrEnum):
    RUNBOOK = "runbook"
    PACKET = "packet"
    TABLE = "table"


class DefinitionState(StrEnum):
    PROPOSED = "proposed"
    ACTIVE = "active"
    REJECTED = "rejected"
    DEPRECATED = "deprecated"


S = DefinitionState
DEFINITION = StateMachine(
    name="definition",
    initial=S.PROPOSED,
    transitions={
        S.PROPOSED: frozenset({S.ACTIVE, S.REJECTED}),
        S.ACTIVE: frozenset({S.DEPRECATED}),
        S.REJECTED: frozenset(),
        # The way back of a version that should not have been deprecated: one person asks, another decides.
        S.DEPRECATED: frozenset({S.ACTIVE}),
    },
)
