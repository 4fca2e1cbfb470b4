"""What came of runs and packets, counted."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Instant
from handrail.packets import evaluation as packets
from handrail.packets.evaluation import PacketFigures
from handrail.runbooks import evaluation as runs
from handrail.runbooks.evaluation import Evaluation

router = Router()


@router.get("/evaluation/runs", response={200: Evaluation, **REFUSALS}, operation_id="evaluate_runs")
def evaluate_runs(request: HttpRequest, since: Instant = None) -> Evaluation:
    """Completed, stopped and repeated runs in your scope, in total and for each runbook."""
    return runs.evaluate(actor_of(request), since=since)


@router.get("/evaluation/packets", response={200: PacketFigures, **REFUSALS}, operation_id="evaluate_packets")
def evaluate_packets(request: HttpRequest, since: Instant = None) -> PacketFigures:
    """Accepted, corrected and superseded packets in your scope."""
    return packets.evaluate(actor_of(request), since=since)
