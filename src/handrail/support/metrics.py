"""What came of the handoffs to the service desk, over all workspaces."""

from __future__ import annotations

from django.db.models import Count, Q

from handrail.connectors.desk import UNKNOWN_WORDS
from handrail.kernel.clock import now
from handrail.kernel.metric import Metric
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffMode, HandoffOutcome


def read() -> list[Metric]:
    """As ``states.outcome`` has it, counted by the database."""
    create = Q(external_handoff_mode=HandoffMode.CREATE)
    open_ = create & Q(external_ticket_reference=None)
    silent = open_ & Q(external_handoff_failure_summary=None)
    doubtful = open_ & Q(external_handoff_failure_summary__contains=UNKNOWN_WORDS)
    lost = silent & (Q(handoff_deadline_at=None) | Q(handoff_deadline_at__lte=now()))
    failed = open_ & Q(external_handoff_failure_summary__isnull=False)
    counts = SupportRequest.objects.aggregate(
        **{
            HandoffOutcome.NOT_ASKED.name: Count("pk", filter=Q(external_handoff_mode=HandoffMode.INTERNAL_ONLY)),
            HandoffOutcome.LINKED.name: Count("pk", filter=Q(external_handoff_mode=HandoffMode.LINK)),
            HandoffOutcome.CREATED.name: Count("pk", filter=create & Q(external_ticket_reference__isnull=False)),
            HandoffOutcome.FAILED.name: Count("pk", filter=failed & ~doubtful),
            HandoffOutcome.UNKNOWN.name: Count("pk", filter=doubtful | lost),
            HandoffOutcome.UNDER_WAY.name: Count("pk", filter=silent & Q(handoff_deadline_at__gt=now())),
        }
    )
    values = {outcome.value: counts[outcome.name] for outcome in HandoffOutcome}
    return [Metric("handrail_support_requests", "Support requests by the outcome of their handoff.", values, "outcome")]
