"""Which rows of this slice go into the sealed log: the ledgers, and of an exception packet what never changes."""

from __future__ import annotations

from handrail.access.capabilities import Capability
from handrail.audit.sources import Source
from handrail.runbooks import releases
from handrail.runbooks.handling import contradictions

_OWNED = ("id", "at", "workspace_id", "tenant_id", "run_id")
_ON_PACKET = ("id", "at", "workspace_id", "tenant_id", "packet_id", "by")

SOURCES = (
    Source(
        "runbooks.checkpoint",
        "runbooks_checkpoint",
        (*_OWNED, "sequence", "kind", "step", "attempt", "idempotency_key", "worker", "deadline_at", "detail"),
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.retry_ledger_entry",
        "runbooks_retryledgerentry",
        (*_OWNED, "limit", "attempts", "waited_seconds", "detail"),
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.completion_record",
        "runbooks_completionrecord",
        (*_OWNED, "fields", "digest"),
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.exception_packet",
        "runbooks_exceptionpacket",
        (
            *_OWNED,
            "ref",
            "cause",
            "reason",
            "message",
            "checkpoint",
            "step",
            "escalate_to",
            "fields",
            "evidence",
            "attempts",
            "due_at",
        ),
        renamed={"message": "says"},
        check=contradictions,
        shown_with=Capability.EXCEPTION_VIEW,
    ),
    Source(
        "runbooks.brake",
        "runbooks_brake",
        ("id", "at", "workspace_id", "tenant_id", "definition_id", "ref", "kind", "target", "by", "reason"),
        since=3,
        check=releases.contradictions,
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.stop_request",
        "runbooks_stoprequest",
        (*_OWNED, "by", "reason"),
        since=3,
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.wrong_completion",
        "runbooks_wrongcompletion",
        (*_OWNED, "by", "reason", "found_in"),
        since=4,
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.sampled_run",
        "runbooks_sampledrun",
        (*_OWNED, "share"),
        since=5,
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.run_review",
        "runbooks_runreview",
        (*_OWNED, "by", "verdict", "reason"),
        since=5,
        shown_with=Capability.RUN_VIEW,
    ),
    Source(
        "runbooks.rereading",
        "runbooks_rereading",
        (*_ON_PACKET, "values", "withheld", "differing", "evidence", "unread"),
        since=5,
        shown_with=Capability.EXCEPTION_VIEW,
    ),
    Source(
        "runbooks.follow_up",
        "runbooks_followup",
        (*_ON_PACKET, "run_id", "number"),
        since=5,
        shown_with=Capability.EXCEPTION_VIEW,
    ),
)
