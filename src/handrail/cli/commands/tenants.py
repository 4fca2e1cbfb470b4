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
NewName = Annotated[str | None, typer.Option("--name", help="What people call the customer from now on.")]
NewKey = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="Another key. Only while no run or packet is under way.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why. It is kept and shown with the tenant.")]


@group.command("list")
def list_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Tenants in your scope."""
    who = actor(as_, workspace)
    rows = queries.list_tenants(who)
    if json:
        output.print_json(rows)
        return
    cells = [(r.key, r.name, r.closed_at) for r in rows]
    output.print_table("", ("tenant", "name", "closed"), cells, empty="No tenants.")


@group.command("add")
def add(key: Key, *, name: Name, as_: As = None, workspace: InWorkspace = None) -> None:
    """Add a tenant."""
    who = actor(as_, workspace)
    actions.create_tenant(key=key, name=name, by=who)
    output.say(f"tenant {key} added")


@group.command("rename")
def rename(
    key: Key, *, name: NewName = None, new_key: NewKey = None, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Give a tenant another name, another key, or both."""
    if name is None and new_key is None:
        raise typer.BadParameter("give one of them, or both", param_hint="--name, --key")
    who = actor(as_, workspace)
    tenant = actions.rename_tenant(key=key, name=name, new_key=new_key, by=who)
    output.say(f"tenant {tenant.key} is now called {tenant.name}")


@group.command("close")
def close(key: Key, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Close a tenant: no new runs, support requests or packets. What was done stays readable."""
    who = actor(as_, workspace)
    actions.close_tenant(key=key, reason=reason, by=who)
    output.say(f"tenant {key} closed")


@group.command("reopen")
def reopen(key: Key, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Reopen a closed tenant."""
    who = actor(as_, workspace)
    actions.reopen_tenant(key=key, by=who)
    output.say(f"tenant {key} reopened")
