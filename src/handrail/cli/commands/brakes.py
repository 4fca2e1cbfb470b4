"""``handrail brakes``: what is paused, pausing and resuming."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.access.snapshot import snapshot
from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.runbooks.actions import brakes
from handrail.runbooks.actions import breakers as actions_of_breakers
from handrail.runbooks.queries import brakes as queries
from handrail.runbooks.queries import breakers as queries_of_breakers
from handrail.runbooks.queries.breakers import ConnectorPassage
from handrail.runbooks.states import BrakeKind

group = typer.Typer()

Kind = Annotated[BrakeKind, typer.Argument(metavar="KIND", help="everything, intake, tenant, connector or runbook.")]
Target = Annotated[
    str,
    typer.Argument(
        metavar="[TARGET]", help="The tenant's key, the connector's name, or NAME@VERSION of the runbook. Else nothing."
    ),
]
BrakeRef = Annotated[str, typer.Argument(metavar="BRAKE", help="The brake's reference, BRK-….")]
Reason = Annotated[str, typer.Option("--reason", help="Why. It is kept, and shown with every run that waits.")]
Released = Annotated[bool, typer.Option("--released", help="Those that were released, instead of those that hold.")]
Guarded = Annotated[str, typer.Argument(metavar="CONNECTOR", help="The connector's name in handrail.toml.")]
COLUMNS = ("brake", "paused", "since", "by", "why", "runs waiting", "released")
BREAKERS = (
    "connector",
    "breaker",
    "since",
    "until",
    "last failure",
    "limits",
    "under way",
    "runs waiting",
    "had to wait",
)


@group.command("list")
def list_(*, released: Released = False, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """What is paused in your scope, since when, who paused it and why, and how many runs wait."""
    who = actor(as_, workspace)
    with snapshot():
        rows = queries.list_brakes(who, released=released)
        guarded = [] if json or released else queries_of_breakers.list_breakers(who)
    if json:
        output.print_json(rows)
        return
    cells = [(b.ref, f"{b.kind} {b.target}".strip(), b.at, b.by, b.reason, b.waiting, b.released_at) for b in rows]
    output.print_table("", COLUMNS, cells, empty="Nothing was released yet." if released else "Nothing is paused.")
    if guarded:
        output.print_table("Connectors", BREAKERS, [_cells(one) for one in guarded])


@group.command("breakers")
def breakers(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The connectors that have limits or a circuit breaker: how they stand, and how many runs in your scope wait."""
    rows = queries_of_breakers.list_breakers(actor(as_, workspace))
    if json:
        output.print_json(rows)
        return
    output.print_table("", BREAKERS, [_cells(one) for one in rows], empty="No connector has limits or a breaker.")


@group.command("close")
def close(connector: Guarded, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Close a connector's circuit breaker by hand, once its service works again. The runs that waited go on."""
    who = actor(as_, workspace)
    woken = actions_of_breakers.close(target=connector, reason=reason, by=who)
    output.say(f"The circuit breaker of {connector} is closed; {woken} {'run goes' if woken == 1 else 'runs go'} on")


@group.command("pause")
def pause(kind: Kind, target: Target = "", *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Pause a runbook version, a connector, a tenant, the intake, or everything: runs wait before their next call."""
    who = actor(as_, workspace)
    ref = brakes.pause(kind=kind, target=target, reason=reason, by=who)
    output.say(f"{ref}: {kind} {target}".rstrip() + " is paused")


@group.command("resume")
def resume(brake: BrakeRef, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Release a brake. The runs that waited for it go on."""
    who = actor(as_, workspace)
    woken = brakes.resume(ref=brake, reason=reason, by=who)
    output.say(f"{brake} released; {woken} {'run goes' if woken == 1 else 'runs go'} on")


def _cells(one: ConnectorPassage) -> tuple[object, ...]:
    """``one`` as a row of ``BREAKERS``."""
    limits = [
        f"{one.calls_at_once} at once" if one.calls_at_once else "",
        f"{one.calls_a_second:g} a second" if one.calls_a_second else "",
    ]
    until = one.asked_until or one.until
    return (
        *(one.connector, one.breaker or "none", one.since, until, one.why),
        *(", ".join(filter(None, limits)), one.under_way, one.waiting, one.refused),
    )
