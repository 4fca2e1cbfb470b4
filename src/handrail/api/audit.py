"""The record: its events, whether it is whole, and the newest signed checkpoint."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from handrail.access import evidence, trail
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Instant, Limit, Word
from handrail.audit.queries import EventFilter
from handrail.audit.verification import Verification

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
