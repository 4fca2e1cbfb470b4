"""The evaluation page: figures of runs and packets, what each means, and how it is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.access.actor import Actor
from handrail.kernel.clock import now
from handrail.runbooks import evaluation
from handrail.runbooks.evaluation import Evaluation
from handrail.web.audit import packet_figures
from handrail.web.audit.figures import Figure, share
from handrail.web.audit.packet_figures import PacketFiguresPart
from handrail.web.shell import words
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

SPANS: Mapping[str, tuple[str, timedelta | None]] = {
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "90d": ("90 days", timedelta(days=90)),
    "all": ("All time", None),
}
DEFAULT = "30d"


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    result: Evaluation
    figures: list[Figure]
    spans: list[tuple[str, str, bool]]
    most_causes: int
    packets: PacketFiguresPart


def present(actor: Actor, asked: Mapping[str, str]) -> EvaluationPage:
    """Raises Denied."""
    chosen = asked.get("span", DEFAULT)
    chosen = chosen if chosen in SPANS else DEFAULT
    length = SPANS[chosen][1]
    since = now() - length if length else None
    result = evaluation.evaluate(actor, since=since)
    return EvaluationPage(
        result=result,
        figures=_figures(result),
        spans=[(key, label, key == chosen) for key, (label, _) in SPANS.items()],
        most_causes=max((c.count for c in result.causes), default=1),
        packets=packet_figures.present(actor, since),
    )


def _figures(result: Evaluation) -> list[Figure]:
    total = result.total
    return [
        share(
            "First-time completion",
            total.first_time,
            total.ended,
            "Completed with one attempt in every step, of all runs that ended.",
        ),
        share(
            "Completed",
            total.completed,
            total.ended,
            "Proven by reading the authoritative state again, of all runs that ended.",
        ),
        share(
            "Mismatches caught before acting",
            total.caught_before,
            total.stopped,
            "Stopped before anything was invoked, of all stopped runs.",
        ),
        share(
            "Caught before completion",
            total.caught_after,
            total.stopped,
            "Invoked, but not called complete because it was not proven, of all stopped runs.",
        ),
        Figure(
            "Repeated attempts",
            f"{total.repeats:,}",
            None,
            "Attempts beyond the first of a step, all within their budgets.",
        ),
        Figure(
            "Time to completion",
            words.span(total.seconds_median),
            None,
            f"Median, from received to completed; 95th percentile {words.span(total.seconds_p95)}.",
        ),
        Figure("Not resolved yet", f"{result.unresolved:,}", None, "Exception packets that are open or taken over."),
        Figure(
            "Time to take over",
            words.span(result.takeover_seconds),
            None,
            "Mean, from the stop to a person taking it over.",
        ),
    ]


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    return render(request, "audit/evaluation.html", {"section": "evaluation", "evaluation": shown})
