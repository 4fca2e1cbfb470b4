"""Which rows of this slice go into the sealed log: of a definition what never changes, its text included."""

from __future__ import annotations

from handrail.access.capabilities import Capability
from handrail.audit.sources import SIGNED_ACT, Source
from handrail.definitions.decisions import contradictions

SOURCES = (
    Source(
        "definitions.definition",
        "definitions_definition",
        (
            "id",
            "proposed_at",
            "workspace_id",
            "kind",
            "name",
            "version",
            "title",
            "owner",
            "text",
            "digest",
            "proposed_by",
        ),
        renamed={"proposed_at": "at"},
        since=2,
        check=contradictions,
        shown_with=Capability.DEFINITION_VIEW,
    ),
    Source(
        "definitions.decision_proof",
        "definitions_decisionproof",
        ("id", "at", "workspace_id", "definition_id", "act", "by", "user_id", *SIGNED_ACT),
        since=7,
        shown_with=Capability.DEFINITION_VIEW,
    ),
)
