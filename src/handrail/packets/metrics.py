"""How escalation packets are doing, over all workspaces."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one
from handrail.packets import leases
from handrail.packets.findings import CODES
from handrail.packets.states import UNDELIVERED, DeliveryState, RevisionState

SOON = timedelta(hours=24)


def read() -> list[Metric]:
    states = leases.by_state()
    by_state = {state.value: states.get(state.value, 0) for state in RevisionState}
    at = now()
    expiring, stopped, overdue = leases.counts(at, at + SOON)
    deliveries = Counter(leases.deliveries())
    found = leases.text_holds()
    return [
        Metric("handrail_packet_revisions", "Revisions of escalation packets by state.", by_state, "state"),
        one("handrail_packet_revisions_overdue", "Revisions whose next step is overdue.", overdue),
        one("handrail_packet_revisions_stopped", "Revisions that are not assembled and not tried any more.", stopped),
        one("handrail_packet_revisions_expiring", "Revisions not released that expire within a day.", expiring),
        Metric(
            "handrail_packet_text_holds",
            "Open holds on texts of revisions that are not over, by what was found.",
            {code: found.get(code, 0) for code in CODES},
            "code",
        ),
        Metric(
            "handrail_packet_deliveries",
            "Released revisions by how far their delivery is.",
            {state.value: deliveries[state] for state in DeliveryState},
            "state",
        ),
        Metric(
            "handrail_packets_forgotten",
            "Escalation packets of which something was forgotten because it was not to be kept longer, by what.",
            leases.forgotten(),
            "kind",
        ),
        one(
            "handrail_packets_undelivered",
            "Released revisions that the lane has not confirmed, or no longer has.",
            sum(deliveries[state] for state in UNDELIVERED),
        ),
        one(
            "handrail_packets_unwatched",
            "Released revisions whose sources could not be read for long, so that a change would not be noticed.",
            leases.unwatched(),
        ),
    ]
