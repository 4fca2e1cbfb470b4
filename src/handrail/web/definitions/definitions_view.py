"""Definitions as lists, texts with line numbers, and differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from handrail.access.actor import Actor
from handrail.access.refusals import REASON_LIMIT, Refusal
from handrail.definitions import queries
from handrail.definitions.queries import DefinitionDetail, DefinitionFilter, DefinitionSummary
from handrail.definitions.source.diff import DiffLine
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.definitions.table import compile_table
from handrail.kernel.errors import Invalid
from handrail.kernel.hostile import clean_text
from handrail.web.definitions import profile_summary as profile_presenter
from handrail.web.definitions import runbook_summary as runbook_presenter
from handrail.web.definitions.profile_summary import ProfileSummary
from handrail.web.definitions.runbook_summary import RunbookSummary
from handrail.web.shell import words

_SIGNS = {"same": "", "added": "+", "removed": "\N{MINUS SIGN}", "gap": "⋯"}


class Decision(Protocol):
    def __call__(self, *, definition_id: int, reason: str, by: Actor) -> DefinitionSummary: ...


@dataclass(frozen=True, slots=True)
class DefinitionList:
    rows: list[DefinitionSummary]
    kind: str
    state: str
    kinds: list[DefinitionKind]
    states: list[DefinitionState]

    @property
    def filtered(self) -> bool:
        return bool(self.kind or self.state)


@dataclass(frozen=True, slots=True)
class Changed:
    """A line of the difference with its sign, so that it is told without colour."""

    line: DiffLine
    sign: str


@dataclass(frozen=True, slots=True)
class TableSummary:
    summary: str
    rows: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class DefinitionPage:
    """``summary``: None for a text that this version's checks do not pass; shown by the template ``summary_part``."""

    detail: DefinitionDetail
    lines: list[str]
    changes: list[Changed]
    added: int
    removed: int
    summary: RunbookSummary | ProfileSummary | TableSummary | None
    summary_part: str
    effect_of_deprecation: str
    reason_limit: int

    @property
    def to_decide(self) -> bool:
        return self.detail.summary.state is DefinitionState.PROPOSED

    @property
    def refusal(self) -> Refusal | None:
        """Why the actor can't decide on this proposal, where it is one."""
        return self.detail.why_not_reject if self.to_decide else None


def _table(text: str) -> TableSummary | None:
    try:
        table = compile_table(text).spec
    except Invalid:
        return None
    return TableSummary(table.of, [(key, words.value_text(value)) for key, value in table.rows.items()])


_SUMMARISE: Mapping[DefinitionKind, Callable[[str], RunbookSummary | ProfileSummary | TableSummary | None]] = {
    DefinitionKind.RUNBOOK: runbook_presenter.summarise,
    DefinitionKind.PACKET: profile_presenter.summarise,
    DefinitionKind.TABLE: _table,
}
_PARTS: Mapping[DefinitionKind, str] = {
    DefinitionKind.RUNBOOK: "runbook",
    DefinitionKind.PACKET: "profile",
    DefinitionKind.TABLE: "table",
}
_DEPRECATION: Mapping[DefinitionKind, str] = {
    DefinitionKind.RUNBOOK: "No run of it starts from then on. Runs under way go on to their end.",
    DefinitionKind.PACKET: "No packet is assembled by it from then on. What was released stays as it is.",
    DefinitionKind.TABLE: "No profile that looks values up in it can be assembled from then on.",
}


def present_list(actor: Actor, asked: Mapping[str, str]) -> DefinitionList:
    """Raises Denied."""
    kind, state = asked.get("kind", ""), asked.get("state", "")
    kind = kind if kind in set(DefinitionKind) else ""
    state = state if state in set(DefinitionState) else ""
    rows = queries.list_definitions(actor, DefinitionFilter(kind=kind, state=state))
    return DefinitionList(rows, kind, state, list(DefinitionKind), list(DefinitionState))


def present(detail: DefinitionDetail) -> DefinitionPage:
    kind = detail.summary.kind
    changes = [Changed(line, _SIGNS[line.change]) for line in detail.changes]
    return DefinitionPage(
        detail=detail,
        lines=detail.text.splitlines(),
        changes=changes,
        added=sum(c.line.change == "added" for c in changes),
        removed=sum(c.line.change == "removed" for c in changes),
        summary=_SUMMARISE[kind](detail.text),
        summary_part=f"definitions/parts/{_PARTS[kind]}_summary.html",
        effect_of_deprecation=_DEPRECATION[kind],
        reason_limit=REASON_LIMIT,
    )


def is_approved_so(actor: Actor, definition: int, digest: str) -> bool:
    """Whether approving again would only repeat what the actor has done: a second click, a reload."""
    row = queries.get_definition(actor, definition).summary
    return row.state is DefinitionState.ACTIVE and row.decided_by == actor.name and row.digest == digest


def is_decided_so(actor: Actor, definition: int, reason: str) -> bool:
    """Whether the actor has decided so with this very reason already."""
    row = queries.get_definition(actor, definition).summary
    by = {DefinitionState.REJECTED: row.decided_by, DefinitionState.DEPRECATED: row.deprecated_by}.get(row.state)
    return by == actor.name and row.reason == clean_text(reason, limit=REASON_LIMIT)
