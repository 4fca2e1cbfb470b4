"""``handrail workspaces``: the organisations that run Handrail here."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.access import actions, queries
from handrail.cli import output
from handrail.cli.identity import member, operator
from handrail.cli.options import Json

group = typer.Typer()

Slug = Annotated[str, typer.Argument(metavar="SLUG", help="A short name for addresses and commands, such as acme.")]
Name = Annotated[str, typer.Option("--name", help="What people call the organisation.")]


@group.command("list")
def list_(*, json: Json = False) -> None:
    """All workspaces of this installation; with a token in HANDRAIL_TOKEN, the one that it is for."""
    who = member()
    rows = queries.list_workspaces(who)
    if json:
        output.print_json(rows)
        return
    empty = "No workspaces. Add one: handrail workspaces add SLUG --name NAME"
    output.print_table("", ("workspace", "name"), [(r.slug, r.name) for r in rows], empty=empty)


@group.command("add")
def add(slug: Slug, *, name: Name) -> None:
    """Add a workspace."""
    who = operator()
    actions.create_workspace(slug=slug, name=name, by=who)
    output.say(f"workspace {slug} added")
