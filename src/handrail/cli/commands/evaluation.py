"""``handrail evaluation``: what came of runs and packets, counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json, TenantKey
from handrail.notifications import evaluation as handling_figures
from handrail.notifications.evaluation import WaitFigures
from handrail.packets import evaluation as packet_figures
from handrail.runbooks import evaluation as run_figures
from handrail.runbooks.evaluation import EvaluationFilter, Period, RunbookFigures

group = typer.Typer()

_FORMATS = ["%Y-%m-%d%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"]
Since = Annotated[
    datetime | None,
    typer.Option("--since", metavar="TIME", formats=_FORMATS, help="Received from then on, as 2026-11-01T00:00:00Z."),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", metavar="TIME", formats=_FORMATS, help="Received before then, as 2026-12-01T00:00:00Z."),
]
Runbook = Annotated[str, typer.Option("--runbook", metavar="NAME", help="Only runs of this runbook.")]
Version = Annotated[
    int | None, typer.Option("--version", metavar="N", min=1, max=2**31 - 1, help="Only runs of this version of it.")
]
By = Annotated[Period, typer.Option("--by", help="How long the buckets of time are, in UTC.")]
COLUMNS = (
    *("ended", "completed", "first time", "as required", "alone", "found wrong", "stopped", "cancelled", "repeats"),
    *("interrupted", "recovered", "complete"),
)


@group.command("runs")
def runs(
    *,
    since: Since = None,
    until: Until = None,
    tenant: TenantKey = "",
    runbook: Runbook = "",
    version: Version = None,
    by: By = Period.WEEK,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Runs in your scope: completed, stopped, recovered, and whose records are complete; by version and over time.

    alone: completed, and no person had to do with it. interrupted: an outcome was unknown, or a worker was gone.
    complete: the ledger and the record or packet lack nothing.
    """
    who = actor(as_, workspace)
    wanted = EvaluationFilter(since, until, tenant, runbook, version, by)
    found = run_figures.evaluate(who, wanted)
    if json:
        output.print_json(found)
        return
    empty = "No run has ended in this period."
    rows = [(found.total.name, *_cells(found.total))] if found.total.ended else []
    rows += [(f"{one.runbook} v{one.version}", *_cells(one.figures)) for one in found.versions]
    output.print_table("", ("runbook", *COLUMNS), rows, empty=empty)
    if not found.total.ended:
        return
    recovery = found.total.recovery
    output.print_facts(
        {
            "unknown outcomes": recovery.unknown_outcomes,
            "taken over": recovery.taken_over,
            "reconciled": f"{recovery.reconciled}: {recovery.effect_present} there, {recovery.sent_again} sent again",
            "handed over": recovery.handed_over,
            "second looks": _second_looks(found.total),
            "unresolved packets": found.unresolved,
            "counted": "only the newest runs: choose a shorter time" if found.truncated else None,
        }
    )
    over_time = [(f"{one.begins_at:%Y-%m-%d}", *_cells(one.figures)) for one in found.periods]
    output.print_table(f"By {by.value}", (by.value, *COLUMNS), over_time)
    reasons = [(one.reason, one.cause, f"{one.runbook} v{one.version}", one.count) for one in found.reasons]
    output.print_table("Why runs stopped", ("reason", "cause", "runbook", "runs"), reasons, empty="No run stopped.")


def _second_looks(of: RunbookFigures) -> str:
    return f"{of.review.drawn} drawn, {of.review.reviewed} looked at, {of.review.wrong} wrong"


def _cells(of: RunbookFigures) -> tuple[int, ...]:
    return (
        *(of.ended, of.completed, of.first_time, of.already_as_required, of.unattended, of.found_wrong, of.stopped),
        *(of.cancelled, of.repeats, of.recovery.interrupted, of.recovery.recovered, of.completeness.complete),
    )


@group.command("handling")
def handling(
    *,
    since: Since = None,
    until: Until = None,
    tenant: TenantKey = "",
    runbook: Runbook = "",
    version: Version = None,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """How long stopped runs in your scope waited for people, by runbook and reason; and what came of follow-up runs.

    Each as median and 95th percentile. What still waits counts with its time so far, and is given in brackets.
    """
    wanted = EvaluationFilter(since, until, tenant, runbook, version)
    found = handling_figures.evaluate(actor(as_, workspace), wanted)
    if json:
        output.print_json(found)
        return
    rows = [("all", "", found.total)] if found.total.packets else []
    rows += [(one.runbook, one.reason, one) for one in found.reasons]
    cells = [
        (name, reason, one.packets, _wait(one.notified), _wait(one.taken), _wait(one.resolved), one.late)
        for name, reason, one in rows
    ]
    columns = ("runbook", "reason", "packets", "notified", "taken over", "resolved", "late")
    output.print_table("", columns, cells, empty="No run stopped in this period.")
    of = found.follow_ups
    waves = found.waves
    stopped = (
        f"{waves.stops} times by themselves, {waves.in_time} in time, {waves.spared} tasks spared" if waves else None
    )
    again = f"{of.started} started, {of.ended} ended, {of.completed} completed"
    output.print_facts({"follow-up runs": again, "waves stopped": stopped})


def _wait(of: WaitFigures) -> str:
    if of.seconds_median is None or of.seconds_p95 is None:
        return "-"
    waiting = f" ({of.waiting} waiting)" if of.waiting else ""
    return f"{timedelta(seconds=round(of.seconds_median))} / {timedelta(seconds=round(of.seconds_p95))}{waiting}"


@group.command("packets")
def packets(*, since: Since = None, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Escalation packets in your scope: accepted, corrected, superseded, and whose binding is complete."""
    who = actor(as_, workspace)
    found = packet_figures.evaluate(who, since=since)
    if json:
        output.print_json(found)
        return
    output.print_facts(
        {
            "packets": found.packets,
            "revisions": found.revisions,
            "accepted": found.accepted,
            "accepted as first approved": found.accepted_first,
            "released": found.released,
            "bound": found.bound,
            "corrections": {one.name: one.count for one in found.corrections},
            "superseded": {one.name: one.count for one in found.superseded},
            "approved packets": found.approved,
            "accepted as approved": f"{found.accepted_unchanged} of {found.approved}" if found.approved else "none yet",
            "corrected": f"{sum(one.count for one in found.corrections)} of {found.approved_revisions} revisions",
            "held before approval": {one.name: one.count for one in found.held_fields},
            "opened while stale": f"{found.opened_stale} of {found.opened_known}" if found.opened_known else "none yet",
            "rejected by the vendor": {one.name: one.count for one in found.rejected_for},
        }
    )
    rows = [
        (one.trigger, one.state, one.count, one.left, one.notified, one.median_seconds, one.longest_seconds)
        for one in found.supersessions
    ]
    columns = ("superseded by", "while", "count", "left", "notified", "seconds", "longest")
    output.print_table("", columns, rows, empty="")
