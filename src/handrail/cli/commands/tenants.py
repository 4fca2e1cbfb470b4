"""``handrail tenants``: the customers of a workspace."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.access import actions, queries
from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json

group = typer.Typer()

Key = Annotated[str, typer.Argument(metavar="KEY", help="The customer's identifier in the authoritative registry.")]
Name = Annotated[str, typer.Option("--name", help="What people call the customer.")]


@group.command("list")
def list_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Tenants in your scope."""
    who = actor(as_, workspace)
    rows = queries.list_tenants(who)
    if json:
        output.print_json(rows)
        return
    output.print_table("", ("tenant", "name"), [(r.key, r.name) for r in rows], empty="No tenants.")


@group.command("add")
def add(key: Key, *, name: Name, as_: As = None, workspace: InWorkspace = None) -> None:
    """Add a tenant."""
    who = actor(as_, workspace)
    actions.create_tenant(key=key, name=name, by=who)
    output.say(f"tenant {key} added")
