"""The figures of packet work, each with what it means and how it is counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.access.actor import Actor
from handrail.packets import evaluation
from handrail.packets.evaluation import Named, PacketFigures, Supersession
from handrail.web.audit.figures import Figure, share
from handrail.web.packets.packet_view import CAUSES
from handrail.web.shell import words

_CORRECTIONS = {
    **CAUSES,
    "held-annex": "an annex that had been withheld, or now is",
    "audience": "the wrong audience or lane",
}


@dataclass(frozen=True, slots=True)
class SupersessionRow:
    trigger: str
    state: str
    counts: Supersession


@dataclass(frozen=True, slots=True)
class PacketFiguresPart:
    result: PacketFigures
    figures: list[Figure]
    corrections: list[Named]
    superseded: list[Named]
    supersessions: list[SupersessionRow]
    held: list[Named]
    rejected: list[Named]

    @property
    def most(self) -> int:
        return max((one.count for one in (*self.corrections, *self.superseded)), default=1)


def present(actor: Actor, since: datetime | None) -> PacketFiguresPart:
    """Raises Denied without ``evaluation:view``."""
    result = evaluation.evaluate(actor, since=since)
    return PacketFiguresPart(
        result=result,
        figures=_figures(result),
        corrections=[
            Named(_CORRECTIONS.get(one.name, CAUSES.get(one.name, one.name)), one.count) for one in result.corrections
        ],
        superseded=[Named(words.humanise(one.name).lower(), one.count) for one in result.superseded],
        supersessions=[
            SupersessionRow(CAUSES.get(one.trigger, one.trigger), words.humanise(one.state).lower(), one)
            for one in result.supersessions
        ],
        held=list(result.held_fields),
        rejected=list(result.rejected_for),
    )


def _figures(of: PacketFigures) -> list[Figure]:
    corrected = sum(one.count for one in of.corrections)
    superseded = sum(one.count for one in of.superseded)
    left = sum(one.left for one in of.supersessions)
    return [
        share(
            "Accepted as approved",
            of.accepted_unchanged,
            of.approved,
            "Of approved packets, those that the vendor opened or accepted, and that nobody corrected, recalled or "
            "rejected.",
        ),
        share(
            "Corrected after approval",
            corrected,
            of.approved_revisions,
            "Approved revisions that ended or were recalled all the same, also after the vendor opened them.",
        ),
        share(
            "Manifest binding complete",
            of.bound,
            of.released,
            "Documents, manifest, both envelopes, every vote and the lane's receipt agree.",
        ),
        share(
            "Superseded and notified",
            sum(one.notified for one in of.supersessions),
            left,
            "Of superseded revisions that had left, those of which the lane confirmed the notice.",
        ),
        share(
            "Opened while stale",
            of.opened_stale,
            of.opened_known,
            "Opened by the vendor after a source had changed, of those whose sources are watched.",
        ),
        share("Rejected by the vendor", of.rejected, of.released, "By a signed reply, of all released."),
        Figure(
            "Fields held before approval",
            f"{sum(one.count for one in of.held_fields):,}",
            None,
            "Each field once for each hold, until its packet was first approved.",
        ),
        Figure(
            "Supersessions", f"{superseded:,}", None, f"Revisions replaced by the next, of {of.revisions:,} in all."
        ),
    ]
