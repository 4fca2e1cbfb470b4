"""``handrail audit``: who did what, when, to what; and the proof that nobody changed it since."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from handrail.access import evidence, trail
from handrail.audit import exportcheck
from handrail.audit.checkpoint import VerifierKey
from handrail.audit.queries import EventFilter
from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json, Limit, TenantKey
from handrail.kernel.errors import Invalid

group = typer.Typer()

Tag = Annotated[str, typer.Option("--event", help="Only events of this tag, such as run.completed.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Only what this person or process did.")]
Subject = Annotated[str, typer.Option("--subject", metavar="REF", help="Only events about this object.")]
Kept = Annotated[
    list[Path] | None,
    typer.Option("--kept", metavar="FILE", help="A checkpoint kept elsewhere. Repeat it for several."),
]
EventNumber = Annotated[int, typer.Argument(metavar="EVENT", min=1, help="The event's number, as in list --json.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file. Without it: standard output.")]
ExportFile = Annotated[Path, typer.Argument(metavar="FILE", help="What handrail audit export wrote.")]
Keys = Annotated[list[str], typer.Option("--key", metavar="NAME+ID+KEY", help="A public key that you trust.")]
Origin = Annotated[str, typer.Option("--origin", help="The log's name.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why the log is accepted; it is recorded.")]
SMALL_FILE = 64 * 1024


@group.command("list")
def list_(
    *,
    event: Tag = "",
    by: By = "",
    subject: Subject = "",
    tenant: TenantKey = "",
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Audit events in your scope, newest first."""
    who = actor(as_, workspace)
    rows = trail.list_events(who, EventFilter(event=event, actor=by, subject=subject, limit=limit), tenant=tenant)
    if json:
        output.print_json([{**output.plain(entry.row), "tenant": entry.tenant} for entry in rows])
        return
    cells = [(e.row.at, e.row.event, e.row.outcome, e.row.actor, e.row.subject, e.tenant, e.row.context) for e in rows]
    columns = ("at", "event", "outcome", "by", "subject", "tenant", "context")
    output.print_table("", columns, cells, empty="No events.")


@group.command("verify")
def verify(*, kept: Kept = None, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Compare every sealed row with the log, the log with its checkpoints and this machine's mark, and look at the
    guards of its tables. Exit code 1 when something differs."""
    who = actor(as_, workspace)
    found = evidence.verify(who, kept=[_small(path) for path in kept or ()])
    if json:
        output.print_json(found)
    else:
        facts = {"log": found.origin, "sealed": found.sealed_size, "root": found.root, "at": found.checkpoint_at}
        facts |= {
            "not yet sealed": found.unsealed,
            "mark": found.mark.message,
            "sealing stopped": found.sealing_stopped,
        }
        output.print_facts({**facts, "intact": found.whole})
        rows = [(d.index, d.kind, d.source, d.row_id, d.message) for d in found.differences]
        if rows:
            output.print_table("Differences", ("leaf", "kind", "source", "row", "what"), rows)
    if not found.whole:
        raise typer.Exit(1)


@group.command("seal")
def seal(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Seal all waiting rows now. Workers do the same, every seal_seconds."""
    who = actor(as_, workspace)
    done = evidence.seal(by=who)
    if json:
        output.print_json(done)
        return
    cells = [(s.at, s.rows, s.size) for s in done]
    output.print_table("", ("at", "rows", "log size"), cells, empty="Everything is sealed.")


@group.command("accept-restore")
def accept_restore(*, reason: Reason, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Seal again after a restore: accept the log as it is now, with the reason in it.

    Sealing stops when the log is not what this machine signed last. Find out why first: handrail audit verify. Run this
    on each machine that has stopped.
    """
    who = actor(as_, workspace)
    done = evidence.accept_log(reason=reason, by=who)
    if json:
        output.print_json(done)
        return
    output.say(
        f"accepted, and sealed again: {done.size} leaves. Keep a checkpoint elsewhere: handrail audit checkpoint"
    )


@group.command("checkpoint")
def checkpoint(*, as_: As = None, workspace: InWorkspace = None) -> None:
    """Print the newest signed checkpoint: keep it where this installation can't reach it."""
    who = actor(as_, workspace)
    sys.stdout.write(evidence.checkpoint(who))


@group.command("key")
def key(*, as_: As = None, workspace: InWorkspace = None) -> None:
    """Print the public key that checkpoints are verified with."""
    who = actor(as_, workspace)
    print(evidence.verifier_key(who))


@group.command("prove")
def prove(event: EventNumber, *, as_: As = None, workspace: InWorkspace = None) -> None:
    """Print one event with the proof that it is in the log, as JSON."""
    who = actor(as_, workspace)
    output.print_json(evidence.inclusion(who, event))


@group.command("export")
def export(*, out: Out = None, as_: As = None, workspace: InWorkspace = None) -> None:
    """Seal, then write the whole log as JSON lines, with the events and ledger rows in your scope in clear text.

    Ledger rows: of runs, exception packets, brakes, definitions and escalation packets, as far as your roles show them.
    """
    who = actor(as_, workspace)
    if out is None:
        sys.stdout.writelines(evidence.export(by=who))
        return
    lines = evidence.export(by=who)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.writelines(lines)
    except OSError as error:
        raise Invalid(f"{out} can't be written: {error.strerror}.", code="file") from None


@group.command("check-export")
def check_export(file: ExportFile, *, key: Keys, origin: Origin = "handrail/audit", json: Json = False) -> None:
    """Check an export with the public key alone: each row in clear text against its leaf, and all leaves against the
    signed checkpoint. Needs no database."""
    try:
        with file.open(encoding="utf-8") as lines:
            checked = exportcheck.check(lines, origin=origin, keys=[VerifierKey.from_text(text) for text in key])
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} can't be read: {type(error).__name__}.", code="file") from None
    if json:
        output.print_json(checked)
        return
    others = sum(checked.rows.values()) - checked.events
    ledgers = f" and {others} rows of ledgers" if others else ""
    output.say(f"intact: {checked.events} events{ledgers} in clear text among {checked.size} leaves")


def _small(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read(SMALL_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} can't be read: {type(error).__name__}.", code="file") from None
