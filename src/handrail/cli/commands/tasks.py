"""``handrail tasks``: delegated tasks come in."""

from __future__ import annotations

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.installation import task_workspace
from handrail.cli.options import As, Before, InWorkspace, Json, JsonFile, Limit
from handrail.runbooks.actions import runs, tasks
from handrail.runbooks.actions.tasks import Received
from handrail.runbooks.queries import refusals as queries

group = typer.Typer()


@group.command("pull")
def pull(*, as_: As = None, json: Json = False) -> None:
    """Receive every open task of the configured task system. Workers do the same, every pull_seconds."""
    who = actor(as_, task_workspace())
    runs.require_intake(who)
    _tell(tasks.pull(by=who), json=json)


@group.command("receive")
def receive(task: JsonFile, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Receive one task, in the form that the task system sends. Exit code 2 when it is refused."""
    who = actor(as_, workspace)
    received = tasks.receive(item=output.read_json_object(task), by=who)
    _tell([received], json=json)
    if received.outcome is tasks.IntakeOutcome.REFUSED:
        raise typer.Exit(2)


@group.command("refused")
def refused(
    *,
    before: Before = None,
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Delegated tasks that could not become a run, and why, newest first. Needs access to all tenants."""
    who = actor(as_, workspace)
    rows = queries.list_refusals(who, before=before, limit=limit)
    if json:
        output.print_json(rows)
        return
    cells = [(r.task, r.at, r.code, r.message) for r in rows]
    output.print_table("", ("task", "at", "code", "why"), cells, empty="No task was refused.")


def _tell(received: list[Received], *, json: bool) -> None:
    if json:
        output.print_json(received)
        return
    cells = [(r.task, r.outcome, r.run, r.code, r.message) for r in received]
    output.print_table("", ("task", "outcome", "run", "code", "why"), cells, empty="The task system has no open tasks.")
