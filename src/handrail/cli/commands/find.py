"""``handrail find``: what a reference, task key, ticket, case or tenant's name stands for."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.finding import search
from handrail.finding.search import FoundKind, Hit

Text = Annotated[
    str,
    typer.Argument(
        metavar="TEXT",
        help="A reference (RUN-…, EXC-…, PKT-…, SR-…), task key, external ticket, case, or a tenant's key or name.",
    ),
]
COLUMNS = ("found", "kind", "what", "task", "tenant", "state", "look at it with")
_COMMANDS = {
    FoundKind.RUN: "handrail runs show {}",
    FoundKind.EXCEPTION: "handrail exceptions show {}",
    FoundKind.WAVE: "handrail waves show {}",
    FoundKind.PACKET: "handrail packets show {}",
    FoundKind.REFUSED: "handrail tasks refused",
    FoundKind.TENANT: "handrail runs list --tenant {}",
}


def find(text: Text, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Find what a text stands for in your scope, up to ten of each kind, the exact reference first.

    Task keys, cases and tenants are found by a part as well; support requests and external tickets by their exact
    reference only, and they lead to the run or tenant that they belong to.
    """
    who = actor(as_, workspace)
    found = search.find(who, text)
    if json:
        output.print_json(found)
        return
    cells = [_cells(group.kind, hit) for group in found.groups for hit in group.hits]
    output.print_table("", COLUMNS, cells, empty="Not found, or you don't have access.")
    if more := [group.kind for group in found.groups if group.more]:
        output.say(f"There are more of: {', '.join(more)}. Look for a longer text.")
    if found.left_out:
        output.say(f"Your roles or your token don't include: {', '.join(found.left_out)}.")


def _cells(kind: FoundKind, hit: Hit) -> tuple[str, ...]:
    command = _COMMANDS[hit.opens].format(hit.opens_ref)
    return hit.ref, kind, hit.title, hit.task, hit.tenant, hit.state, command
