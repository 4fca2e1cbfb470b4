"""One revision on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from handrail.cli import output
from handrail.packets.actions.previewing import PacketPreview
from handrail.packets.comparison import RevisionComparison
from handrail.packets.queries import DeliveryView, PacketDetail, ReasonView, SeenThing
from handrail.packets.review import VotesView


def show(found: PacketDetail) -> None:
    """All of it, as tables."""
    summary, manifest = found.summary, found.manifest
    output.print_facts(
        {
            "packet": f"{summary.ref} revision {summary.revision.number}",
            "profile": f"{summary.profile} v{summary.profile_version} ({found.profile_digest})",
            "tenant": f"{summary.tenant} ({summary.tenant_name})",
            "case": summary.subject,
            "lane": summary.lane,
            "state": summary.revision.state,
            "revision reason": summary.revision.cause,
            "ended": summary.revision.ended_at
            and f"{summary.revision.ended_cause}, by {summary.revision.ended_by}: {summary.revision.ended_reason}",
            "audience": manifest and f"{manifest.tlp}: {', '.join(manifest.recipients)}",
            "manifest": manifest and (manifest.digest or manifest.fault),
            "expires": manifest and manifest.expires_at,
            "last attempt": summary.revision.failure,
            "erased": "; ".join(f"{one.what} on {one.at:%Y-%m-%d} ({one.reason})" for one in found.forgotten),
        }
    )
    fields = [
        (one.path, one.value if not one.held else f"held: {', '.join(one.held)}", one.source, one.at, one.rule)
        for one in found.fields
    ]
    output.print_table("Fields that leave", ("field", "value", "source", "path", "rule"), fields)
    show_holds(found)
    annexes = [
        (a.name, a.type, "cleared" if a.cleared else f"held: {a.reason}", a.size, a.sanitiser, a.removed)
        for a in found.annexes
    ]
    output.print_table("Annexes", ("annex", "type", "state", "bytes", "sanitiser", "removed"), annexes, empty="")
    output.print_facts({a.name: a.description for a in found.annexes})
    _show_seen(found.seen)
    if found.votes is not None:
        _show_votes(found.votes)
    if found.delivery is not None:
        ledger = [(e.sequence, e.at, e.kind, e.worker, e.detail) for e in found.delivery.ledger]
        title = f"Delivery: {found.delivery.state} {found.delivery.receipt}"
        output.print_table(title, ("#", "at", "entry", "by", "detail"), ledger)
        if found.delivery.failure:
            output.say(f"Last attempt: {found.delivery.failure}")
        _show_replies(found.delivery)
    _show_checklist(found.checklist)


def show_differences(found: RevisionComparison) -> None:
    """With what it is compared, then what differs: fields, annexes and holds before where they come from."""
    base, parts = found.against, found.differences
    if base is None:
        output.say("The vendor holds nothing of this packet yet: all of it is new.")
        return
    held = f"consumed {base.consumed_at:%Y-%m-%d %H:%M} UTC" if base.consumed_at else "delivered"
    output.say(f"Compared with revision {base.number}{f', {held}' if base.delivered_at else ''}.")
    if parts.same:
        output.say("Both revisions say the same.")
        return
    named = {"field": parts.fields, "annex": parts.annexes, "hold": parts.holds, "source": parts.sources}
    named["rule"] = parts.lineage
    rows = [(part, one.where, one.kind, one.before, one.after) for part, all_ in named.items() for one in all_]
    output.print_table("", ("part", "where", "what", "before", "after"), rows)


def show_preview(found: PacketPreview) -> None:
    """What a packet would be."""
    output.say(
        f"{found.profile} version {found.version} for {found.tenant}: it would be {found.state.replace('_', ' ')}"
    )
    holds = [
        (h.code, ", ".join(h.targets), "blocks" if h.blocking else "withheld", h.message, h.released_by)
        for h in found.holds
    ]
    output.print_table("Holds", ("hold", "on", "state", "why", "released by"), holds, empty="Nothing would be held.")
    annexes = [
        (a.name, "cleared" if a.cleared else "withheld", a.description or "; ".join(a.reasons)) for a in found.annexes
    ]
    output.print_table("Annexes", ("annex", "state", "what, or why"), annexes, empty="There would be no annexes.")
    rows = [(f.path, f"held: {', '.join(f.held)}" if f.held else f.value) for f in found.fields]
    output.print_table("Fields", ("field", "value"), rows)


def show_holds(found: PacketDetail) -> None:
    """What is held: open ones first, of these the blocking ones, like ones together."""
    rows = [
        (
            h.code,
            h.target,
            f"cleared by {h.cleared.by}" if h.cleared else "blocks" if h.blocks else "withheld",
            h.owner,
            h.message,
            h.released_by,
        )
        for h in sorted(found.holds, key=lambda h: (h.cleared is not None, not h.blocks, h.code))
    ]
    standing = [h for h in found.holds if h.cleared is None]
    count = f": {len(standing)} open, {sum(h.blocks for h in standing)} blocking" if standing else ""
    output.print_table(
        f"Holds{count}", ("hold", "target", "state", "owner", "why", "resolved by"), rows, empty="No holds."
    )


def _show_seen(things: Sequence[SeenThing]) -> None:
    """Each file that leaves, with the digest that names it as seen: whole, also where the terminal is narrow."""
    if not things:
        return
    output.say(f"What leaves: you have seen {sum(one.by_you for one in things)} of {len(things)}")
    for one in things:
        output.say(f"{one.path}: {'seen' if one.by_you else 'not seen'} by you, {one.others} others")
        output.say(one.digest)
    output.say("")


def _show_votes(votes: VotesView) -> None:
    rows = [(one.name, ", ".join(one.roles), "signed" if one.signed else "not yet") for one in votes.signers]
    missing = f"missing: {'; '.join(votes.missing)}" if votes.missing else "complete"
    output.print_table(f"Signers ({votes.threshold} needed; {missing})", ("signer", "roles", "vote"), rows)
    against = [(one.kind, one.name, one.at, one.reason or one.why_not or one.proof) for one in votes.votes]
    output.print_table("Votes", ("vote", "by", "at", "note"), against, empty="No votes yet.")


def _show_replies(of: DeliveryView) -> None:
    """What the vendor said, whether it was recalled, and whether its sources are watched."""
    rows = [(one.number, one.kind, one.ticket, "; ".join(one.reasons), one.heard_at) for one in of.replies]
    output.print_table("The vendor's replies", ("#", "reply", "ticket", "reasons", "heard"), rows, empty="")
    refused = [(one.at, one.why) for one in of.refused_replies]
    output.print_table("Replies that are not believed", ("at", "why"), refused, empty="")
    if of.recall is not None:
        state = f"confirmed {of.recall.closed_at:%Y-%m-%d %H:%M} UTC" if of.recall.closed_at else "not confirmed yet"
        output.say(f"Recalled: {of.recall.reason or 'no longer valid'}, by {of.recall.by}; {state}")
    if of.watch is not None and of.watch.failure:
        output.say(f"Its sources can't be read: {of.watch.failure}")
    if of.watch is not None and of.watch.stale:
        output.say("The vendor opened it after its sources had changed.")


def _show_checklist(reasons: Sequence[ReasonView]) -> None:
    rows = [(one.key, one.message, one.wanted, one.settled_by or "open", one.note, one.evidence) for one in reasons]
    columns = ("reason", "the vendor minded", "and wants", "settled by", "note", "evidence")
    output.print_table("What the vendor minded before", columns, rows, empty="")
