"""What came of runs and packets, counted."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Instant, Word
from handrail.notifications import evaluation as handling
from handrail.notifications.evaluation import HandlingEvaluation
from handrail.packets import evaluation as packets
from handrail.packets.evaluation import PacketFigures
from handrail.runbooks import evaluation as runs
from handrail.runbooks.evaluation import Evaluation, EvaluationFilter, Period

router = Router()


class EvaluationQuery(Schema):
    """Empty words and absent values filter nothing. ``since`` is included, ``until`` is not; both are about when a run
    was received."""

    since: Instant = None
    until: Instant = None
    tenant: Word = ""
    runbook: Word = ""
    version: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    period: Annotated[Period, Field(description="How long the buckets of time are, in UTC.")] = Period.WEEK


@router.get("/evaluation/runs", response={200: Evaluation, **REFUSALS}, operation_id="evaluate_runs")
def evaluate_runs(request: HttpRequest, query: Query[EvaluationQuery]) -> Evaluation:
    """Completed, stopped, recovered and repeated runs in your scope: in total, for each runbook, version and period."""
    return runs.evaluate(actor_of(request), EvaluationFilter(**query.dict()))


@router.get("/evaluation/handling", response={200: HandlingEvaluation, **REFUSALS}, operation_id="evaluate_handling")
def evaluate_handling(request: HttpRequest, query: Query[EvaluationQuery]) -> HandlingEvaluation:
    """How long stopped runs in your scope waited until somebody was notified, took over and resolved, by runbook and
    reason; and what came of follow-up runs. ``period`` changes nothing here."""
    return handling.evaluate(actor_of(request), EvaluationFilter(**query.dict()))


@router.get("/evaluation/packets", response={200: PacketFigures, **REFUSALS}, operation_id="evaluate_packets")
def evaluate_packets(request: HttpRequest, since: Instant = None) -> PacketFigures:
    """Accepted, corrected and superseded packets in your scope."""
    return packets.evaluate(actor_of(request), since=since)
