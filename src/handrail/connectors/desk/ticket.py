"""What goes to the desk and what comes back, as plain data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# What a ticket template may name, beside the constants under [desk.values].
TICKET_FIELDS = frozenset(
    {
        "reference",
        "subject",
        "summary",
        "body",
        "severity",
        "contact_name",
        "contact_email",
        "tenant",
        "run",
        "page_url",
    }
)
# Of a support request, or of a notification.
TICKET_REFERENCE = re.compile(r"(?:SR|NTF)-[0-9A-Z]{4,20}")


class Severity(StrEnum):
    """How bad it is for the one who asks. Each desk's own words or numbers are in [desk.severity]."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class TicketDraft:
    """One ticket to create. ``reference`` is Handrail's own (``SR-…``; of a notification ``NTF-…``); the adapter puts
    it into the subject.

    ``body`` (a person's words) and ``facts`` are plain text with line breaks. The adapter puts them into the desk's own
    format, one after the other; where a desk has no room for both, the words are cut and the facts come through.
    ``run`` and ``page_url`` (the page in Handrail) may be missing: fields that would be empty are left out.
    """

    reference: str
    summary: str
    body: str
    severity: Severity
    contact_name: str
    contact_email: str
    tenant: str
    run: str | None = None
    page_url: str | None = None
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Created:
    """The desk made a ticket. ``url`` only where the desk returned one or the configured pattern proves it."""

    reference: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """A ticket that exists already, as a person named it."""

    reference: str
    url: str | None
