"""The service desk: one adapter, one desk, every difference between desks in its configuration."""

from handrail.connectors.desk.adapter import Desk
from handrail.connectors.desk.config import DeskConfig
from handrail.connectors.desk.current import configure, configured, use
from handrail.connectors.desk.failure import SUMMARY_LIMIT, UNKNOWN_WORDS, Category, DeskFailure, interrupted
from handrail.connectors.desk.settings import overlay, preset_names, read_desk
from handrail.connectors.desk.ticket import Created, Link, Severity, TicketDraft

__all__ = [
    "SUMMARY_LIMIT",
    "UNKNOWN_WORDS",
    "Category",
    "Created",
    "Desk",
    "DeskConfig",
    "DeskFailure",
    "Link",
    "Severity",
    "TicketDraft",
    "configure",
    "configured",
    "interrupted",
    "overlay",
    "preset_names",
    "read_desk",
    "use",
]
