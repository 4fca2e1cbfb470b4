"""``handrail exceptions``: the runs that had to stop, for a person to take over."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from handrail.cli import exceptionview, output
from handrail.cli.identity import actor
from handrail.cli.options import As, Before, ExceptionRef, InWorkspace, Json, Limit, TenantKey
from handrail.runbooks.actions import exceptions
from handrail.runbooks.queries import exceptions as queries
from handrail.runbooks.states import Handling

group = typer.Typer()

Handled = Annotated[str, typer.Option("--handling", help="Only open, taken or resolved ones.")]
Note = Annotated[str, typer.Option("--note", help="What was done, in up to 4000 characters.")]
Waiting = Annotated[
    str, typer.Option("--waiting", metavar="DECISION", help="What becomes of the runs that wait: go-on or refuse.")
]
FoundWrong = Annotated[
    str, typer.Option("--found-wrong", metavar="RUN", help="A completed run that this shows to be wrong.")
]
InsteadOf = Annotated[
    str, typer.Option("--instead-of", metavar="EMAIL", help="Take it over from the member who has it now.")
]
COLUMNS = ("exception", "run", "tenant", "cause", "reason", "handling", "taken by", "at")


@group.command("list")
def list_(
    *,
    tenant: TenantKey = "",
    handling: Handled = "",
    before: Before = None,
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Exception packets in your scope, newest first."""
    who = actor(as_, workspace)
    if handling and handling not in list(Handling):
        raise typer.BadParameter(f"one of: {', '.join(Handling)}", param_hint="--handling")
    wanted = queries.ExceptionFilter(handling=handling, tenant=tenant, before=before, limit=limit)
    rows = queries.list_exceptions(who, wanted)
    if json:
        output.print_json(rows)
        return
    cells = [(r.ref, r.run, r.tenant, r.cause, r.reason, r.handling, r.taken_by, r.at) for r in rows]
    output.print_table("", COLUMNS, cells, empty="No exception packets.")


@group.command("show")
def show(exception: ExceptionRef, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """One exception packet: why, at which checkpoint, with which evidence, what was tried."""
    who = actor(as_, workspace)
    found = queries.get_exception(who, exception)
    if json:
        output.print_json(found)
        return
    summary, account = found.summary, found.account
    output.print_facts(
        {
            "changed outside": exceptionview.changed(account),
            "next action": account.get("next_action"),
            "exception": summary.ref,
            "run": summary.run,
            "tenant": f"{summary.tenant} ({summary.tenant_name})",
            "task": found.task,
            "why": f"{summary.cause}: {summary.reason}",
            "message": summary.message,
            "at checkpoint": found.checkpoint,
            "escalate to": summary.escalate_to,
            "handling": summary.handling,
            "taken by": summary.taken_by and f"{summary.taken_by} at {found.taken_at:%Y-%m-%d %H:%M}Z",
            "resolved by": found.resolved_by and f"{found.resolved_by}: {found.note}",
            "fields": found.fields,
            "fences": ", ".join(found.fenced),
        }
    )
    exceptionview.show_state(account)
    if account.get("calls"):
        calls = [
            (call["step"], call["attempts"], call["idempotency_key"], call.get("job"), _answered(call))
            for call in account["calls"]
        ]
        output.print_table("Calls", ("step", "attempts", "idempotency key", "job", "answer"), calls)
    output.print_table("Evidence", ("reading",), [(entry,) for entry in found.evidence], empty="No evidence was read.")
    output.print_table("Tried", ("attempt",), [(entry,) for entry in found.attempts], empty="Nothing was invoked.")


def _answered(call: dict[str, Any]) -> dict[str, Any] | None:
    """The values that the packet may carry, and the names of those that it may not."""
    withheld = dict.fromkeys(call.get("withheld", ()), "withheld")
    return {**call.get("answer", {}), **withheld} or None


@group.command("take")
def take(exception: ExceptionRef, *, instead_of: InsteadOf = "", as_: As = None, workspace: InWorkspace = None) -> None:
    """Take over an exception packet, to resolve it yourself."""
    who = actor(as_, workspace)
    exceptions.take(ref=exception, by=who, instead_of=instead_of)
    output.say(f"{exception} taken over by {who.name}")


@group.command("resolve")
def resolve(
    exception: ExceptionRef,
    *,
    note: Note,
    waiting: Waiting = "",
    found_wrong: FoundWrong = "",
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Close an exception packet that you took over, with a note of what was done. The run itself never continues.

    Where runs of the same subject wait because of it, --waiting decides: go-on lets them act, refuse cancels them.
    --found-wrong marks an earlier run that completed, and that this packet shows to be wrong.
    """
    who = actor(as_, workspace)
    exceptions.resolve(ref=exception, note=note, waiting=waiting, found_wrong=found_wrong, by=who)
    output.say(f"{exception} resolved by {who.name}")
