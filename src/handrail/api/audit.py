"""The record: its events, whether it is whole, and the newest signed checkpoint."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from handrail.access import evidence, trail
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Instant, Limit, Word
from handrail.audit.queries import EventFilter
from handrail.audit.verification import Verification

router = Router()


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


def _plain(entry: trail.TrailEntry) -> dict[str, Any]:
    row = entry.row
    return {name: getattr(row, name) for name in AuditEventView.model_fields if name != "tenant"}
