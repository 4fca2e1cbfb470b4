"""The evaluation page: figures of runs and packets, what each means, and how it is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.queries import TenantSummary
from handrail.kernel.clock import now
from handrail.notifications import evaluation as handling_figures
from handrail.notifications.evaluation import HandlingEvaluation, WaitFigures
from handrail.runbooks import evaluation
from handrail.runbooks.evaluation import Evaluation, EvaluationFilter, Period
from handrail.runbooks.queries import runs
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
    """``recovery``: the figures of what was interrupted; ``records``: of what ended runs left behind;
    ``people``: of stopped runs in the hands of people."""

    result: Evaluation
    wanted: EvaluationFilter
    span: str
    figures: list[Figure]
    recovery: list[Figure]
    records: list[Figure]
    spans: list[tuple[str, str]]
    periods: list[Period]
    runbooks: list[str]
    tenants: list[TenantSummary]
    most_causes: int
    packets: PacketFiguresPart
    handling: HandlingEvaluation
    people: list[Figure]

    @property
    def filtered(self) -> bool:
        return bool(self.wanted.runbook or self.wanted.tenant)


def present(actor: Actor, asked: Mapping[str, str]) -> EvaluationPage:
    """Raises Denied."""
    chosen = asked.get("span", DEFAULT)
    chosen = chosen if chosen in SPANS else DEFAULT
    length, period = SPANS[chosen][1], asked.get("period", "")
    wanted = EvaluationFilter(
        since=now() - length if length else None,
        tenant=asked.get("tenant", ""),
        runbook=asked.get("runbook", ""),
        period=Period(period) if period in set(Period) else Period.WEEK,
    )
    result, handling = evaluation.evaluate(actor, wanted), handling_figures.evaluate(actor, wanted)
    return EvaluationPage(
        result=result,
        wanted=wanted,
        span=chosen,
        figures=_figures(result),
        recovery=_recovery(result),
        records=_records(result),
        spans=[(key, label) for key, (label, _) in SPANS.items()],
        periods=list(Period),
        runbooks=runs.list_runbook_names(actor),
        tenants=access.list_tenants(actor),
        most_causes=max((c.count for c in result.reasons), default=1),
        packets=packet_figures.present(actor, wanted.since),
        handling=handling,
        people=_people(result, handling),
    )


def _recovery(result: Evaluation) -> list[Figure]:
    of = result.total.recovery
    return [
        share(
            "Recovered",
            of.recovered,
            of.interrupted,
            "Completed although an outcome was unknown or a worker was gone, of all runs to which that happened.",
        ),
        share("Handed over", of.handed_over, of.interrupted, "Stopped for a person instead, of the same runs."),
        Figure("Unknown outcomes", f"{of.unknown_outcomes:,}", None, "Calls without an answer, or without a result."),
        Figure(
            "Taken over", f"{of.taken_over:,}", None, "Leases without progress, after which another worker went on."
        ),
        Figure(
            "Read before acting again",
            f"{of.reconciled:,}",
            None,
            f"Effect already there: {of.effect_present:,}. Calls made again under the same key: {of.sent_again:,}.",
        ),
    ]


def _people(result: Evaluation, of: HandlingEvaluation) -> list[Figure]:
    total, again, waves = of.total, of.follow_ups, of.waves
    message = "Before every task had begun, of the times that a wave stopped itself."
    return [
        _wait("Time to notify", total.notified, "until the first channel had it, or somebody found it before"),
        _wait("Time to take over", total.taken, "until the first person took it over"),
        _wait("Time to resolve", total.resolved, "until it was resolved"),
        share("Late", total.late, total.packets, "Not resolved when they were due, of all exception packets."),
        Figure("Not resolved yet", f"{result.unresolved:,}", None, "Exception packets that are open or taken over."),
        share("Follow-up runs completed", again.completed, again.ended, "Of those that ended; none was found wrong."),
        *([share("Waves stopped in time", waves.in_time, waves.stops, message)] if waves is not None else []),
    ]


def _wait(name: str, of: WaitFigures, until: str) -> Figure:
    waiting = f" {of.waiting:,} still wait{'s' if of.waiting == 1 else ''}, counted so far." if of.waiting else ""
    p95 = words.span(of.seconds_p95)
    return Figure(name, words.span(of.seconds_median), None, f"Median, {until}; 95th percentile {p95}.{waiting}")


def _records(result: Evaluation) -> list[Figure]:
    total, of = result.total, result.total.completeness
    return [
        share(
            "Completed without a person",
            total.unattended,
            total.ended,
            "Not found wrong, not ordered to stop, and not started from an exception packet, of all runs that ended.",
        ),
        share("Already as required", total.already_as_required, total.ended, "Completed without a call, of the same."),
        share("Looked at again", total.review.reviewed, total.review.drawn, "Of the runs drawn for a second look."),
        share("Wrong at a second look", total.review.wrong, total.review.reviewed, "Of the runs that were looked at."),
        share("Found wrong later", total.found_wrong, total.completed, "Marked by a person, of all completed runs."),
        share("Ledgers complete", of.ledgers, total.ended, "From received to the end, without a gap."),
        share(
            "Records complete",
            of.records,
            total.ended,
            "One completion record or exception packet, and a retry ledger with every attempt.",
        ),
        share(
            "Declared fields present", of.fields, total.ended, "Every field that the runbook copies and the run knew."
        ),
    ]


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
    ]


@require_safe
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET)
    return render(request, "audit/evaluation.html", {"section": "evaluation", "evaluation": shown})
