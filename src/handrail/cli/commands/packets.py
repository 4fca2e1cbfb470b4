"""``handrail packets``: assemble, review, sign, release."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from handrail.access.actor import Actor
from handrail.cli import exceptionview, output, packetview
from handrail.cli.identity import actor
from handrail.cli.options import As, InWorkspace, Json, JsonFile, Limit, TenantKey
from handrail.kernel.errors import Stale
from handrail.packets import comparison, queries
from handrail.packets.actions import assembling, delivering, exporting, previewing, releasing, seeing, votes
from handrail.packets.actions import holds as hold_actions
from handrail.packets.actions.assembling import Requested
from handrail.packets.queries import PacketDetail
from handrail.packets.states import RevisionState

group = typer.Typer()

PacketRef = Annotated[str, typer.Argument(metavar="PACKET", help="The packet's reference, PKT-….")]
Number = Annotated[int | None, typer.Option("--revision", min=1, help="This revision instead of the newest.")]
Exact = Annotated[int, typer.Option("--revision", min=1, help="The revision that you reviewed.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in up to 500 characters.")]
Digest = Annotated[str, typer.Option("--digest", metavar="SHA256", help="The manifest digest that you reviewed.")]
Seen = Annotated[
    list[str] | None,
    typer.Option("--seen", metavar="SHA256", help="The digest of something that you have seen; repeat it for each."),
]
WAIT_SECONDS, LOOK_SECONDS = 60.0, 0.2
COLUMNS = ("packet", "revision", "state", "profile", "tenant", "case", "lane", "updated")


@group.command("list")
def list_(
    *,
    tenant: TenantKey = "",
    profile: Annotated[str, typer.Option("--profile", metavar="NAME", help="Only packets of this profile.")] = "",
    state: Annotated[
        str, typer.Option("--state", help="Only those whose newest revision is in this state; or discarded.")
    ] = "",
    after: Annotated[
        str, typer.Option("--after", metavar="PACKET", help="The next page: the last packet of the page before.")
    ] = "",
    limit: Limit = 50,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Escalation packets in your scope, newest first."""
    who = actor(as_, workspace)
    known = [*RevisionState, queries.DISCARDED]
    if state and state not in known:
        raise typer.BadParameter(f"one of: {', '.join(known)}", param_hint="--state")
    wanted = queries.PacketFilter(tenant=tenant, profile=profile, state=state, after=after, limit=limit)
    rows = queries.list_packets(who, wanted)
    if json:
        output.print_json(rows)
        return
    cells = [
        (r.ref, r.revision.number, r.revision.state, f"{r.profile} v{r.profile_version}", r.tenant, r.subject, r.lane,
         r.revision.updated_at)
        for r in rows
    ]  # fmt: skip
    output.print_table(
        "", COLUMNS, cells, empty="No escalation packets. Assemble one: handrail packets assemble PROFILE FILE"
    )


@group.command("assemble")
def assemble(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="The packet profile's name.")],
    inputs: JsonFile,
    *,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Assemble the packet of a case now: its first revision. FILE holds the inputs.

    If the case already has a packet, nothing changes: reassemble makes its next revision.
    """
    who = actor(as_, workspace)
    asked = assembling.request(profile=profile, inputs=output.read_json_object(inputs), by=who)
    build_asked(who, asked, json=json)


@group.command("preview")
def preview(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="The packet profile's name.")],
    inputs: JsonFile,
    *,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """What the packet of a case would say, and what would hold it, if it were assembled now. Nothing is kept."""
    who = actor(as_, workspace)
    found = previewing.preview(profile=profile, inputs=output.read_json_object(inputs), by=who)
    if json:
        output.print_json(found)
    else:
        packetview.show_preview(found)


@group.command("reassemble")
def reassemble(
    packet: PacketRef, *, reason: Reason, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """Make the next revision because of new evidence. The current one is superseded and its votes are void."""
    who = actor(as_, workspace)
    build_asked(who, assembling.again(ref=packet, reason=reason, by=who), json=json)


@group.command("discard")
def discard(packet: PacketRef, *, reason: Reason, as_: As = None, workspace: InWorkspace = None) -> None:
    """Discard a packet that you asked for by mistake, before anybody has signed it. Its case can be assembled again."""
    who = actor(as_, workspace)
    assembling.discard(ref=packet, reason=reason, by=who)
    output.say(f"{packet} discarded")


@group.command("show")
def show(
    packet: PacketRef, *, revision: Number = None, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """One revision: what would leave, what is held, who signed and who still has to, and its delivery."""
    who = actor(as_, workspace)
    found = queries.get_packet(who, packet, revision)
    if json:
        output.print_json(found)
    else:
        packetview.show(found)
        exceptionview.show_notified(who, found.summary.ref)


@group.command("diff")
def diff(
    packet: PacketRef,
    *,
    revision: Number = None,
    against: Annotated[int | None, typer.Option("--against", min=1, help="Compare with this revision instead.")] = None,
    previous: Annotated[bool, typer.Option("--previous", help="Compare with the revision before instead.")] = False,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """What changes from what the vendor holds to this revision: the last one delivered, or nothing yet."""
    who = actor(as_, workspace)
    found = comparison.diff(who, packet, revision, against, previous=previous)
    if json:
        output.print_json(found)
    else:
        packetview.show_differences(found)


@group.command("holds")
def holds(
    packet: PacketRef, *, revision: Number = None, as_: As = None, workspace: InWorkspace = None, json: Json = False
) -> None:
    """What is held, why, who owns it, and what releases it."""
    who = actor(as_, workspace)
    found = queries.get_packet(who, packet, revision)
    if json:
        output.print_json(found.holds)
    else:
        packetview.show_holds(found)


@group.command("clear")
def clear(
    packet: PacketRef,
    code: Annotated[str, typer.Argument(metavar="HOLD", help="The hold's code, such as source-conflict.")],
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="What it holds, as shown by: handrail packets holds")
    ],
    *,
    revision: Exact,
    reason: Reason,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Clear one hold, or all holds of one code on these targets, with a reason. This makes one new revision, which you
    can't approve yourself."""
    who = actor(as_, workspace)
    asked = hold_actions.clear_all(ref=packet, revision=revision, code=code, targets=targets, reason=reason, by=who)
    build_asked(who, asked, json=json)


@group.command("mask")
def mask(
    packet: PacketRef,
    code: Annotated[str, typer.Argument(metavar="HOLD", help="The holds' code, such as personal-data-in-text.")],
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="What they hold, as shown by: handrail packets holds")
    ],
    *,
    revision: Exact,
    reason: Reason,
    as_: As = None,
    workspace: InWorkspace = None,
    json: Json = False,
) -> None:
    """Mask what holds of one code found in texts, with a reason. This makes a new revision, which you can't approve
    yourself."""
    who = actor(as_, workspace)
    asked = hold_actions.mask(ref=packet, revision=revision, code=code, targets=targets, reason=reason, by=who)
    build_asked(who, asked, json=json)


@group.command("approve")
def approve(
    packet: PacketRef,
    *,
    revision: Exact,
    digest: Digest,
    seen: Seen = None,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Approve exactly the manifest that you reviewed. Every source is read again first.

    You must have seen all that leaves with it: name each by --seen, unless you have marked it before.
    """
    who = actor(as_, workspace)
    done = votes.approve(ref=packet, revision=revision, digest=digest, seen=seen or (), by=who)
    output.say(
        f"{packet} revision {revision} {done.state}" + (f"; missing: {'; '.join(done.missing)}" * bool(done.missing))
    )


@group.command("seen")
def mark_seen(
    packet: PacketRef,
    digests: Annotated[list[str], typer.Argument(metavar="SHA256…", help="As shown by: handrail packets show")],
    *,
    revision: Exact,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Mark what you have seen of a revision. It stays seen as long as its digest is the same."""
    who = actor(as_, workspace)
    done = seeing.mark(ref=packet, revision=revision, digests=digests, by=who)
    output.say(f"{packet} revision {revision}: {done.seen} of {done.all} seen")


@group.command("reject")
def reject(
    packet: PacketRef, *, revision: Exact, reason: Reason, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Reject a revision permanently."""
    who = actor(as_, workspace)
    votes.reject(ref=packet, revision=revision, reason=reason, by=who)
    output.say(f"{packet} revision {revision} rejected")


@group.command("withdraw")
def withdraw(
    packet: PacketRef, *, revision: Exact, reason: Reason, as_: As = None, workspace: InWorkspace = None
) -> None:
    """Withdraw a revision, and recall it from its lane if it was delivered."""
    who = actor(as_, workspace)
    votes.withdraw(ref=packet, revision=revision, reason=reason, by=who)
    output.say(f"{packet} revision {revision} withdrawn")


@group.command("release")
def release(
    packet: PacketRef,
    *,
    revision: Exact,
    deliver: Annotated[
        bool, typer.Option("--deliver", help="Deliver from this process instead of by a worker.")
    ] = False,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Release an approved revision into its lane, once. Every source is read and every vote counted again."""
    who = actor(as_, workspace)
    asked = releasing.release(ref=packet, revision=revision, by=who)
    if deliver:
        delivering.deliver(revision_id=asked, by=who)
    found = queries.get_packet(who, packet, revision).delivery
    output.say(f"{packet} revision {revision} released" + (f", {found.state} {found.receipt}" if found else ""))


@group.command("export")
def export(
    packet: PacketRef,
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write the package.")],
    *,
    revision: Number = None,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Write the package of a released revision, byte for byte as the lane received it."""
    who = actor(as_, workspace)
    output.say(str(exporting.export(ref=packet, revision=revision, directory=directory, by=who)))


@group.command("document")
def document(
    packet: PacketRef,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="cover.txt, cover.html, packet.json, trace.json, holds.json, manifest.json, or the path of an annex.",
        ),
    ],
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="Where to write it.")],
    *,
    revision: Number = None,
    as_: As = None,
    workspace: InWorkspace = None,
) -> None:
    """Write one file that leaves, or would leave, byte for byte, to inspect before you sign."""
    who = actor(as_, workspace)
    path = exporting.write_document(ref=packet, revision=revision, name=name, directory=directory, by=who)
    output.say(str(path))


def build_asked(who: Actor, asked: Requested, *, json: bool) -> None:
    """Assembles here and now, or waits for the worker that was faster, and prints what came of it."""
    with suppress(Stale):  # it ended meanwhile; its state says how
        assembling.build(revision_id=asked.id, by=who)
    found = _settled(who, asked)
    revision = found.summary.revision
    facts: dict[str, Any] = {
        "packet": asked.ref,
        "revision": asked.revision,
        "state": revision.state,
        "manifest": found.manifest and found.manifest.digest,
        "fault": found.manifest.fault if found.manifest else revision.failure,
    }
    if json:
        output.print_json(facts)
        return
    output.print_facts(facts)
    packetview.show_holds(found)


def _settled(who: Actor, asked: Requested) -> PacketDetail:
    """The revision once it is assembled, failed, or has taken a worker longer than anybody waits at a prompt."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        found = queries.get_packet(who, asked.ref, asked.revision)
        revision = found.summary.revision
        if revision.state is not RevisionState.ASSEMBLING or revision.failure or time.monotonic() > until:
            return found
        time.sleep(LOOK_SECONDS)
