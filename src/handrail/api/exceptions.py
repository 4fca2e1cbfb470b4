"""Exception packets: listed, shown, taken over, resolved."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Before, ExceptionRef, Limit, Word
from handrail.runbooks.actions import exceptions
from handrail.runbooks.queries import exceptions as queries
from handrail.runbooks.queries.exceptions import ExceptionDetail, ExceptionFilter, ExceptionSummary

router = Router()

Member = Annotated[str, Query(max_length=254, pattern=r"^[^\x00]*$", description="A member's e-mail address.")]


class ResolutionBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    note: Annotated[str, Field(min_length=1, max_length=exceptions.NOTE_LIMIT, description="What was done.")]
    waiting: Annotated[
        Literal["", "go-on", "refuse"],
        Field(description="What becomes of the runs that wait because of it. Required where there are any."),
    ] = ""
    found_wrong: Annotated[
        str, Field(max_length=24, description="A completed run that this packet shows to be wrong: RUN-….")
    ] = ""


@router.get("/exceptions", response={200: list[ExceptionSummary], **REFUSALS}, operation_id="list_exceptions")
def list_exceptions(
    request: HttpRequest, handling: Word = "", tenant: Word = "", before: Before = None, limit: Limit = 50
) -> list[ExceptionSummary]:
    """Exception packets in your scope, newest first."""
    wanted = ExceptionFilter(handling=handling, tenant=tenant, before=before, limit=limit)
    return queries.list_exceptions(actor_of(request), wanted)


@router.get("/exceptions/{ref}", response={200: ExceptionDetail, **REFUSALS}, operation_id="get_exception")
def get_exception(request: HttpRequest, ref: ExceptionRef) -> ExceptionDetail:
    """One exception packet."""
    return queries.get_exception(actor_of(request), ref)


@router.post("/exceptions/{ref}/take", response={204: None, **REFUSALS}, operation_id="take_exception")
def take_exception(request: HttpRequest, ref: ExceptionRef, instead_of: Member = "") -> Status[None]:
    """Take over an exception packet: from now on you resolve it. ``instead_of`` names the member who has it now."""
    exceptions.take(ref=ref, by=actor_of(request), instead_of=instead_of)
    return Status(204, None)


@router.post("/exceptions/{ref}/resolve", response={204: None, **REFUSALS}, operation_id="resolve_exception")
def resolve_exception(request: HttpRequest, ref: ExceptionRef, body: ResolutionBody) -> Status[None]:
    """Close an exception packet that you took over. The run itself never continues.

    ``waiting`` decides about the runs of the same subject that waited: ``go-on``, or ``refuse`` to cancel them.
    ``found_wrong`` marks a run that completed, and that this packet shows to be wrong.
    """
    exceptions.resolve(
        ref=ref, note=body.note, waiting=body.waiting, found_wrong=body.found_wrong, by=actor_of(request)
    )
    return Status(204, None)
