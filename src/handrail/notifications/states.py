"""The words of notifications: who gets them, how a delivery ends, what is watched."""

from __future__ import annotations

from enum import StrEnum


class RecipientKind(StrEnum):
    RESPONDER = "responder"
    PERSON = "person"


class DeliveryOutcome(StrEnum):
    """How a delivery ended; ``waiting`` while it has not. ``unknown``: an answer was lost, and the channel can't be
    asked whether it has the message. ``dropped``: there is no such channel, or no such person, any more."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


UNDELIVERED = (DeliveryOutcome.FAILED, DeliveryOutcome.UNKNOWN, DeliveryOutcome.DROPPED)


class Watched(StrEnum):
    """What is looked at again when its time has come: an exception packet that nobody has taken, an escalation packet
    that expires."""

    EXCEPTION = "exception"
    PACKET = "packet"
