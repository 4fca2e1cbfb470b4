"""``handrail audit``: who did what, when, to whom."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.installation import actor
from handrail.cli.options import As, InWorkspace, Json, Limit

group = typer.Typer(help="The audit log: list.")

Tag = Annotated[str, typer.Option("--event", help="Only events of this tag, such as run.completed.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Only what this person or process did.")]
Subject = Annotated[str, typer.Option("--subject", metavar="REF", help="Only what was done to this.")]


@group.command("list")
def list_(
    *,
    event: Tag = "",
    by: By = "",
    subject: Subject = "",
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Audit events in your scope, the newest first."""
    who = actor(as_, workspace)
    from handrail.access import trail
    from handrail.audit.queries import EventFilter

    rows = trail.list_events(who, EventFilter(event=event, actor=by, subject=subject, limit=limit))
    if json:
        output.print_json([{**output.plain(entry.row), "tenant": entry.tenant} for entry in rows])
        return
    cells = [(e.row.at, e.row.event, e.row.outcome, e.row.actor, e.row.subject, e.tenant, e.row.context) for e in rows]
    columns = ("at", "event", "outcome", "by", "subject", "tenant", "context")
    output.print_table("", columns, cells, empty="No events.")
