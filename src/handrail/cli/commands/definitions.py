"""``handrail definitions``: runbooks and tables, proposed by one person and approved by another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handrail.access.actor import Actor
from handrail.access.snapshot import snapshot
from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.definitions import actions, compilation, queries
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Fault, Invalid

group = typer.Typer()

YamlFile = Annotated[Path, typer.Argument(metavar="FILE", help="The definition's YAML file.")]
Name = Annotated[
    str,
    typer.Argument(metavar="DEFINITION", help="KIND/NAME or KIND/NAME/VERSION, such as runbook/entitlement-resync/5."),
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in up to 500 characters.")]
KindIs = Annotated[str, typer.Option("--kind", help="Only runbook, packet or table definitions.")]
StateIs = Annotated[str, typer.Option("--state", help="Only proposed, active, deprecated or rejected ones.")]
Digest = Annotated[
    str | None, typer.Option("--digest", metavar="SHA256", help="Refuse unless the proposal's digest is this one.")
]
Seen = Annotated[str, typer.Option("--digest", metavar="SHA256", help="The digest of the text that you have read.")]
_NAME = re.compile(r"(?P<kind>[a-z]+)/(?P<name>[a-z0-9-]+)(/(?P<version>[1-9][0-9]{0,8}))?")


@group.command("check")
def check(file: YamlFile, *, json: Json = False) -> None:
    """Check a definition without proposing it. Reports every fault with line and column. Needs no database.

    Also warns about keys and names that were renamed. They are still read; the warning gives the current name. Of a
    runbook it reports literal versions and names in conditions that are not its own, and says when each prerequisite
    is decided.
    """
    checked = compilation.check(_read(file), file=file.name)
    checked.refuse_if_any()
    definition = checked.definition
    facts = {
        "kind": checked.kind.value,
        "name": definition.name,
        "version": definition.version,
        "title": definition.title,
        "owner": definition.owner,
        "digest": definition.digest,
    }
    if json:
        places = {"warnings": _places(checked.warnings), "findings": _places(checked.findings)}
        output.print_json(facts | places | {"prerequisites": [asdict(one) for one in checked.decisions]})
        return
    output.print_facts(facts)
    if checked.decisions:
        cells = [(one.reason, one.decided) for one in checked.decisions]
        output.print_table("", ("prerequisite", "decided"), cells, empty="")
    for warning in checked.warnings:
        output.say(f"Warning: {warning}")
    for finding in checked.findings:
        output.say(f"Finding: {finding}")


def _places(faults: Sequence[Fault]) -> list[dict[str, str | int | None]]:
    return [{"where": one.where, "message": one.message, "line": one.line, "column": one.column} for one in faults]


@group.command("propose")
def propose(file: YamlFile, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Propose a definition. Another person, with the role governance-owner, must approve it."""
    who = actor(as_, workspace)
    proposed = actions.propose(text=_read(file), by=who, file=file.name)
    if json:
        output.print_json(proposed)
    else:
        output.say(f"{proposed.kind}/{proposed.name}/{proposed.version} {proposed.state}, {proposed.digest}")


@group.command("list")
def list_(
    *, kind: KindIs = "", state: StateIs = "", as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """Definitions of the workspace, by kind and name, newest version first."""
    who = actor(as_, workspace)
    rows = queries.list_definitions(who, queries.DefinitionFilter(kind=kind, state=state))
    if json:
        output.print_json(rows)
        return
    cells = [(f"{r.kind}/{r.name}/{r.version}", r.state, r.title, r.proposed_by, r.decided_by) for r in rows]
    empty = "No definitions. Propose one: handrail definitions propose FILE"
    output.print_table("", ("definition", "state", "title", "proposed by", "decided by"), cells, empty=empty)


@group.command("show")
def show(definition: Name, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """A definition's text and decisions, and of a runbook when each prerequisite is decided. Without a version: the
    active one."""
    who = actor(as_, workspace)
    with snapshot():
        found = queries.get_definition(who, _find(who, definition))
    if json:
        output.print_json(found)
        return
    summary, rules = found.summary, found.rules
    output.print_facts(
        {
            "definition": f"{summary.kind}/{summary.name}/{summary.version}",
            "title": summary.title,
            "owner": summary.owner,
            "state": summary.state,
            "digest": summary.digest,
            "proposed": f"{summary.proposed_by} at {summary.proposed_at:%Y-%m-%d %H:%M}Z",
            "decided": summary.decided_by and f"{summary.decided_by} at {summary.decided_at:%Y-%m-%d %H:%M}Z",
            "proved": "; ".join(f"{one.act} by {one.proof}{one.key and f', {one.key}'}" for one in found.proofs),
            "reason": summary.reason,
            "read budget": rules and (_seconds(rules.read_budget_seconds) or "the installation's"),
            "already as required": rules and rules.already_as_required,
        }
    )
    if rules is not None:
        timed = [(one.reason, one.decided) for one in rules.prerequisites]
        output.print_table("", ("prerequisite", "decided"), timed)
        if rules.next_actions:
            output.print_table("", ("reason", "next action"), list(rules.next_actions.items()))
        if rules.due_within_seconds:
            due = [(cause or "any other", _seconds(seconds)) for cause, seconds in rules.due_within_seconds.items()]
            output.print_table("", ("cause", "due within"), due)
        output.print_table("", ("outcome", "title"), list(rules.outcomes.items()))
        if rules.follow_ups:
            follow_ups = [(name, ", ".join(by)) for name, by in rules.follow_ups.items()]
            output.print_table("", ("follow-up run", "by"), follow_ups)
    print(found.text)


@group.command("approve")
def approve(definition: Name, *, digest: Digest = None, as_: As = None, workspace: InWorkspace = None) -> None:
    """Activate a proposal and deprecate the version that was active. Its proposer can't do this."""
    who = actor(as_, workspace)
    done = actions.approve(definition_id=_find(who, definition, needs_version=True), by=who, digest=digest)
    output.say(f"{definition} {done.state}, approved by {who.name}")


@group.command("reject")
def reject(definition: Name, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Reject a proposal permanently."""
    who = actor(as_, workspace)
    actions.reject(definition_id=_find(who, definition, needs_version=True), reason=reason, by=who)
    output.say(f"{definition} rejected by {who.name}")


@group.command("deprecate")
def deprecate(definition: Name, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Deprecate the active version: no new run of it starts, and those that wait are paused."""
    who = actor(as_, workspace)
    actions.deprecate(definition_id=_find(who, definition), reason=reason, by=who)
    output.say(f"{definition} deprecated by {who.name}")


@group.command("request-return")
def request_return(definition: Name, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Ask for a deprecated version to become active again. Another governance owner decides."""
    who = actor(as_, workspace)
    actions.request_return(definition_id=_find(who, definition, needs_version=True), reason=reason, by=who)
    output.say(f"{definition}: {who.name} asks for it. Another governance owner decides.")


@group.command("bring-back")
def bring_back(definition: Name, *, digest: Seen, as_: As = None, workspace: InWorkspace = None) -> None:
    """Make a deprecated version active again, as another person has asked. Runs that waited for it go on."""
    who = actor(as_, workspace)
    actions.bring_back(definition_id=_find(who, definition, needs_version=True), digest=digest, by=who)
    output.say(f"{definition} active, brought back by {who.name}")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:g} s"


def _find(who: Actor, definition: str, *, needs_version: bool = False) -> int:

    match = _NAME.fullmatch(definition)
    if match is None or match["kind"] not in list(DefinitionKind) or (needs_version and not match["version"]):
        wanted = "KIND/NAME/VERSION" if needs_version else "KIND/NAME or KIND/NAME/VERSION"
        kinds = ", ".join(DefinitionKind)
        fault = Fault("DEFINITION", f"expected {wanted}, where KIND is one of {kinds}")
        raise Invalid("That is not the name of a definition.", faults=[fault])
    version = int(match["version"]) if match["version"] else None
    return queries.find_definition_id(who, DefinitionKind(match["kind"]), match["name"], version)


def _read(file: Path) -> str:
    try:
        return output.read_text(file)
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 (byte {error.start}).", code="file") from None
