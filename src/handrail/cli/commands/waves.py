"""``handrail waves``: the runs of one event, carried by canary and width."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from handrail.access.actor import Actor
from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json
from handrail.runbooks.actions import waves, wavestart
from handrail.runbooks.actions.wavestart import KEY, NewWave, StricterRules
from handrail.runbooks.queries import waves as queries
from handrail.runbooks.queries.waves import WaveDetail, WaveSummary
from handrail.runbooks.states import WaveState

group = typer.Typer()
WaveRef = Annotated[str, typer.Argument(metavar="WAVE", help="The wave's reference, WAV-….")]
Reason = Annotated[str, typer.Option("--reason", help="Why. It is kept, and shown with the wave.")]
State = Annotated[str, typer.Option("--state", help=f"Only those that are: {', '.join(WaveState)}.")]
Runbook = Annotated[str, typer.Argument(metavar="RUNBOOK", help="The runbook's name; its active version is followed.")]
Event = Annotated[str, typer.Option("--event", help="What the wave is called, such as the ticket of the drift.")]
Tenants = Annotated[
    Path, typer.Option("--tenants", metavar="FILE", help="Keys of tenants, one a line; - for standard input.")
]
Template = Annotated[
    Path,
    typer.Option("--task", metavar="FILE", help="The task of each as JSON; {tenant} in its texts stands for the key."),
]
TaskKey = Annotated[str, typer.Option("--key", help="The key of each task: {wave} and {tenant} stand for theirs.")]
Canary = Annotated[int | None, typer.Option("--canary", help="How many begin first; at most the runbook's number.")]
Width = Annotated[int | None, typer.Option("--width", help="How many begin in each round; at most the runbook's.")]
Minute = Annotated[int | None, typer.Option("--a-minute", help="How many begin within a minute; at most likewise.")]
Same = Annotated[int | None, typer.Option("--same-reason", help="Stops at so many exceptions of one reason; likewise.")]
Share = Annotated[float | None, typer.Option("--share", help="Stops above this share of exceptions; likewise.")]
EVERY_SECONDS = 1.0
COLUMNS = ("wave", "event", "state", "runbook", "begun", "ended", "remaining", "exceptions", "since")


@group.command("list")
def list_(*, state: State = "", as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Waves with a member in your scope, newest first."""
    rows = queries.list_waves(actor(as_, workspace), state=state)
    if json:
        output.print_json(rows)
        return
    output.print_table("", COLUMNS, [_cells(one) for one in rows], empty="There is no wave.")


@group.command("show")
def show(wave: WaveRef, *, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """How far a wave is, why members stopped, and why it stopped itself."""
    found = queries.get_wave(actor(as_, workspace), wave)
    if json:
        output.print_json(found)
        return
    output.print_facts(_facts(found))
    reasons = [(one.count, one.cause, one.reason) for one in found.reasons]
    if reasons:
        output.print_table("Why members stopped", ("runs", "cause", "reason"), reasons)
    first = [(one.ref, one.run, one.tenant, one.reason, one.handling, one.at) for one in found.first_exceptions]
    if first:
        output.print_table("First exceptions", ("exception", "run", "tenant", "reason", "handling", "at"), first)


@group.command("start")
def start(
    runbook: Runbook,
    *,
    event: Event,
    tenants: Tenants,
    task: Template,
    reason: Reason,
    key: TaskKey = KEY,
    canary: Canary = None,
    width: Width = None,
    a_minute: Minute = None,
    same_reason: Same = None,
    share: Share = None,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Start a run for each tenant of a list: a canary first, then round by round."""
    who = actor(as_, workspace)
    rules = StricterRules(canary, width, a_minute, same_reason, share)
    wanted = NewWave(runbook, event, _keys(tenants), output.read_json_object(task), reason, key, rules)
    output.say(f"{wavestart.start(wanted=wanted, by=who)} began with {len(wanted.tenants)} tenants")


@group.command("pause")
def pause(wave: WaveRef, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Begin no further member. What is under way goes on to its end."""
    waves.pause(ref=wave, reason=reason, by=actor(as_, workspace))
    output.say(f"{wave} is paused")


@group.command("resume")
def resume(wave: WaveRef, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Let a wave go on. One that stopped itself begins with a canary, and takes up what it gave back."""
    waves.resume(ref=wave, reason=reason, by=actor(as_, workspace))
    output.say(f"{wave} goes on")


@group.command("abandon")
def abandon(wave: WaveRef, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """End a wave for good. What was not begun goes back to the task system as not attempted."""
    waves.abandon(ref=wave, reason=reason, by=actor(as_, workspace))
    output.say(f"{wave} is abandoned; what was not begun goes back as not attempted")


@group.command("watch")
def watch(wave: WaveRef, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Follow a wave with a progress bar until it ends, stops itself or is paused; without a terminal, line by line."""
    who = actor(as_, workspace)
    if sys.stdout.isatty():
        _with_bar(who, wave)
        return
    last = ""
    while True:
        found = queries.get_wave(who, wave)
        line = _line(found)
        if line != last:
            output.say(line)
            last = line
        if found.summary.state is not WaveState.RUNNING:
            return
        time.sleep(EVERY_SECONDS)


def _with_bar(who: Actor, ref: str) -> None:
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()),
        *(TextColumn("{task.fields[standing]}"), TimeElapsedColumn()),
    )
    with Progress(*columns, console=output.console()) as progress:
        bar = progress.add_task(ref, total=None, standing="")
        while True:
            found = queries.get_wave(who, ref)
            counts = found.summary.counts
            progress.update(bar, total=counts.total, completed=counts.ended, standing=_line(found).partition(": ")[2])
            if found.summary.state is not WaveState.RUNNING:
                return
            time.sleep(EVERY_SECONDS)


def _line(found: WaveDetail) -> str:
    one, counts = found.summary, found.summary.counts
    kind = "canary" if one.canary else f"round {one.round}"
    end = f", about until {found.estimated_end:%H:%M} UTC" if found.estimated_end else ""
    return (
        f"{one.ref} {one.state}: {counts.ended} of {counts.total} ended, {counts.exceptions} exceptions, "
        f"{counts.under_way} under way in the {kind}, {counts.remaining} remaining{end}"
    )


def _cells(one: WaveSummary) -> tuple[object, ...]:
    counts = one.counts
    return (
        *(one.ref, one.event, one.state, f"{one.runbook} v{one.version}"),
        *(counts.under_way + counts.ended, counts.ended, counts.remaining, counts.exceptions, one.at),
    )


def _facts(found: WaveDetail) -> dict[str, Any]:
    one, counts, rules = found.summary, found.summary.counts, found.rules
    stops = [f"{row.at:%Y-%m-%d %H:%M} UTC, to {row.escalate_to}: {row.message}" for row in found.packets]
    return {
        "Wave": one.ref,
        "Event": one.event,
        "State": one.state,
        "Runbook": f"{one.runbook} v{one.version}",
        "Began": one.at,
        "By": one.by,
        "Last changed by": one.changed_by,
        "Because": one.change_reason,
        "Round": f"{one.round}{' (canary)' if one.canary else ''}",
        "Limits": f"canary {rules.canary}, width {rules.width}, {rules.a_minute} a minute",
        "Stops at": f"{rules.same_reason} of one reason, {rules.share:.0%} of {rules.at_least} or more, any boundary",
        "Tasks": counts.total,
        "Completed": counts.completed,
        "Exceptions": counts.exceptions,
        "Cancelled": counts.cancelled,
        "Under way": counts.under_way,
        "Waiting": counts.waiting,
        "Not attempted": counts.not_attempted,
        "Estimated end": found.estimated_end,
        "Stopped itself": "; ".join(stops),
    }


def _keys(path: Path) -> list[str]:
    return [line.strip() for line in output.read_text(path).splitlines() if line.strip()]
