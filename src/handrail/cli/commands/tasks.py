"""``handrail tasks``: delegated tasks come in, and messages about them go out."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.installation import task_workspaces
from handrail.cli.options import As, Before, InWorkspace, Json, JsonFile, Limit
from handrail.runbooks.actions import pulling, runs, tasks, updates
from handrail.runbooks.actions.tasks import Received
from handrail.runbooks.queries import refusals as queries
from handrail.runbooks.queries import task_systems

group = typer.Typer()
System = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Only the task system of [task_systems.NAME].")
]
Message = Annotated[str, typer.Argument(metavar="MSG", help="The message, as `handrail tasks messages` names it.")]
After = Annotated[str, typer.Option("--after", metavar="MSG", help="Go on behind this message: the last of a list.")]
Kept = Annotated[bool, typer.Option("--all", help="Those that were kept, too.")]


@group.command("pull")
def pull(*, system: System = None, as_: As = None, json: Json = False) -> None:
    """Receive every open task of the configured task systems. Workers do the same, every pull_seconds."""
    received: list[Received] = []
    stopped: list[str] = []
    for workspace in task_workspaces(system):
        who = actor(as_, workspace)
        runs.require_intake(who)
        received += pulling.pull(by=who)
        if (found := task_systems.last_pull(who)) and found.code:
            stopped.append(f"{found.system}: not the whole list was read. {found.message}")
    _tell(received, json=json)
    if not json:
        for line in stopped:
            output.say(line)


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


@group.command("system")
def system(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """The workspace's task system: when its whole list was last read, and what it does not keep."""
    who = actor(as_, workspace)
    found = task_systems.get_task_system(who)
    if json:
        output.print_json(found)
        return
    last = found.last_pull
    output.print_facts(
        {
            "system": found.system,
            "connector": found.connector,
            "last pull": last and last.at,
            "whole list read": last and last.whole_at,
            "stopped": last and last.message,
            "outcomes not kept": found.outcomes_not_kept,
            "messages not kept": found.messages_not_kept,
        }
    )


@group.command("messages")
def messages(
    *,
    kept: Kept = False,
    after: After = "",
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Messages about refused tasks and exceptions that the task system does not show yet, newest first."""
    who = actor(as_, workspace)
    rows = task_systems.list_messages(who, delivered=kept, after=after, limit=limit)
    if json:
        output.print_json(rows)
        return
    cells = [(r.ref, r.task, r.kind, r.at, r.attempts, r.standing) for r in rows]
    columns = ("message", "task", "about", "at", "attempts", "standing")
    output.print_table("", columns, cells, empty="The task system shows every message.")


@group.command("redeliver")
def redeliver(message: Message, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Write a message to the task system again, after it was refused, not kept or given up."""
    who = actor(as_, workspace)
    updates.repeat(ref=message, by=who)
    output.say(f"{message} is due: the next free worker writes it again")


def _tell(received: list[Received], *, json: bool) -> None:
    if json:
        output.print_json(received)
        return
    cells = [(r.task, r.outcome, r.run, r.code, r.message) for r in received]
    output.print_table("", ("task", "outcome", "run", "code", "why"), cells, empty="The task system has no open tasks.")
