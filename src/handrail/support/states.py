"""What a support request can be: where it was raised, how it is handed over, and what came of that."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from handrail.connectors.desk import UNKNOWN_WORDS

# Limits, in characters.
SUMMARY_MAX = 200
NOTES_MAX = 4000
NAME_MAX = 120
EMAIL_MAX = 254
REFERENCE_MAX = 64
URL_MAX = 2000
KEY_MIN, KEY_MAX = 8, 128


class PrimaryContext(StrEnum):
    """Where the request was raised."""

    TENANT = "tenant"
    OPERATION_RUN = "operation_run"


class HandoffMode(StrEnum):
    INTERNAL_ONLY = "internal_only"
    CREATE = "create_external_ticket"
    LINK = "link_existing_ticket"


class AttachmentMode(StrEnum):
    """What a created ticket carries beside the person's own words. The envelope is kept with the request either way."""

    CONTEXT = "redacted_context"
    REFERENCE = "reference_only"


class HandoffOutcome(StrEnum):
    """What came of the handoff. Never stored: it follows from the row and the time (``outcome``)."""

    NOT_ASKED = "not-asked"
    UNDER_WAY = "under-way"
    CREATED = "created"
    LINKED = "linked"
    FAILED = "failed"
    UNKNOWN = "outcome-unknown"


def outcome(
    mode: HandoffMode, *, reference: str | None, failure: str | None, deadline_at: datetime | None, at: datetime
) -> HandoffOutcome:
    """What came of the handoff, as seen at ``at``.

    A creation that has neither ticket nor failure is under way until its deadline. After that the process that made
    it is gone, and nobody knows what the desk did. Of a failure the summary is the only column that tells whether a
    ticket may exist: the finalization write may touch four, and a fifth is not among them.
    """
    if mode is HandoffMode.INTERNAL_ONLY:
        return HandoffOutcome.NOT_ASKED
    if mode is HandoffMode.LINK:
        return HandoffOutcome.LINKED
    if reference is not None:
        return HandoffOutcome.CREATED
    if failure is not None:
        return HandoffOutcome.UNKNOWN if UNKNOWN_WORDS in failure else HandoffOutcome.FAILED
    return HandoffOutcome.UNDER_WAY if deadline_at is not None and at < deadline_at else HandoffOutcome.UNKNOWN
