"""``handrail responders``: who is configured, and whether their channels work."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.notifications import queries
from handrail.notifications.actions import redelivering

group = typer.Typer()

ResponderName = Annotated[str, typer.Argument(metavar="RESPONDER", help="The name that definitions have for it.")]


@group.command("list")
def list_(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The responders of a workspace, with their channels in order."""
    rows = queries.list_responders(actor(as_, workspace))
    if json:
        output.print_json(rows)
        return
    cells = [(r.name, ", ".join(r.channels), f"{r.take_within:g} s", r.next) for r in rows]
    empty = "No responder is configured: add [responders.NAME] to handrail.toml."
    output.print_table("", ("responder", "channels", "take within", "next"), cells, empty=empty)


@group.command("test")
def try_responder(
    responder: ResponderName, *, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """Send a message through each channel of a responder that says that it is a test."""
    trials = redelivering.try_responder(name=responder, by=actor(as_, workspace))
    if json:
        output.print_json(trials)
    else:
        cells = [(one.channel, "ok" if one.ok else "wrong", one.message) for one in trials]
        output.print_table("", ("channel", "state", "found"), cells)
    if not all(one.ok for one in trials):
        raise typer.Exit(1)
