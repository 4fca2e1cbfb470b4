"""Which rows of this slice go into the sealed log: of a support request what never changes."""

from __future__ import annotations

from handrail.audit.sources import Source
from handrail.support.finalization import contradictions

# Never shown in an export: what people typed, and who to call, is for the desk.
SOURCES = (
    Source(
        "support.request",
        "support_supportrequest",
        (
            "id",
            "created_at",
            "workspace_id",
            "tenant_id",
            "run_id",
            "ref",
            "initiator",
            "primary_context",
            "attachment_mode",
            "severity",
            "summary",
            "reproduction_notes",
            "contact_name",
            "contact_email",
            "context_envelope",
            "submission_key",
            "content_digest",
            "handoff_deadline_at",
        ),
        renamed={"created_at": "at"},
        since=2,
        check=contradictions,
    ),
)
