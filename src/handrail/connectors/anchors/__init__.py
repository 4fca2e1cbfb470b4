"""Those outside who are sent checkpoints of the audit log: witnesses, and time-stamp services."""

from handrail.connectors.anchors.config import TimestampSection, WitnessSection
from handrail.connectors.anchors.timestamps import StampAnswer, TimestampService
from handrail.connectors.anchors.witness import Replied, WitnessAnswer, WitnessService

__all__ = [
    "Replied",
    "StampAnswer",
    "TimestampSection",
    "TimestampService",
    "WitnessAnswer",
    "WitnessSection",
    "WitnessService",
]
