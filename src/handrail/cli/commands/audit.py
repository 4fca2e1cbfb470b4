"""``handrail audit``: who did what, when, to what; and the proof that nobody changed it since."""

from __future__ import annotations

import sys
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from handrail.access import evidence, trail
from handrail.audit import cosignature, exportcheck, tlogproof
from handrail.audit import policy as policies
from handrail.audit.queries import EventFilter
from handrail.cli import output
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json, Limit, TenantKey
from handrail.kernel.errors import Invalid
from handrail.packets import queries as packets

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
Pem = Annotated[bool, typer.Option("--pem", help="In PEM, as tools for COSE receipts and OpenSSL take it.")]
ProofKind = Annotated[Literal["event", "packet"], typer.Argument(help="What is proven: event or packet.")]
ProofOf = Annotated[str, typer.Argument(metavar="WHAT", help="The event's number, or the packet's reference.")]
ProofDirectory = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new directory for the files.")]
StampOut = Annotated[Path, typer.Option("--out", metavar="DIR", help="A new directory for the two files.")]
StampSize = Annotated[int | None, typer.Option("--size", min=0, help="Of the checkpoint over so many leaves.")]
ProofFile = Annotated[Path, typer.Argument(metavar="FILE", help="A .tlog-proof.")]
PolicyFile = Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="A C2SP tlog-policy: the quorum.")]
LeafFile = Annotated[Path | None, typer.Option("--leaf", metavar="FILE", help="The leaf; without it, the proof's own.")]
SMALL_FILE = 256 * 1024
EVENT_DIGITS = 18


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
def key(*, pem: Pem = False, as_: As = None, workspace: InWorkspace = None) -> None:
    """Print the public key that checkpoints are verified with, and the second one, if there is one."""
    who = actor(as_, workspace)
    keys = evidence.verifier_keys(who)
    print(evidence.receipt_key().rstrip() if pem else "\n".join(keys))


@group.command("witnesses")
def witnesses(*, as_: As = None, workspace: InWorkspace = None, json: Json = False) -> None:
    """Show whether witnesses have cosigned the newest checkpoint, and how it stands with each of them and with the
    time-stamp services. Exit code 1 while the quorum is late or a witness refuses the log."""
    found = evidence.quorum(actor(as_, workspace))
    if json:
        output.print_json(found)
    else:
        output.print_facts({"quorum": found.message, "cosigned by": ", ".join(found.by), "at size": found.size})
        rows = [(a.kind, a.name, a.problem or "ok", a.since, a.message) for a in found.anchors]
        columns = ("kind", "name", "state", "since", "message")
        output.print_table("", columns, rows, empty="None is configured: [audit.witnesses], [audit.timestamps].")
    if found.late or any(a.problem is not None and a.problem.is_evidence for a in found.anchors):
        raise typer.Exit(1)


@group.command("proof")
def proof(
    kind: ProofKind, what: ProofOf, *, out: ProofDirectory, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Write what outsiders check an event, or a released packet with its approvals, with: for each a .tlog-proof, a
    COSE receipt (.cose) and the sealed row itself (.leaf), beside the key in PEM."""
    who = actor(as_, workspace)
    if kind == "packet":
        found = packets.prove_packet(who, what)
    else:
        if not (what.isascii() and what.isdecimal() and len(what) <= EVENT_DIGITS):
            raise Invalid("An event is named by its number, as in list --json.", code="event")
        found = [packets.prove_event(who, int(what))]
    files = {"log-key.pem": evidence.receipt_key().encode()}
    for one in found:
        files |= {
            f"{one.name}.tlog-proof": one.row.proof.encode(),
            f"{one.name}.cose": b64decode(one.row.receipt),
            f"{one.name}.leaf": one.row.leaf.encode(),
        }
    _write_new(out, files)
    output.say(f"wrote {len(files)} files to {out}: " + ", ".join(one.name for one in found))


@group.command("timestamp")
def timestamp(*, out: StampOut, size: StampSize = None, as_: As = None, workspace: InWorkspace = None) -> None:
    """Write the newest time-stamped checkpoint and its time stamp (RFC 3161): DIR/checkpoint, DIR/checkpoint.tsr."""
    found = evidence.timestamp(actor(as_, workspace), size)
    _write_new(out, {"checkpoint": found.text.encode(), "checkpoint.tsr": found.response})
    output.say(f"wrote the checkpoint over {found.size} leaves and its time stamp by {found.service} to {out}")


@group.command("check-proof")
def check_proof(
    file: ProofFile,
    *,
    key: Keys,
    origin: Origin = "handrail/audit",
    policy: PolicyFile = None,
    leaf: LeafFile = None,
    json: Json = False,
) -> None:
    """Check a .tlog-proof with the public key of the log alone, and the cosignatures that a policy asks for. Needs no
    database."""
    trusted = policies.parse(output.read_file(policy)) if policy else None
    found = tlogproof.verify(
        output.read_text(file),
        origin=origin,
        keys=[cosignature.read_key(text) for text in key],
        policy=trusted,
        leaf=output.read_file(leaf) if leaf else None,
    )
    if json:
        facts = {"index": found.index, "size": found.checkpoint.size, "witnesses": found.witnesses}
        output.print_json({**facts, "leaf": found.leaf.decode(errors="replace")})
        return
    by = f", cosigned by {', '.join(found.witnesses)}" if found.witnesses else ""
    output.say(f"proven: leaf {found.index} of {found.checkpoint.size}{by}")
    output.say(found.leaf.decode(errors="replace"))


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
def check_export(
    file: ExportFile, *, key: Keys, origin: Origin = "handrail/audit", policy: PolicyFile = None, json: Json = False
) -> None:
    """Check an export with the public key alone: each row in clear text against its leaf, and all leaves against the
    signed checkpoint. Needs no database."""
    trusted = policies.parse(output.read_file(policy)) if policy else None
    keys = [cosignature.read_key(text) for text in key]
    try:
        with file.open(encoding="utf-8") as lines:
            checked = exportcheck.check(lines, origin=origin, keys=keys, policy=trusted)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} can't be read: {type(error).__name__}.", code="file") from None
    if json:
        output.print_json(checked)
        return
    others = sum(checked.rows.values()) - checked.events
    ledgers = f" and {others} rows of ledgers" if others else ""
    output.say(f"intact: {checked.events} events{ledgers} in clear text among {checked.size} leaves")


def _write_new(directory: Path, files: Mapping[str, bytes]) -> None:
    try:
        directory.mkdir(parents=True)
        for name, data in files.items():
            (directory / name).write_bytes(data)
    except OSError as error:
        raise Invalid(f"{directory} can't be written: {error.strerror}. It must be new.", code="file") from None


def _small(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read(SMALL_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} can't be read: {type(error).__name__}.", code="file") from None
