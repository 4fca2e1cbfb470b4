"""How far telling is behind, and what was not notified."""

from __future__ import annotations

from handrail.kernel.metric import Metric, one
from handrail.notifications import leases
from handrail.notifications.states import UNDELIVERED


def read() -> list[Metric]:
    behind, undelivered, no_channel = leases.counts()
    return [
        one("handrail_notifications_behind", "Events that failed to be notified so far, and are tried again.", behind),
        Metric(
            "handrail_notifications_undelivered",
            "Messages of the last 7 days that a channel does not have, or may not have, by outcome.",
            {outcome.value: undelivered.get(outcome.value, 0) for outcome in UNDELIVERED},
            "outcome",
        ),
        one("handrail_notifications_untold", "Messages of the last 7 days that no channel has.", no_channel),
    ]
