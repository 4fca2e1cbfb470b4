"""How runs are doing, over all workspaces."""

from __future__ import annotations

from django.db.models import Count

from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one
from handrail.runbooks.models import ExceptionPacket, OperationRun, Report
from handrail.runbooks.states import Handling, RunState


def read() -> list[Metric]:
    runs = dict(OperationRun.objects.values_list("state").annotate(n=Count("pk")).order_by())
    packets = dict(ExceptionPacket.objects.values_list("handling").annotate(n=Count("pk")).order_by())
    overdue = OperationRun.objects.filter(due_at__lt=now()).count()
    undelivered = Report.objects.filter(delivered_at=None, due_at__isnull=False).count()
    stopped = Report.objects.filter(delivered_at=None, due_at=None).count()
    handled = {handling.value: packets.get(handling.value, 0) for handling in Handling}
    return [
        Metric(
            "handrail_runs", "Runs by state.", {state.value: runs.get(state.value, 0) for state in RunState}, "state"
        ),
        Metric("handrail_exception_packets", "Exception packets by handling.", handled, "handling"),
        one("handrail_runs_overdue", "Runs whose next step is overdue.", overdue),
        one("handrail_reports_undelivered", "Outcomes that have not reached the task system yet.", undelivered),
        one("handrail_reports_stopped", "Outcomes that are not tried any more and did not reach it.", stopped),
    ]
