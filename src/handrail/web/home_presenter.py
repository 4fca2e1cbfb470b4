"""Gathers, for one person, what waits for them; only of what their roles let them see."""

from __future__ import annotations

from dataclasses import dataclass

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.definitions import queries as definitions
from handrail.definitions.queries import DefinitionFilter, DefinitionSummary
from handrail.definitions.states import DefinitionState
from handrail.packets import waiting
from handrail.packets.waiting import OwnedHold, ToSign
from handrail.runbooks import queries as runbooks
from handrail.runbooks.queries import ExceptionSummary, RunFilter, RunSummary
from handrail.runbooks.states import RUN, Handling, RunState

SHOWN = 8


@dataclass(frozen=True, slots=True)
class Home:
    """None where the actor's roles don't let them see that kind at all."""

    stopped: list[ExceptionSummary] | None
    mine: list[ExceptionSummary]
    proposals: list[DefinitionSummary]
    to_sign: list[ToSign]
    holds: list[OwnedHold]
    runs: list[RunSummary] | None
    counts: dict[RunState, int]
    tenants: list[TenantSummary]

    @property
    def moving(self) -> int:
        return sum(n for state, n in self.counts.items() if state in RUN.active)


def present(actor: Actor) -> Home:
    sees_runs = actor.may(Capability.RUN_VIEW)
    return Home(
        stopped=_open(actor),
        mine=_mine(actor),
        proposals=_proposals(actor),
        to_sign=waiting.list_to_sign(actor, limit=SHOWN),
        holds=waiting.list_owned_holds(actor, limit=SHOWN),
        runs=runbooks.list_runs(actor, RunFilter(limit=SHOWN)) if sees_runs else None,
        counts=runbooks.count_states(actor) if sees_runs else {},
        tenants=access.list_tenants(actor) if actor.may(Capability.TENANT_VIEW) else [],
    )


def _open(actor: Actor) -> list[ExceptionSummary] | None:
    if not actor.may(Capability.EXCEPTION_VIEW):
        return None
    return runbooks.list_exceptions(actor, handling=Handling.OPEN, limit=SHOWN)


def _mine(actor: Actor) -> list[ExceptionSummary]:
    if not actor.may(Capability.EXCEPTION_RESOLVE):
        return []
    taken = runbooks.list_exceptions(actor, handling=Handling.TAKEN)
    return [packet for packet in taken if packet.taken_by == actor.name]


def _proposals(actor: Actor) -> list[DefinitionSummary]:
    """Those that the actor may decide on: never their own."""
    if not actor.may(Capability.DEFINITION_DECIDE):
        return []
    proposed = definitions.list_definitions(actor, DefinitionFilter(state=DefinitionState.PROPOSED))
    return [row for row in proposed if row.proposed_by != actor.name]
