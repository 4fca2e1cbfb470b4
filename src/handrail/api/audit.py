"""The record: its events, whether it is whole, and the newest signed checkpoint."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from handrail.access import evidence, trail
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Instant, Limit, Word
from handrail.audit.queries import EventFilter, QuorumStatus
from handrail.audit.verification import Verification
from handrail.packets import queries as packets
from handrail.packets.queries import NamedProof

router = Router()
LINES = "application/jsonl"


class EventQuery(Schema):
    """Empty words and absent values filter nothing; ``actor`` and ``subject`` match whole."""

    event: Word = ""
    actor: Word = ""
    subject: Word = ""
    tenant: Word = ""
    outcome: Word = ""
    since: Instant = None
    until: Instant = None
    before: Annotated[int | None, Field(ge=1, le=2**62, description="Only lower numbers: the next page.")] = None
    limit: Limit = 50


class AuditEventView(Schema):
    """``tenant``: the key of the tenant concerned, null for what concerns the workspace."""

    id: int
    at: datetime
    actor_kind: str
    actor: str
    event: str
    outcome: str
    tenant: str | None
    subject_kind: str
    subject: str
    context: dict[str, Any]


class PublishedCheckpoint(Schema):
    """``text``: a C2SP tlog-checkpoint; ``key``: the public key to verify it with, as ``name+id+key``."""

    text: str
    key: str


class PublishedTimestamp(Schema):
    """``text``: the checkpoint that was stamped; ``response``: the TimeStampResp of RFC 3161 in DER, base64."""

    size: int
    text: str
    service: str
    response: str


@router.get("/audit/events", response={200: list[AuditEventView], **REFUSALS}, operation_id="list_audit_events")
def list_events(request: HttpRequest, query: Query[EventQuery]) -> list[AuditEventView]:
    """Audit events in your scope, newest first; ``since`` is included, ``until`` is not."""
    wanted = EventFilter(**query.dict(exclude={"tenant"}))
    entries = trail.list_events(actor_of(request), wanted, tenant=query.tenant)
    return [AuditEventView.model_validate({**_plain(entry), "tenant": entry.tenant}) for entry in entries]


@router.get("/audit/verification", response={200: Verification, **REFUSALS}, operation_id="verify_audit")
def verify(request: HttpRequest) -> Verification:
    """Whether every sealed row is as it was when it was sealed, and where it is not."""
    return evidence.verify(actor_of(request))


@router.get("/audit/checkpoint", response={200: PublishedCheckpoint, **REFUSALS}, operation_id="get_audit_checkpoint")
def checkpoint(request: HttpRequest) -> PublishedCheckpoint:
    """The newest signed checkpoint. Keep it where this installation can't reach it."""
    who = actor_of(request)
    return PublishedCheckpoint(text=evidence.checkpoint(who), key=evidence.verifier_key(who))


@router.get("/audit/witnesses", response={200: QuorumStatus, **REFUSALS}, operation_id="get_audit_quorum")
def witnesses(request: HttpRequest) -> QuorumStatus:
    """Whether witnesses have cosigned the newest checkpoint, and how it stands with each of them."""
    return evidence.quorum(actor_of(request))


@router.get("/audit/events/{int:event}/proof", response={200: NamedProof, **REFUSALS}, operation_id="prove_audit_event")
def prove_event(request: HttpRequest, event: int) -> NamedProof:
    """What outsiders check one event with: a C2SP tlog-proof, a COSE receipt (base64), and the leaf."""
    return packets.prove_event(actor_of(request), event)


@router.get("/packets/{packet}/proofs", response={200: list[NamedProof], **REFUSALS}, operation_id="prove_packet")
def prove_packet(request: HttpRequest, packet: str) -> list[NamedProof]:
    """Likewise, of a released packet and of each of its approvals."""
    return packets.prove_packet(actor_of(request), packet)


@router.get("/audit/timestamp", response={200: PublishedTimestamp, **REFUSALS}, operation_id="get_audit_timestamp")
def timestamp(request: HttpRequest, size: Annotated[int | None, Field(ge=0, le=2**62)] = None) -> PublishedTimestamp:
    """The newest time stamp of a checkpoint, or that of the checkpoint over ``size`` leaves."""
    found = evidence.timestamp(actor_of(request), size)
    response = b64encode(found.response).decode()
    return PublishedTimestamp(size=found.size, text=found.text, service=found.service, response=response)


@router.get(
    "/audit/export",
    response=REFUSALS,
    operation_id="export_audit_log",
    openapi_extra={
        "responses": {200: {"description": "OK", "content": {LINES: {"schema": {"type": "string"}}}}},
    },
)
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Seal, then the whole log as JSON lines: every leaf, the events in your scope in clear text, and the ledger rows
    that you may see."""
    return StreamingHttpResponse(
        evidence.export(by=actor_of(request)),
        content_type=LINES,
        headers={"Content-Disposition": 'attachment; filename="audit-log.jsonl"', "Cache-Control": "no-store"},
    )


def _plain(entry: trail.TrailEntry) -> dict[str, Any]:
    row = entry.row
    return {name: getattr(row, name) for name in AuditEventView.model_fields if name != "tenant"}
