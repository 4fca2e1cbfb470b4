"""The figures of packet work, each with what it means and how it is counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.access.actor import Actor
from handrail.packets import evaluation
from handrail.packets.evaluation import Named, PacketFigures
from handrail.web.audit.figures import Figure, share
from handrail.web.packets.packet_view import CAUSES
from handrail.web.shell import words


@dataclass(frozen=True, slots=True)
class PacketFiguresPart:
    result: PacketFigures
    figures: list[Figure]
    corrections: list[Named]
    superseded: list[Named]

    @property
    def most(self) -> int:
        return max((one.count for one in (*self.corrections, *self.superseded)), default=1)


def present(actor: Actor, since: datetime | None) -> PacketFiguresPart:
    """Raises Denied without ``evaluation:view``."""
    result = evaluation.evaluate(actor, since=since)
    return PacketFiguresPart(
        result=result,
        figures=_figures(result),
        corrections=[Named(CAUSES.get(one.name, one.name), one.count) for one in result.corrections],
        superseded=[Named(words.humanise(one.name).lower(), one.count) for one in result.superseded],
    )


def _figures(of: PacketFigures) -> list[Figure]:
    corrected = sum(one.count for one in of.corrections)
    superseded = sum(one.count for one in of.superseded)
    return [
        share(
            "Accepted without rebuild", of.accepted_first, of.accepted, "Consumed as first approved, of all consumed."
        ),
        share(
            "Manifest binding complete",
            of.bound,
            of.released,
            "Documents, manifest, both envelopes, every vote and the lane's receipt agree.",
        ),
        Figure(
            "Corrections after approval",
            f"{corrected:,}",
            None,
            "Approved or released revisions that ended all the same.",
        ),
        Figure(
            "Supersessions", f"{superseded:,}", None, f"Revisions replaced by the next, of {of.revisions:,} in all."
        ),
    ]
