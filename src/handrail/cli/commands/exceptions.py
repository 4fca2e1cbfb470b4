"""``handrail exceptions``: the runs that had to stop, for a person to take over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from handrail.cli import exceptionview, output, previewview
from handrail.cli.identity import actor
from handrail.cli.options import As, Before, ExceptionRef, InWorkspace, Json, Limit, TenantKey
from handrail.kernel.errors import Conflict
from handrail.runbooks.actions import exceptions, follow_ups, handover, rereading, together
from handrail.runbooks.actions.together import Together
from handrail.runbooks.queries import exceptions as queries

group = typer.Typer()

Handled = Annotated[
    str, typer.Option("--handling", metavar="STATE", help="Only unresolved, open, taken or resolved ones.")
]
Owner = Annotated[
    str, typer.Option("--owner", metavar="WHO", help="Only mine, unassigned, or those of a member (EMAIL).")
]
OlderThan = Annotated[str, typer.Option("--older-than", metavar="AGE", help="Only older ones: 30m, 4h or 7d.")]
Cause = Annotated[str, typer.Option("--cause", help="Only of this cause, such as boundary.")]
Reason = Annotated[str, typer.Option("--reason", metavar="CODE", help="Only with this reason code.")]
Runbook = Annotated[str, typer.Option("--runbook", metavar="NAME", help="Only of this runbook.")]
Task = Annotated[str, typer.Option("--task", metavar="KEY", help="Only of this task.")]
Text = Annotated[
    str, typer.Option("--text", help="Only with this text in a reference, the task's key, the subject or the message.")
]
Due = Annotated[
    str, typer.Option("--due", metavar="WHEN", help="Only late ones; what is late in 4h; or none: without a due time.")
]
Order = Annotated[str, typer.Option("--sort", metavar="ORDER", help="newest, oldest or due first.")]
Outcome = Annotated[
    str, typer.Option("--outcome", metavar="CODE", help="What became of it: one of its outcomes, which show lists.")
]
After = Annotated[
    str, typer.Option("--after", metavar="EXCEPTION", help="Go on behind this one: the last of the list before.")
]
InterimNote = Annotated[str, typer.Option("--note", help="What you saw or did, in up to 4000 characters.")]
BackNote = Annotated[str, typer.Option("--note", help="For the next person who takes it, in up to 4000 characters.")]
Several = Annotated[
    list[str], typer.Argument(metavar="EXCEPTION...", help="Exception packets of one runbook and reason, up to 50.")
]
Person = Annotated[str, typer.Argument(metavar="EMAIL", help="The member who is to have it.")]
HasIt = Annotated[
    str, typer.Option("--instead-of", metavar="EMAIL", help="Who has it now, where that is neither nobody nor you.")
]
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
FollowingRunbook = Annotated[
    str, typer.Option("--runbook", metavar="NAME", help="One that the packet's runbook names.")
]
Inputs = Annotated[
    Path | None,
    typer.Option("--inputs", metavar="FILE", help="A JSON object with inputs that differ; null removes one."),
]
Number = Annotated[
    int,
    typer.Option("--number", min=1, max=1000, help="Which follow-up of it this is; repeated, it is the same."),
]
Preview = Annotated[bool, typer.Option("--preview", help="Only show what it would do.")]
Previewed = Annotated[
    str, typer.Option("--definition", metavar="DIGEST", help="The version that was previewed; no other one is started.")
]
COLUMNS = ("exception", "run", "tenant", "cause", "reason", "handling", "taken by", "due", "at")


@group.command("list")
def list_(
    *,
    tenant: TenantKey = "",
    handling: Handled = "",
    owner: Owner = "",
    older_than: OlderThan = "",
    cause: Cause = "",
    reason: Reason = "",
    runbook: Runbook = "",
    task: Task = "",
    text: Text = "",
    due: Due = "",
    sort: Order = queries.NEWEST,
    after: After = "",
    before: Before = None,
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Exception packets in your scope, newest first. Which are yours and late: --owner mine --due late."""
    who = actor(as_, workspace)
    wanted = queries.ExceptionFilter(
        handling=handling,
        tenant=tenant,
        owner=owner,
        older_than=older_than,
        cause=cause,
        reason=reason,
        runbook=runbook,
        task=task,
        text=text,
        due=due,
        sort=sort,
        after=after,
        before=before,
        limit=limit,
    )
    _print_list(queries.list_exceptions(who, wanted), json=json)


def _print_list(rows: list[queries.ExceptionSummary], *, json: bool) -> None:
    if json:
        output.print_json(rows)
        return
    cells = [
        (
            r.ref,
            r.run,
            r.tenant,
            r.cause,
            r.reason,
            r.handling,
            r.taken_by,
            exceptionview.due(r.due_at, r.is_late),
            r.at,
        )
        for r in rows
    ]
    output.print_table("", COLUMNS, cells, empty="No exception packets.")


@group.command("groups")
def groups(
    *,
    tenant: TenantKey = "",
    handling: Handled = queries.UNRESOLVED,
    owner: Owner = "",
    older_than: OlderThan = "",
    due: Due = "",
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """How many exception packets there are of each runbook and reason, the most first. Of unresolved ones, unless
    --handling says otherwise."""
    who = actor(as_, workspace)
    wanted = queries.ExceptionFilter(handling=handling, tenant=tenant, owner=owner, older_than=older_than, due=due)
    found = queries.group_exceptions(who, wanted)
    if json:
        output.print_json(found)
        return
    cells = [(one.runbook, one.reason, one.count, one.unassigned, one.oldest) for one in found]
    output.print_table(
        "", ("runbook", "reason", "exceptions", "unassigned", "oldest"), cells, empty="No exception packets."
    )


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
            "erased": found.erased and f"on {found.erased.at:%Y-%m-%d} ({found.erased.reason})",
            "why": f"{summary.cause}: {summary.reason}",
            "message": summary.message,
            "at checkpoint": found.checkpoint,
            "escalate to": summary.escalate_to,
            "handling": summary.handling,
            "taken by": summary.taken_by and f"{summary.taken_by} at {found.taken_at:%Y-%m-%d %H:%M}Z",
            "due": exceptionview.due(summary.due_at, summary.is_late),
            "resolved by": found.resolved_by and f"{found.resolved_by}: {found.note}",
            "outcome": found.outcome_title and f"{summary.outcome}: {found.outcome_title}",
            "may follow": ", ".join(one.runbook for one in found.follow_up_choices if one.why_not is None),
            "outcomes": "" if found.resolved_by else ", ".join(found.outcomes),
            "fields": found.fields,
            "fences": ", ".join(found.fenced),
        }
    )
    exceptionview.show_state(account)
    exceptionview.show_reread(found.reread)
    if found.follow_ups:
        begun = [(one.number, one.run, one.runbook, one.state, one.by, one.at) for one in found.follow_ups]
        output.print_table("Follow-up runs", ("number", "run", "runbook", "state", "by", "at"), begun)
    if found.notes:
        thread = [(note.at, note.by, note.kind, note.text) for note in found.notes]
        output.print_table("Notes", ("at", "by", "kind", "note"), thread)
    exceptionview.show_notified(who, summary.ref)
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


@group.command("note")
def note_(exception: ExceptionRef, *, note: InterimNote, as_: As = None, workspace: InWorkspace = None) -> None:
    """Add a note for all who see the exception packet, before it is resolved. It can't be edited later."""
    who = actor(as_, workspace)
    handover.add_note(ref=exception, note=note, by=who)
    output.say(f"{exception} has a note of {who.name}")


@group.command("hand-back")
def hand_back(exception: ExceptionRef, *, note: BackNote, as_: As = None, workspace: InWorkspace = None) -> None:
    """Leave an exception packet that you took over to everybody again, with a note for the next person."""
    who = actor(as_, workspace)
    handover.hand_back(ref=exception, note=note, by=who)
    output.say(f"{exception} handed back by {who.name}")


@group.command("assign")
def assign(
    exception: ExceptionRef,
    email: Person,
    *,
    instead_of: HasIt = "",
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Give an exception packet to another member who may take it over."""
    who = actor(as_, workspace)
    handover.assign(ref=exception, to=email, instead_of=instead_of, by=who)
    output.say(f"{exception} assigned to {email} by {who.name}")


@group.command("resolve")
def resolve(
    exception: ExceptionRef,
    *,
    outcome: Outcome,
    note: Note,
    waiting: Waiting = "",
    found_wrong: FoundWrong = "",
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Close an exception packet that you took over, with its outcome and a note of what was done. The run itself never
    continues.

    Where runs of the same subject wait because of it, --waiting decides: go-on lets them act, refuse cancels them.
    --found-wrong marks an earlier run that completed, and that this packet shows to be wrong.
    """
    who = actor(as_, workspace)
    given = {"outcome": outcome, "note": note, "waiting": waiting, "found_wrong": found_wrong}
    exceptions.resolve(ref=exception, by=who, **given)
    output.say(f"{exception} resolved by {who.name}")


@group.command("take-all")
def take_all(exceptions_: Several, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Take over several like exception packets, each on its own. Exits with 5 when one of them could not be."""
    _tell(together.take_together(refs=exceptions_, by=actor(as_, workspace)), "taken over", json=json)


@group.command("resolve-all")
def resolve_all(
    exceptions_: Several,
    *,
    outcome: Outcome,
    note: Note,
    waiting: Waiting = "",
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Close several like exception packets that you took over, each on its own, with one outcome and note. Exits with 5
    when one of them could not be."""
    given = {"outcome": outcome, "note": note, "waiting": waiting}
    ended = together.resolve_together(refs=exceptions_, by=actor(as_, workspace), **given)
    _tell(ended, "resolved", json=json)


@group.command("read-again")
def read_again(exception: ExceptionRef, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Make the declared reads of the stopped run once more, and show them beside what the packet holds."""
    found = rereading.read_again(ref=exception, by=actor(as_, workspace))
    if json:
        output.print_json(found)
        return
    exceptionview.show_reread(found)


@group.command("follow-up")
def follow_up(
    exception: ExceptionRef,
    *,
    runbook: FollowingRunbook,
    inputs: Inputs = None,
    number: Number = 1,
    preview: Preview = False,
    definition: Previewed = "",
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Start a run from an exception packet that you have: of its own runbook or another that this names.

    It begins with the inputs of the stopped run; --inputs puts others over them. --preview shows what it would do.
    """
    who, given = actor(as_, workspace), output.read_json_object(inputs) if inputs else {}
    if preview:
        previewview.show(
            follow_ups.preview(ref=exception, runbook=runbook, inputs=given, number=number, by=who), json=json
        )
        return
    started = follow_ups.start(
        ref=exception, runbook=runbook, inputs=given, number=number, definition=definition, by=who
    )
    if json:
        output.print_json(started)
        return
    output.say(f"{started.ref} {'started from' if started.created else 'was started already from'} {exception}")


def _tell(ended: list[Together], done: str, *, json: bool) -> None:
    if json:
        output.print_json(ended)
    else:
        cells = [(one.ref, done if not one.code else "refused", one.message) for one in ended]
        output.print_table("", ("exception", "outcome", "why not"), cells)
    if any(one.code for one in ended):
        raise typer.Exit(Conflict.exit_code)
