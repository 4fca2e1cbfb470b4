"""What workers claim of this slice."""

from handrail.notifications.leases import KINDS, MESSAGES, OUTBOX, REMINDERS, claim, claim_of

__all__ = ["KINDS", "MESSAGES", "OUTBOX", "REMINDERS", "claim", "claim_of"]
