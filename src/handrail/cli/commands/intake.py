"""``handrail intake``: the vendor's side. Offline: no database, no Django, no configuration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from handrail.cli import output
from handrail.cli.options import Json
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid
from handrail.packets.proof.accepted import AcceptedManifests
from handrail.packets.proof.keys import KeyRing
from handrail.packets.proof.verify import Expectation, Verdict, describe
from handrail.packets.proof.verify import verify as check

group = typer.Typer()

REFUSED = 1
NOT_COMPARED = 8
NO_LANE = "NOT ACCEPTED: everything is in order, but name your own lane with --lane"


@group.command("verify")
def verify(
    package: Annotated[Path, typer.Argument(metavar="PACKAGE", help="The package, a ZIP file.")],
    *,
    key: Annotated[Path, typer.Option("--key", metavar="PUB", help="The sender's public keys, PEM.")],
    lane: Annotated[
        str | None,
        typer.Option("--lane", metavar="LANE", help="The name of your own lane; without it nothing is accepted."),
    ] = None,
    accepted: Annotated[
        Path | None,
        typer.Option(
            "--accepted", metavar="DIRECTORY", help="What you accepted before; kept up to date with --record."
        ),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Remember an accepted package in --accepted.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Refuse a package that was accepted before.")] = False,
    at: Annotated[datetime | None, typer.Option("--at", help="As of this time (UTC), instead of now.")] = None,
    json: Json = False,
) -> None:
    """Show what a package is, its lane, who approved it and what is held; refuse anything that is not in order.

    Exits with 0 when it is accepted, 1 when it is refused, and 8 when everything is in order but --lane was not given:
    it may then have been released to someone else.
    """
    if record and (accepted is None or lane is None):
        raise typer.BadParameter("needs --accepted DIRECTORY and --lane LANE", param_hint="--record")

    memory = AcceptedManifests(accepted) if accepted else None
    ring = KeyRing.from_pem(_read(key))
    as_of = at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at or now()
    known = memory.load() if memory else ()
    verdict = check(package, Expectation(keys=ring, lane=lane, at=as_of, accepted=known, once=once))
    if verdict.accepted and memory is not None and record:
        memory.record(verdict)
    _tell(verdict, compared=lane is not None, json=json)
    if not verdict.accepted or lane is None:
        raise typer.Exit(NOT_COMPARED if verdict.accepted else REFUSED)


def _tell(verdict: Verdict, *, compared: bool, json: bool) -> None:

    findings = [{"code": f.code, "message": str(f), "refuses": f.refuses} for f in verdict.findings]
    if json:
        accepted = verdict.accepted and compared
        output.print_json({"accepted": accepted, "package": list(describe(verdict)), "findings": findings})
        return
    output.print_table("", ("what", "it says"), describe(verdict))
    output.print_table("Findings", ("finding", "why"), [(f["code"], f["message"]) for f in findings], empty="")
    output.say("REFUSED" if not verdict.accepted else "accepted" if compared else NO_LANE)


def _read(file: Path) -> str:
    try:
        return output.read_text(file, encoding="ascii")
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not PEM.", code="key-file") from None
