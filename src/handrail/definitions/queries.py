"""Definitions as the actor may see them: plain data for pages, API and CLI alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import Refusal
from handrail.access.snapshot import snapshot
from handrail.definitions import compilation, permissions, signing
from handrail.definitions.active import compiled_runbook
from handrail.definitions.inputs.format import TaskField
from handrail.definitions.models import Definition
from handrail.definitions.runbook import review
from handrail.definitions.runbook.review import PrerequisiteTiming
from handrail.definitions.signing import DecisionProofView
from handrail.definitions.source.diff import DiffLine, compare
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound

PAGE = 200


@dataclass(frozen=True, slots=True)
class DefinitionSummary:
    """Columns with one beginning are set together. ``reason`` is empty where none was given."""

    id: int
    kind: DefinitionKind
    name: str
    version: int
    title: str
    owner: str
    state: DefinitionState
    digest: str
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None
    decided_by: str | None
    reason: str
    deprecated_at: datetime | None
    deprecated_by: str | None
    return_requested_at: datetime | None
    return_requested_by: str | None
    return_reason: str
    returned_at: datetime | None
    returned_by: str | None


@dataclass(frozen=True, slots=True)
class RunbookRules:
    """What of a runbook decides about its runs. ``prerequisites``: when each is decided. ``read_budget_seconds``: for
    how long reads that fail in passing are repeated, None for the installation's. ``already_as_required``: the
    condition under that name, empty where there is none. ``next_actions``: by reason code.

    ``due_within_seconds``: by cause, "" for any other, when exception packets are due. ``outcomes``: what may become of
    them, title by code; ``own_outcomes``: the runbook's, not Handrail's usual ones. ``follow_ups``: the runbooks that
    may be started from them, each with the roles and groups that may.
    """

    prerequisites: tuple[PrerequisiteTiming, ...]
    read_budget_seconds: float | None
    already_as_required: str
    next_actions: dict[str, str]
    due_within_seconds: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    own_outcomes: bool = False
    follow_ups: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskForm:
    """``fields``: as the definition writes them, optional ones with a ``?``. ``tenant``: the dotted name of the one
    that holds the tenant's key."""

    definition: DefinitionSummary
    about: str
    fields: Mapping[str, TaskField]
    tenant: str


@dataclass(frozen=True, slots=True)
class DefinitionDetail:
    """``active``: the active version of the same kind and name, None if there is none or it is this one.
    ``changes``: from the active text to this one. ``versions``: all of this kind and name, the newest first.
    ``why_not_*``: None where the actor may do it now. ``rules``: None for anything but a runbook that this version can
    read. ``proofs``: how each decision was proved, the oldest first; ``wanted``: what the next one takes, and
    ``why_not_sign`` why the actor can't sign it with a passkey now, empty where they can or need not.
    """

    summary: DefinitionSummary
    text: str
    active: DefinitionSummary | None
    changes: tuple[DiffLine, ...]
    versions: tuple[DefinitionSummary, ...]
    why_not_approve: Refusal | None
    why_not_reject: Refusal | None
    why_not_deprecate: Refusal | None
    why_not_request_return: Refusal | None
    why_not_bring_back: Refusal | None
    rules: RunbookRules | None = None
    proofs: tuple[DecisionProofView, ...] = ()
    wanted: ApprovalProof = ApprovalProof.CLICK
    why_not_sign: str = ""


@dataclass(frozen=True, slots=True)
class CheckedProposal:
    """What would come of proposing a text. ``faults``: what keeps it from being proposed, each with its line where it
    has one; ``warnings``: keys that have another name today; ``findings``: what is probably not meant. ``definition``:
    kind, name and version, empty where it can't be read so far. ``active``: the version that it would follow, and
    ``changes`` from it. ``why_not``: why it can't be proposed though the text is right; empty where it can be."""

    definition: str
    title: str
    digest: str
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    findings: tuple[Fault, ...] = ()
    active: DefinitionSummary | None = None
    changes: tuple[DiffLine, ...] = ()
    why_not: str = ""

    @property
    def may_be_proposed(self) -> bool:
        return not self.faults and not self.why_not


@dataclass(frozen=True, slots=True)
class DefinitionFilter:
    """Empty means any."""

    kind: str = ""
    name: str = ""
    state: str = ""
    limit: int = PAGE


def list_definitions(actor: Actor, wanted: DefinitionFilter | None = None) -> list[DefinitionSummary]:
    """Those of the actor's workspace, by kind and name, newest version first. Raises Denied."""
    actor.require(Capability.DEFINITION_VIEW)
    chosen = wanted or DefinitionFilter()
    keys = {"kind": chosen.kind, "name": chosen.name, "state": chosen.state}
    rows = _rows(actor).filter(**{key: value for key, value in keys.items() if value})
    return [summary_of(row) for row in rows.order_by("kind", "name", "-version")[: max(1, min(chosen.limit, PAGE))]]


def list_to_decide(actor: Actor, *, limit: int = PAGE) -> list[DefinitionSummary]:
    """What waits for the actor's decision, the oldest first: what others proposed, and versions that others ask to
    have back. Empty for those who can't decide."""
    if not actor.may_everywhere(Capability.DEFINITION_DECIDE):
        return []
    return [summary_of(row) for row in _to_decide(actor).order_by("proposed_at", "pk")[:limit]]


def count_to_decide(actor: Actor) -> int:
    return _to_decide(actor).count() if actor.may_everywhere(Capability.DEFINITION_DECIDE) else 0


def _to_decide(actor: Actor) -> QuerySet[Definition]:
    proposed = Q(state=DefinitionState.PROPOSED) & ~Q(proposed_by=actor.name)
    asked = Q(state=DefinitionState.DEPRECATED, return_requested_at__isnull=False, returned_at=None)
    return _rows(actor).filter(proposed | asked & ~Q(return_requested_by=actor.name))


def knows_runbook(actor: Actor, name: str) -> bool:
    """Whether the actor's workspace has a runbook of this name, in any state: asked for a filter that finds nothing."""
    return _rows(actor).filter(kind=DefinitionKind.RUNBOOK, name=name).exists()


@snapshot()
def get_definition(actor: Actor, definition_id: int) -> DefinitionDetail:
    """Raises NotFound outside the actor's workspace, Denied inside it without ``definition:view``."""
    row = get_row(actor, definition_id, Capability.DEFINITION_VIEW)
    versions = list(_rows(actor).filter(kind=row.kind, name=row.name).order_by("-version")[:PAGE])
    active = active_row(row)
    other = active if active is not None and active.pk != row.pk else None
    return DefinitionDetail(
        summary=summary_of(row),
        text=row.text,
        active=summary_of(other) if other else None,
        changes=compare(other.text, row.text) if other else (),
        versions=tuple(summary_of(version) for version in versions),
        why_not_approve=permissions.why_not_approve(actor, row, active),
        why_not_reject=permissions.why_not_reject(actor, row),
        why_not_deprecate=permissions.why_not_deprecate(actor, row),
        why_not_request_return=permissions.why_not_request_return(actor, row, active),
        why_not_bring_back=permissions.why_not_bring_back(actor, row, active),
        rules=_rules(row),
        proofs=signing.list_proofs(row),
        wanted=signing.wanted(),
        why_not_sign=signing.why_not_sign(actor),
    )


def _rules(row: Definition) -> RunbookRules | None:
    if row.kind != DefinitionKind.RUNBOOK:
        return None
    try:
        runbook = compiled_runbook(row)
    except (Invalid, Conflict):
        return None
    stops = runbook.spec.exception
    due = {} if stops.due_within is None else {"": stops.due_within}
    return RunbookRules(
        prerequisites=review.decisions(runbook),
        read_budget_seconds=runbook.spec.read_budget,
        already_as_required=runbook.already.source if runbook.already is not None else "",
        next_actions=dict(stops.next_actions),
        due_within_seconds={**due, **{str(cause): seconds for cause, seconds in stops.due_within_by_cause.items()}},
        outcomes=dict(runbook.outcomes),
        own_outcomes=stops.outcomes is not None,
        follow_ups={one.runbook: list(one.by) for one in stops.follow_up},
    )


def get_task_form(actor: Actor, definition_id: int) -> TaskForm:
    """What a task of this runbook is made of. Raises NotFound, Denied; Invalid and Conflict where this version of
    Handrail can't follow its text."""
    row = get_row(actor, definition_id, Capability.DEFINITION_VIEW)
    spec = compiled_runbook(row).spec
    return TaskForm(summary_of(row), spec.summary, spec.task, spec.tenant)


@snapshot()
def check_proposal(actor: Actor, text: str) -> CheckedProposal:
    """What ``actions.propose`` would say to ``text``, and what it would change. Nothing is kept. Raises Denied."""
    actor.require_everywhere(Capability.DEFINITION_PROPOSE)
    try:
        checked = compilation.check(text)
    except Invalid as error:
        return CheckedProposal("", "", "", error.faults or (Fault("", error.message),))
    made = checked.definition
    same = _rows(actor).filter(kind=checked.kind, name=made.name)
    there, active = same.filter(version=made.version).first(), same.filter(state=DefinitionState.ACTIVE).first()
    return CheckedProposal(
        f"{checked.kind}/{made.name}/{made.version}",
        made.title,
        made.digest,
        (*checked.refusals, *permissions.unseen(title=made.title, owner=made.owner)),
        checked.warnings,
        checked.findings,
        summary_of(active) if active else None,
        compare(active.text, text) if active else (),
        permissions.why_not_propose(text, made.version, there, active),
    )


def find_definition_id(actor: Actor, kind: DefinitionKind, name: str, version: int | None = None) -> int:
    """The id of a version, or of the active one if none is named. Raises NotFound, Denied as above."""
    rows = _rows(actor).filter(kind=kind, name=name)
    rows = rows.filter(state=DefinitionState.ACTIVE) if version is None else rows.filter(version=version)
    row = rows.first()
    if row is None:
        raise NotFound
    actor.require(Capability.DEFINITION_VIEW)
    return row.pk


def get_row(actor: Actor, definition_id: int, capability: Capability) -> Definition:
    """The one guarded way to a row. Definitions belong to the workspace, to no tenant. Raises NotFound, Denied."""
    row = _rows(actor).filter(pk=definition_id).first()
    if row is None:
        raise NotFound
    actor.require(capability)
    return row


def active_row(of: Definition) -> Definition | None:
    """The active version of the same workspace, kind and name."""
    same = Definition.objects.filter(workspace_id=of.workspace_id, kind=of.kind, name=of.name)
    return same.filter(state=DefinitionState.ACTIVE).first()


def summary_of(row: Definition) -> DefinitionSummary:
    return DefinitionSummary(
        id=row.pk,
        kind=DefinitionKind(row.kind),
        name=row.name,
        version=row.version,
        title=row.title,
        owner=row.owner,
        state=DefinitionState(row.state),
        digest=row.digest,
        proposed_at=row.proposed_at,
        proposed_by=row.proposed_by,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
        reason=row.reason,
        deprecated_at=row.deprecated_at,
        deprecated_by=row.deprecated_by,
        return_requested_at=row.return_requested_at,
        return_requested_by=row.return_requested_by,
        return_reason=row.return_reason,
        returned_at=row.returned_at,
        returned_by=row.returned_by,
    )


def _rows(actor: Actor) -> QuerySet[Definition]:
    return Definition.objects.filter(workspace_id=actor.workspace_id)
