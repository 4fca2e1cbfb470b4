"""Whether the connectors that a runbook names exist and are of a kind that can do what it asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from handrail.access.queries import workspace_ids
from handrail.connectors import channels, registry
from handrail.connectors.finding import Finding
from handrail.definitions import responders
from handrail.definitions.active import active_runbooks, compiled_profile, compiled_runbook
from handrail.definitions.models import Definition
from handrail.definitions.profile.compiled import CompiledProfile
from handrail.definitions.requests import forms
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.errors import Conflict, Fault, Invalid, Misconfigured
from handrail.kernel.scope import RowScope, entered

_REST = (forms.GetForm, forms.SendForm)
FIX_RESPONDERS = (
    "Add [responders.NAME] to handrail.toml (docs/guides/responders.md), or propose a version that names another."
)
_COMPILERS: Mapping[DefinitionKind, Callable[[Definition], CompiledRunbook | CompiledProfile]] = {
    DefinitionKind.RUNBOOK: compiled_runbook,
    DefinitionKind.PACKET: compiled_profile,
}
FIX = "Add or fix [connectors.NAME] in handrail.toml, or propose a version that names another."


def faults(runbook: CompiledRunbook, *, from_step: str | None = None) -> list[Fault]:
    """A fault for each read and call whose connector is missing or of another kind. ``from_step``: without the calls
    of the steps before it, which are not needed any more."""
    names = [step.name for step in runbook.steps]
    first = names.index(from_step) if from_step else 0
    return [
        fault
        for where, asked in _asked(runbook, first)
        if (fault := _fault(where, asked.connector, _kind(asked))) is not None
    ]


def connectors_needed(runbook: CompiledRunbook, step: str | None = None) -> frozenset[str]:
    """The connectors that a run still needs from ``step`` on: for its calls, and for what it reads before
    and after them.
    Without ``step`` all of them."""
    names = [one.name for one in runbook.steps]
    steps = runbook.steps[names.index(step) :] if step is not None else runbook.steps
    verified = {r for s in steps if s.verify is not None for r in s.verify.reads}
    reads = set(runbook.reads) if step is None else {*runbook.initial_reads, *verified}
    return frozenset({s.connector for s in steps} | {runbook.reads[name].connector for name in reads})


def check() -> list[Finding]:
    """A finding for each active runbook, in every workspace: for the operator of the installation."""
    found: list[Finding] = []
    for workspace_id in workspace_ids():
        with entered(RowScope(workspace_id)):
            found += map(_finding, active_runbooks(workspace_id))
    return found


def check_responders() -> list[Finding]:
    """A finding for each active definition, in every workspace, that names people who can't be notified; or one that
    says that all can."""
    found = [finding for pk in workspace_ids() for finding in _unreachable(pk)]
    if found:
        return found
    count = len(channels.current().by_key)
    message = f"{count or 'None'} configured; active definitions name nobody else."
    return [Finding("responders", ok=True, message=message)]


def _unreachable(workspace_id: int) -> Iterator[Finding]:
    with entered(RowScope(workspace_id)):
        rows = Definition.objects.select_related("workspace").filter(
            workspace_id=workspace_id, state=DefinitionState.ACTIVE, kind__in=_COMPILERS
        )
        for row in rows:
            try:
                names = {name for _, name in responders.named_by(_COMPILERS[DefinitionKind(row.kind)](row))}
            except (Invalid, Conflict):  # which is another finding
                continue
            slug = row.workspace.slug
            missing = sorted(name for name in names - responders.OWN if channels.current().find(name, slug) is None)
            if missing:
                message = f"It names {', '.join(missing)}: no such responder is configured, so nobody is notified."
                yield Finding(f"{slug}: {row.name} v{row.version}", ok=False, message=message, fix=FIX_RESPONDERS)


def _finding(definition: Definition) -> Finding:
    name = f"{definition.workspace.slug}: {definition.name} v{definition.version}"
    try:
        wrong = [str(fault) for fault in faults(compiled_runbook(definition))]
    except (Invalid, Conflict) as error:
        wrong = [error.message]
    message = "; ".join(wrong) or "Its connectors are there."
    return Finding(name, ok=not wrong, message=message, fix=FIX if wrong else "")


def _asked(runbook: CompiledRunbook, first: int) -> Iterator[tuple[str, forms.RequestForm]]:
    for name, read in runbook.reads.items():
        yield f"reads.{name}.connector", read.spec
    for index, step in enumerate(runbook.steps[first:], start=first):
        yield f"steps[{index}].call.connector", step.call


def _kind(asked: forms.RequestForm) -> str:
    if isinstance(asked, forms.StartForm):
        return "jobs"
    return "rest" if isinstance(asked, _REST) else "scim"


def _fault(where: str, connector: str, kind: str) -> Fault | None:
    try:
        found = registry.get(connector).kind
    except Misconfigured as error:
        return Fault(where, error.message)
    return None if found == kind else Fault(where, f"{connector} is of kind {found}; this needs one of kind {kind}")
