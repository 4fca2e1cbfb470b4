"""One version of a definition: its text, what it would change, and the decisions about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import REASON_LIMIT, Refusal
from handrail.definitions import actions, queries
from handrail.definitions import queries as definitions
from handrail.definitions.queries import DefinitionDetail, DefinitionSummary
from handrail.definitions.source.diff import DiffLine
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.definitions.table import compile_table
from handrail.kernel.errors import Conflict, Invalid
from handrail.kernel.hostile import clean_text
from handrail.web.definitions import profile_summary, runbook_summary
from handrail.web.definitions.profile_summary import ProfileSummary
from handrail.web.definitions.runbook_summary import RunbookSummary
from handrail.web.shell import signing, words
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

_SIGNS = {"same": "", "added": "+", "removed": "\N{MINUS SIGN}", "gap": "⋯"}


class Decision(Protocol):
    def __call__(self, *, definition_id: int, reason: str, by: Actor) -> DefinitionSummary: ...


@dataclass(frozen=True, slots=True)
class Changed:
    """A line of the difference with its sign, so that it can be read without colour."""

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
    may_propose: bool = False

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
    DefinitionKind.RUNBOOK: runbook_summary.summarise,
    DefinitionKind.PACKET: profile_summary.summarise,
    DefinitionKind.TABLE: _table,
}
_PARTS: Mapping[DefinitionKind, str] = {
    DefinitionKind.RUNBOOK: "runbook",
    DefinitionKind.PACKET: "profile",
    DefinitionKind.TABLE: "table",
}
_DEPRECATION: Mapping[DefinitionKind, str] = {
    DefinitionKind.RUNBOOK: "No new run of it starts. Its runs pause before their next call until it is brought back.",
    DefinitionKind.PACKET: "No new escalation packet is assembled with it. What was released stays as it is.",
    DefinitionKind.TABLE: "No escalation packet whose profile looks up values in it can be assembled.",
}


def changed(lines: Sequence[DiffLine]) -> list[Changed]:
    return [Changed(line, _SIGNS[line.change]) for line in lines]


def present(detail: DefinitionDetail) -> DefinitionPage:
    kind, changes = detail.summary.kind, changed(detail.changes)
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


@require_safe
@in_one_moment
def page(request: PageRequest, definition: int) -> HttpResponse:
    shown = present(definitions.get_definition(request.actor, definition))
    shown = dataclasses.replace(shown, may_propose=request.actor.may_everywhere(Capability.DEFINITION_PROPOSE))
    return render(request, "definitions/definition.html", {"section": "definitions", "definition": shown})


@require_POST
def sign(request: PageRequest, definition: int) -> HttpResponse:
    """What the person's passkey is to sign, for the script of the page."""
    digest, act = request.POST.get("digest", ""), request.POST.get("act", "")
    return signing.asked(
        lambda: actions.begin(
            definition_id=definition, digest=digest, act=act, session=signing.session(request), by=request.actor
        )
    )


@require_POST
def approve(request: PageRequest, definition: int) -> HttpResponse:
    digest = request.POST.get("digest", "")
    try:
        with signing.refusals_written_down(request):
            answer, session = signing.answer(request), signing.session(request)
            actions.approve(definition_id=definition, digest=digest, by=request.actor, answer=answer, session=session)
    except Conflict:
        if not is_approved_so(request.actor, definition, digest):
            raise
    messages.success(
        request, "Approved. It is active from now on; runs in progress keep the version they started with."
    )
    return redirect("definition", definition=definition)


@require_POST
def reject(request: PageRequest, definition: int) -> HttpResponse:
    return _with_reason(request, definition, actions.reject, "Rejected, with your reason.")


@require_POST
def deprecate(request: PageRequest, definition: int) -> HttpResponse:
    return _with_reason(request, definition, actions.deprecate, "Deprecated: nothing new starts with it.")


@require_POST
def request_return(request: PageRequest, definition: int) -> HttpResponse:
    return _with_reason(request, definition, actions.request_return, "Asked. Another governance owner decides.")


@require_POST
def bring_back(request: PageRequest, definition: int) -> HttpResponse:
    digest = request.POST.get("digest", "")
    try:
        with signing.refusals_written_down(request):
            answer, session = signing.answer(request), signing.session(request)
            actions.bring_back(
                definition_id=definition, digest=digest, by=request.actor, answer=answer, session=session
            )
    except Conflict:
        row = queries.get_definition(request.actor, definition).summary
        if row.state is not DefinitionState.ACTIVE or row.returned_by != request.actor.name:
            raise
    messages.success(request, "It is active again. Runs that waited for it go on.")
    return redirect("definition", definition=definition)


def _with_reason(request: PageRequest, definition: int, action: Decision, done: str) -> HttpResponse:
    """One of the decisions that need a reason; without one the page comes back with what was typed."""
    reason = request.POST.get("reason", "")
    try:
        action(definition_id=definition, reason=reason, by=request.actor)
    except Invalid as error:
        shown = present(definitions.get_definition(request.actor, definition))
        context = {"section": "definitions", "definition": shown, "typed": reason, "fault": error.faults[0].message}
        return render(request, "definitions/definition.html", context, status=error.status)
    except Conflict:
        if not is_decided_so(request.actor, definition, reason):
            raise
    messages.success(request, done)
    return redirect("definition", definition=definition)
