"""What is due in all workspaces: events to tell of, messages to send, and what to look at again."""

from __future__ import annotations

from typing import Any

from django.db import connection

from handrail.notifications import settings
from handrail.work import lease
from handrail.work.lease import Claim, Kind

OUTBOX = Kind(
    "outbox",
    "audit_outbox",
    "handrail_outbox_claim",
    counter="attempts",
    lease="%(lease)s + least(2.0 ^ least(attempts, 16), %(ceiling)s)",
)
MESSAGES = Kind("notification", "notifications_channeldelivery", "handrail_notification_claim")
REMINDERS = Kind("reminder", "notifications_reminder", "handrail_reminder_claim")
# Of which kind there may be more is not remembered for each: one lane works on all of them.
KINDS = (MESSAGES, OUTBOX, REMINDERS)


def claim(count: int, *, after: int = 0) -> list[Claim]:
    """Up to ``count`` rows that are due: messages first, then events, then what is looked at again."""
    found: list[Claim] = []
    for kind in KINDS:
        if len(found) < count:
            found += lease.claim(kind, count - len(found), after=after, **_parameters())
    return found


def claim_of(kind: Kind, pk: int) -> Claim | None:
    """That row; None when it is not due, or another worker was first."""
    return lease.claim_one(kind, pk, **_parameters())


def _parameters() -> dict[str, Any]:
    waits = settings.current()
    return {"lease": waits.lease_seconds, "ceiling": waits.longest_wait_seconds}


def counts() -> tuple[int, dict[str, int], int]:
    """Events that wait to be notified, beyond a first look; deliveries that ended undelivered within the last week, by
    outcome; notifications of the last week that reached nobody, and are not on their way any more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM handrail_outbox_lease WHERE attempts > 1")
        (behind,) = cursor.fetchone()
        cursor.execute(
            "SELECT outcome, count(*) FROM handrail_notification_lease"
            " WHERE outcome <> 'waiting' AND ended_at > clock_timestamp() - interval '7 days' GROUP BY outcome"
        )
        undelivered = {str(outcome): int(count) for outcome, count in cursor.fetchall()}
        cursor.execute(
            "SELECT count(*) FROM handrail_untold_lease"
            " WHERE NOT is_moving AND at > clock_timestamp() - interval '7 days'"
        )
        (no_channel,) = cursor.fetchone()
    return int(behind), undelivered, int(no_channel)
