"""Which rows of this slice go into the sealed log: those that are only ever added."""

from __future__ import annotations

from handrail.access.capabilities import Capability
from handrail.audit.sources import SIGNED_ACT, Source

_OWNED = ("id", "at", "workspace_id", "tenant_id")

SOURCES = (
    Source(
        "packets.assembly",
        "packets_assembly",
        (*_OWNED, "revision_id", "packet_digest", "trace_digest", "holds_digest", "manifest_digest", "sources_digest"),
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.clearance",
        "packets_clearance",
        (*_OWNED, "packet_id", "revision_id", "code", "target", "digest", "role", "by", "reason"),
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.seen",
        "packets_seenmark",
        (*_OWNED, "packet_id", "revision_id", "path", "digest", "user_id", "by"),
        since=6,
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.redaction",
        "packets_pictureredaction",
        (
            *_OWNED,
            "packet_id",
            "revision_id",
            "artifact",
            "original_digest",
            "boxes",
            "pages",
            "result_digest",
            "size",
            "role",
            "by",
            "user_id",
        ),
        since=6,
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.attestation",
        "packets_pictureattestation",
        (
            *_OWNED,
            "packet_id",
            "revision_id",
            "redaction_id",
            "result_digest",
            "role",
            "by",
            "user_id",
            "redacted_by_user",
        ),
        since=6,
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.vote",
        "packets_vote",
        (*_OWNED, "revision_id", "kind", "user_id", "name", "manifest_digest", "reason"),
        renamed={"kind": "ballot"},
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.vote_proof",
        "packets_voteproof",
        (*_OWNED, "vote_id", "revision_id", "user_id", *SIGNED_ACT),
        since=7,
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.release",
        "packets_release",
        (*_OWNED, "revision_id", "manifest_digest", "key_id", "by"),
        shown_with=Capability.PACKET_VIEW,
    ),
    Source(
        "packets.delivery_entry",
        "packets_deliveryentry",
        (*_OWNED, "revision_id", "sequence", "kind", "intent", "worker", "deadline_at", "detail"),
        shown_with=Capability.PACKET_VIEW,
    ),
)
