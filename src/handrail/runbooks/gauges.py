"""How an installation is doing, over all workspaces: counts without names, for machines that watch."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from handrail.kernel.clock import now
from handrail.runbooks.models import ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import Handling, RunState


@dataclass(frozen=True, slots=True)
class Gauges:
    """``overdue``: runs whose next move should have been made. ``untold``: outcomes that are
    still to be told; what the task system refused for good is not among them."""

    runs: dict[str, int]
    packets: dict[str, int]
    overdue: int
    untold: int


def read() -> Gauges:
    runs = dict(OperationRun.objects.values_list("state").annotate(n=Count("pk")).order_by())
    packets = dict(ExceptionPacket.objects.values_list("handling").annotate(n=Count("pk")).order_by())
    return Gauges(
        runs={state.value: runs.get(state.value, 0) for state in RunState},
        packets={handling.value: packets.get(handling.value, 0) for handling in Handling},
        overdue=OperationRun.objects.filter(due_at__lt=now()).count(),
        untold=Report.objects.filter(delivered_at=None, due_at__isnull=False).count(),
    )
