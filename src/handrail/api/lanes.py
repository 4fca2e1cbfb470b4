"""What becomes of a package after its release: recalled, answered by the vendor, and the reasons that were settled."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router, Schema, Status
from pydantic import ConfigDict, Field

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Line, Number, PacketRef
from handrail.packets.actions import recalling, settling
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.queries import ReasonView

router = Router()
LINES = "application/jsonl"
LaneName = Annotated[str, Path(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class RecallBody(Schema):
    """``cause``: wrong-recipient, wrong-content, sent-by-mistake or withdrawn. ``asks``: what the vendor is to do."""

    model_config = ConfigDict(extra="forbid", strict=True)
    cause: Annotated[RecallReason, Field(strict=False)]
    asks: Annotated[RecallRequest, Field(strict=False)]
    reason: Line


class SettleBody(Schema):
    """``key``: which reason, as ``get_packet`` lists it under ``checklist``. ``evidence``: the name of an annex."""

    model_config = ConfigDict(extra="forbid", strict=True)
    key: Annotated[str, Field(pattern=r"^[0-9]{1,7}\.[0-9]{1,2}$")]
    reason: Line
    evidence: Annotated[str, Field(max_length=200)] = ""


@router.post("/packets/{ref}/revisions/{number}/recall", response={204: None, **REFUSALS}, operation_id="recall_packet")
def recall_packet(request: HttpRequest, ref: PacketRef, number: Number, body: RecallBody) -> Status[None]:
    """Recall a released revision, also if the vendor has opened it: a signed statement is put into its lane."""
    recalling.recall(
        ref=ref, revision=number, cause=body.cause, asks=body.asks, reason=body.reason, by=actor_of(request)
    )
    return Status(204, None)


@router.post(
    "/packets/{ref}/revisions/{number}/settle",
    response={200: list[ReasonView], **REFUSALS},
    operation_id="settle_reason",
)
def settle_reason(request: HttpRequest, ref: PacketRef, number: Number, body: SettleBody) -> list[ReasonView]:
    """Tick one reason that the vendor gave for the revision before, with what was done about it."""
    found = settling.settle(
        ref=ref, revision=number, key=body.key, reason=body.reason, evidence=body.evidence, by=actor_of(request)
    )
    return list(found)


@router.get(
    "/lanes/{lane}/recalls",
    response=REFUSALS,
    operation_id="export_recalls",
    openapi_extra={
        "responses": {
            200: {"description": "The file", "content": {LINES: {"schema": {"type": "string", "format": "binary"}}}}
        }
    },
)
def export_recalls(request: HttpRequest, lane: LaneName) -> HttpResponse:
    """Every signed recall of a lane, one a line, for `handrail intake verify --recalls`, in a file `*.jsonl`."""
    response = HttpResponse(recalling.export(lane=lane, by=actor_of(request)), content_type=LINES)
    response.headers["Content-Disposition"] = f'attachment; filename="{lane}-recalls.jsonl"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
