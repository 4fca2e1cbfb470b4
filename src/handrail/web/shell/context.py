"""What every page's shell needs: who is looking, in which workspace, and where they can go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from handrail.access import queries as access
from handrail.access.actor import NOBODY
from handrail.access.capabilities import Capability


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the side navigation: ``route`` is the name of its URL and the ``section`` that pages give."""

    route: str
    label: str
    icon: str
    needs: Capability | None = None


PLACES = (
    Place("home", "Home", "home"),
    Place("operations", "Operations", "play-circle", Capability.RUN_VIEW),
    Place("exceptions", "Exceptions", "exclamation-triangle", Capability.EXCEPTION_VIEW),
    Place("packets", "Packets", "cube", Capability.PACKET_VIEW),
    Place("definitions", "Definitions", "book-open", Capability.DEFINITION_VIEW),
    Place("audit", "Audit", "finger-print", Capability.AUDIT_VIEW),
    Place("evaluation", "Evaluation", "chart-bar", Capability.EVALUATION_VIEW),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """``layout`` is the frame that error pages stand in: the whole shell for members, the bare entrance for others."""
    actor = getattr(request, "actor", NOBODY)
    if actor is NOBODY:
        return {"actor": actor, "workspace": None, "places": (), "layout": "shell/entrance.html"}
    return {
        "actor": actor,
        "workspace": access.workspace_summary(actor),
        "places": [place for place in PLACES if place.needs is None or actor.may(place.needs)],
        "layout": "shell/shell.html",
    }
