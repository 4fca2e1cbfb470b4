"""How escalation packets are doing, over all workspaces."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Exists, OuterRef

from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one
from handrail.packets.models import DeliveryEntry, Revision
from handrail.packets.states import DECIDABLE, DeliveryEventKind, RevisionState

SOON = timedelta(hours=24)


def read() -> list[Metric]:
    states = dict(Revision.objects.values_list("state").annotate(n=Count("pk")).order_by())
    by_state = {state.value: states.get(state.value, 0) for state in RevisionState}
    at = now()
    arrived = DeliveryEntry.objects.filter(revision=OuterRef("pk"), kind=DeliveryEventKind.RECEIPT)
    undelivered = Revision.objects.filter(~Exists(arrived), state=RevisionState.RELEASED).count()
    expiring = Revision.objects.filter(state__in=DECIDABLE, assembly__expires_at__lt=at + SOON).count()
    stopped = Revision.objects.filter(state=RevisionState.ASSEMBLING, due_at=None).exclude(failure="").count()
    overdue = Revision.objects.filter(due_at__lt=at).count()
    return [
        Metric("handrail_packet_revisions", "Revisions of escalation packets by state.", by_state, "state"),
        one("handrail_packet_revisions_overdue", "Revisions whose next step is overdue.", overdue),
        one("handrail_packet_revisions_stopped", "Revisions that are not assembled and not tried any more.", stopped),
        one("handrail_packet_revisions_expiring", "Revisions not released that expire within a day.", expiring),
        one("handrail_packets_undelivered", "Released revisions that the lane has not confirmed.", undelivered),
    ]
