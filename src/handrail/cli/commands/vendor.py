"""``handrail vendor``: what follows a release: recalls, and what the vendor minded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.commands.packets import Exact, PacketRef, Reason
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace
from handrail.packets.actions import recalling, settling
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.proof.recalled import LINES_SUFFIX

group = typer.Typer()


@group.command("recall")
def recall(
    packet: PacketRef,
    *,
    revision: Exact,
    cause: Annotated[RecallReason, typer.Option("--cause", help="Why, as a class that leaves.")],
    asks: Annotated[
        RecallRequest, typer.Option("--asks", help="What the vendor is asked to do.")
    ] = RecallRequest.DISREGARD,
    reason: Reason,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Recall a released revision, also if the vendor has opened it, by a signed statement in its lane."""
    who = actor(as_, workspace)
    recalling.recall(ref=packet, revision=revision, cause=cause, asks=asks, reason=reason, by=who)
    output.say(f"{packet} revision {revision} recalled")


@group.command("settle")
def settle(
    packet: PacketRef,
    key: Annotated[str, typer.Argument(metavar="REASON", help="Which reason, as shown by: handrail packets show")],
    *,
    revision: Exact,
    reason: Reason,
    evidence: Annotated[str, typer.Option("--evidence", metavar="ANNEX", help="An annex that shows it.")] = "",
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Tick one reason that the vendor gave for the revision before."""
    who = actor(as_, workspace)
    left = settling.settle(ref=packet, revision=revision, key=key, reason=reason, evidence=evidence, by=who)
    output.say(f"{packet} revision {revision}: {sum(bool(one.settled_by) for one in left)} of {len(left)} settled")


@group.command("recalls")
def recalls(
    lane: Annotated[str, typer.Argument(metavar="LANE", help="The lane's name.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write them, one a line: a name with .jsonl.")],
    *,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Write every signed recall of a lane, for: handrail intake verify --recalls"""
    if file.suffix != LINES_SUFFIX:
        raise typer.BadParameter(
            f"use a name that ends in {LINES_SUFFIX}: handrail intake reads such a file by lines", param_hint="FILE"
        )
    who = actor(as_, workspace)
    data = recalling.export(lane=lane, by=who)
    try:
        file.write_bytes(data)
    except OSError as error:
        raise typer.BadParameter(f"{file} can't be written: {error.strerror}", param_hint="FILE") from None
    count = data.count(10)
    output.say(f"{file}: {count} {'recall' if count == 1 else 'recalls'}")
