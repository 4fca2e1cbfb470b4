"""``handrail runs``: what became of each task, and what would become of one."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.cli import output, previewview
from handrail.cli.identity import actor
from handrail.cli.incoming import read_task
from handrail.cli.options import As, Before, InWorkspace, Json, JsonFile, Limit, RunRef, Since, TenantKey, Until
from handrail.cli.watching import follow
from handrail.runbooks.actions import corrections, previews, reports, reviews, runs
from handrail.runbooks.queries import reviews as review_queries
from handrail.runbooks.queries import runs as queries
from handrail.runbooks.queries.brakes import Paused
from handrail.runbooks.queries.breakers import WaitsForConnector
from handrail.runbooks.queries.situations import Situation
from handrail.runbooks.states import ReviewVerdict, RunState

group = typer.Typer()

State = Annotated[str, typer.Option("--state", help=f"Only runs in this state: {', '.join(RunState)}.")]
InSituation = Annotated[str, typer.Option("--situation", help=f"Only runs in this situation: {', '.join(Situation)}.")]
TaskKey = Annotated[
    str, typer.Option("--task", metavar="KEY", help="Only runs of the task of this key, or whose key begins so.")
]
After = Annotated[
    str, typer.Option("--after", "--older-than", metavar="RUN", help="The next page: the last run of the page before.")
]
Runbook = Annotated[str, typer.Option("--runbook", metavar="NAME", help="Only runs of this runbook.")]
COLUMNS = ("run", "task", "tenant", "runbook", "state", "attempts", "reason", "updated")
InWave = Annotated[str, typer.Option("--wave", metavar="WAVE", help="Only members of this wave, WAV-….")]


@group.command("list")
def list_(
    *,
    tenant: TenantKey = "",
    runbook: Runbook = "",
    state: State = "",
    situation: InSituation = "",
    task: TaskKey = "",
    wave: InWave = "",
    since: Since = None,
    until: Until = None,
    before: Before = None,
    after: After = "",
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Runs in your scope, newest first."""
    who = actor(as_, workspace)
    words = {"tenant": tenant, "runbook": runbook, "state": state, "situation": situation, "task": task, "wave": wave}
    wanted = queries.RunFilter(**words, since=since, until=until, before=before, after=after, limit=limit)
    rows = queries.list_runs(who, wanted)
    if json:
        output.print_json(rows)
        return
    cells = [
        (r.ref, r.task, r.tenant, f"{r.runbook} v{r.version}", _state(r), r.attempts, _why(r), r.updated_at)
        for r in rows
    ]
    output.print_table("", COLUMNS, cells, empty=_empty(wanted))


def _empty(wanted: queries.RunFilter) -> str:
    if wanted == queries.RunFilter(limit=wanted.limit):
        return "No runs. Tasks come in by: handrail tasks pull"
    return "No run matches. Leave out a filter."


def _why(run: queries.RunSummary) -> str | None:
    """Why a run stopped, or what it waits for."""
    if run.already_as_required:
        return "already as required"
    if run.retrying:
        return run.retrying.message
    return run.blocking.message if run.blocking else run.reason


@group.command("show")
def show(run: RunRef, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """One run with its whole ledger, its completion record and its retry ledger."""
    who = actor(as_, workspace)
    found = queries.get_run(who, run)
    if json:
        output.print_json(found)
        return
    summary = found.summary
    output.print_facts(
        {
            "run": summary.ref,
            "runbook": f"{summary.runbook} v{summary.version} ({found.definition_digest})",
            "tenant": f"{summary.tenant} ({summary.tenant_name})",
            "task": summary.task,
            "follow-up of": found.follow_up_of and f"{found.follow_up_of.exception} of {found.follow_up_of.run}",
            "subject": summary.subject,
            "erased": found.erased and f"on {found.erased.at:%Y-%m-%d} ({found.erased.reason})",
            "state": summary.state,
            "paused": _paused(summary.paused),
            "connector": _waits(summary.waits_for_connector),
            "stop": found.stop_request and f"ordered by {found.stop_request.by}: {found.stop_request.reason}",
            "waits": summary.blocking and summary.blocking.message,
            "retries next": summary.retrying and summary.retrying.message,
            "outcome": "already as required: nothing was called" if summary.already_as_required else None,
            "exception": summary.exception and f"{summary.exception}: {summary.reason}",
            "completion": found.completion and found.completion.fields,
            "retries": found.retry_ledger and f"{found.retry_ledger.attempts} attempts of {found.retry_limit}",
            "found wrong": found.wrong and f"by {found.wrong.by}: {found.wrong.reason} {found.wrong.found_in}".rstrip(),
            "second look": _second_look(found),
            "reported": found.report and (found.report.delivered_at or found.report.failure or "not yet"),
        }
    )
    ledger = [(e.sequence, e.at, e.kind, e.checkpoint, e.step, e.attempt, e.worker, e.detail) for e in found.ledger]
    output.print_table("Ledger", ("#", "at", "entry", "checkpoint", "step", "attempt", "by", "detail"), ledger)


@group.command("watch")
def watch(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="The run to follow. Default: all that have not ended.")
    ] = "",
    *,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Follow runs until they have ended. Ctrl-C stops watching, not the runs."""
    follow(actor(as_, workspace), run)


@group.command("preview")
def preview(task: JsonFile, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Read a task's sources, check its prerequisites and show what would be invoked. Nothing outside is changed.

    FILE holds {"key": …, "runbook": …, "version": …, "payload": {…}}.
    """
    who = actor(as_, workspace)
    previewview.show(previews.preview(task=read_task(task), by=who), json=json)


@group.command("start")
def start(
    task: JsonFile,
    *,
    definition: Annotated[
        str,
        typer.Option("--definition", metavar="DIGEST", help="The version that was previewed; no other one is started."),
    ] = "",
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Start the run of one task. A repeated trigger returns the existing run.

    FILE holds {"key": …, "runbook": …, "version": …, "payload": {…}}.
    """
    who = actor(as_, workspace)
    started = runs.start(task=read_task(task), definition=definition, by=who)
    if json:
        output.print_json(started)
        return
    output.say(f"{started.ref} {'started' if started.created else 'exists already for this task'}")


@group.command("cancel")
def cancel(run: RunRef, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Cancel a run that has invoked nothing yet."""
    who = actor(as_, workspace)
    runs.cancel(ref=run, by=who)
    output.say(f"{run} cancelled")


@group.command("stop")
def stop(
    run: RunRef,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why. It stands in the exception packet.")],
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Stop a run before its next call, with an exception packet. A call under way gets its result first."""
    who = actor(as_, workspace)
    runs.stop(ref=run, reason=reason, by=who)
    output.say(f"{run} stops before its next call")


@group.command("found-wrong")
def found_wrong(
    run: RunRef,
    *,
    reason: Annotated[str, typer.Option("--reason", help="What is wrong, in up to 500 characters.")],
    found_in: Annotated[
        str, typer.Option("--found-in", metavar="REF", help="The exception packet or support request that shows it.")
    ] = "",
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Mark a completed run as found wrong. Its record stays as it is; the evaluation counts it."""
    who = actor(as_, workspace)
    corrections.mark_wrong(ref=run, reason=reason, found_in=found_in, by=who)
    output.say(f"{run} marked as found wrong by {who.name}")


@group.command("reviews")
def list_reviews(
    *,
    done: Annotated[bool, typer.Option("--done", help="Those that had a second look, newest first.")] = False,
    after: Annotated[
        str, typer.Option("--after", metavar="RUN", help="The next page: the last run of the page before.")
    ] = "",
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Completed runs that were drawn for a second look and wait for it, the oldest first."""
    rows = review_queries.list_reviews(actor(as_, workspace), done=done, after=after, limit=limit)
    if json:
        output.print_json(rows)
        return
    cells = [
        (
            one.run,
            one.task,
            one.tenant,
            f"{one.runbook} v{one.version}",
            one.at,
            f"{one.review.verdict} ({one.review.by})" if one.review else None,
        )
        for one in rows
    ]
    empty = "No run has had a second look." if done else "No run waits for a second look."
    output.print_table("", ("run", "task", "tenant", "runbook", "completed", "found"), cells, empty=empty)


@group.command("review")
def review(
    run: RunRef,
    *,
    verdict: Annotated[str, typer.Option("--verdict", help=f"What you found: {', '.join(ReviewVerdict)}.")],
    reason: Annotated[str, typer.Option("--reason", help="What you looked at, in up to 500 characters.")],
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Say what a second look at a drawn run has found. A wrong one is marked as found wrong."""
    reviews.review(ref=run, verdict=verdict, reason=reason, by=actor(as_, workspace))
    output.say(f"{run} was found {verdict}")


@group.command("redeliver")
def redeliver(run: RunRef, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Report a run's outcome to the task system again, after its report was refused or ended undelivered."""
    who = actor(as_, workspace)
    reports.repeat(ref=run, by=who)
    output.say(f"{run} is due: the next free worker reports it again")


def _second_look(found: queries.RunDetail) -> str | None:
    if found.review:
        return f"found {found.review.verdict} by {found.review.by}: {found.review.reason}"
    return "drawn, and waits for it" if found.drawn_at else None


def _state(run: queries.RunSummary) -> str:
    if run.waits_for_connector:
        return f"{run.state} (waits for {run.waits_for_connector.connector}: {run.waits_for_connector.cause})"
    return f"{run.state} (paused: {run.paused.what})" if run.paused else run.state


def _waits(found: WaitsForConnector | None) -> str | None:
    """Which connector it waits for, why, and until when."""
    if found is None:
        return None
    until = f" It is tried again at {found.until.isoformat()}." if found.until else ""
    return f"waits since {found.since.isoformat()}: {found.message}{until}"


def _paused(paused: Paused | None) -> str | None:
    """Who paused it, since when and why."""
    if paused is None:
        return None
    return f"{paused.what}, by {paused.by} since {paused.since.isoformat()}: {paused.reason}"
