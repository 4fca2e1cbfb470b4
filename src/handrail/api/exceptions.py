"""Exception packets: listed, counted, shown, taken over, noted on, handed on, resolved."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field, JsonValue

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Before, ExceptionRef, Limit
from handrail.runbooks.actions import exceptions, follow_ups, handover, rereading, together
from handrail.runbooks.actions.previews import Preview
from handrail.runbooks.actions.runs import Started
from handrail.runbooks.actions.together import Together
from handrail.runbooks.queries import exceptions as queries
from handrail.runbooks.queries import follow_ups as follow_up_queries
from handrail.runbooks.queries.exceptions import (
    NEWEST,
    ExceptionDetail,
    ExceptionFilter,
    ExceptionGroup,
    ExceptionSummary,
)
from handrail.runbooks.queries.follow_ups import FollowUpForm
from handrail.runbooks.queries.rereadings import Reread

router = Router()

Member = Annotated[str, Query(max_length=254, pattern=r"^[^\x00]*$", description="A member's e-mail address.")]


Outcome = Annotated[
    str,
    Field(min_length=1, max_length=64, description="What became of it: one of the packet's ``outcomes``, by its code."),
]


class ResolutionBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    outcome: Outcome
    note: Annotated[str, Field(min_length=1, max_length=exceptions.NOTE_LIMIT, description="What was done.")]
    waiting: Annotated[
        Literal["", "go-on", "refuse"],
        Field(description="What becomes of the runs that wait because of it. Required where there are any."),
    ] = ""
    found_wrong: Annotated[
        str, Field(max_length=24, description="A completed run that this packet shows to be wrong: RUN-….")
    ] = ""


class NoteBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    note: Annotated[str, Field(min_length=1, max_length=exceptions.NOTE_LIMIT, description="What you saw or did.")]


class AssignmentBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    to: Annotated[str, Field(min_length=1, max_length=254, description="The e-mail address of who is to have it.")]
    instead_of: Annotated[
        str, Field(max_length=254, description="Who has it now, where that is neither nobody nor you.")
    ] = ""


References = Annotated[
    list[Annotated[str, Field(pattern=r"^EXC-[0-9A-Z]{1,20}$")]],
    Field(min_length=1, max_length=together.TOGETHER, description="Exception packets of one runbook and reason."),
]


class FollowUpBody(Schema):
    """``inputs`` are put over those of the stopped run; null takes one away."""

    model_config = ConfigDict(extra="forbid", strict=True)
    runbook: Annotated[str, Field(min_length=1, max_length=64, description="One that the packet's runbook names.")]
    inputs: dict[str, JsonValue] = {}


class StartFollowUpBody(FollowUpBody):
    number: Annotated[
        int,
        Field(ge=1, le=1000, description="Which follow-up run of the packet it is. Repeated, it gives the same run."),
    ] = 1
    definition: Annotated[
        str, Field(max_length=71, description="The digest of the version that was previewed; no other one is started.")
    ] = ""


class TogetherBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    refs: References


class ResolvedTogetherBody(TogetherBody):
    outcome: Outcome
    note: Annotated[str, Field(min_length=1, max_length=exceptions.NOTE_LIMIT, description="What was done.")]
    waiting: Annotated[
        Literal["", "go-on", "refuse"], Field(description="What becomes of the runs that wait because of them.")
    ] = ""


class ExceptionQuery(Schema):
    """The filters of the lists of exception packets. A value that can't be one is refused (422), with what could."""

    handling: Annotated[str, Field(max_length=128, description="unresolved, open, taken or resolved.")] = ""
    tenant: Annotated[str, Field(max_length=128, description="A tenant's key.")] = ""
    owner: Annotated[str, Field(max_length=254, description="mine, unassigned or a member's e-mail address.")] = ""
    older_than: Annotated[str, Field(max_length=128, description="An age, such as 30m, 4h or 7d.")] = ""
    cause: Annotated[str, Field(max_length=128, description="Why the run stopped, such as boundary.")] = ""
    reason: Annotated[str, Field(max_length=128, description="A reason code.")] = ""
    runbook: Annotated[str, Field(max_length=128, description="A runbook's name.")] = ""
    task: Annotated[str, Field(max_length=128, description="A task's key.")] = ""
    due: Annotated[
        str, Field(max_length=128, description="late, none, or a time such as 4h: what is late in four hours.")
    ] = ""
    text: Annotated[
        str, Field(max_length=128, description="Part of a reference, a task's key, a subject or a message.")
    ] = ""

    def filtering(self, **more: Any) -> ExceptionFilter:
        return ExceptionFilter(**self.model_dump(), **more)


class ExceptionListQuery(ExceptionQuery):
    sort: Annotated[str, Field(max_length=128, description="newest, oldest or due first.")] = NEWEST
    after: Annotated[
        str, Field(max_length=128, description="Go on behind this packet: the reference of the last of a list.")
    ] = ""


@router.get("/exceptions", response={200: list[ExceptionSummary], **REFUSALS}, operation_id="list_exceptions")
def list_exceptions(
    request: HttpRequest, wanted: Query[ExceptionListQuery], before: Before = None, limit: Limit = 50
) -> list[ExceptionSummary]:
    """Exception packets in your scope, newest first unless ``sort`` says otherwise. Which are yours and late:
    ``owner=mine&due=late``."""
    return queries.list_exceptions(actor_of(request), wanted.filtering(before=before, limit=limit))


@router.get("/exceptions/groups", response={200: list[ExceptionGroup], **REFUSALS}, operation_id="group_exceptions")
def group_exceptions(request: HttpRequest, wanted: Query[ExceptionQuery]) -> list[ExceptionGroup]:
    """How many exception packets in your scope there are of each runbook and reason, the most first."""
    return queries.group_exceptions(actor_of(request), wanted.filtering())


@router.post("/exceptions/take", response={200: list[Together], **REFUSALS}, operation_id="take_exceptions")
def take_exceptions(request: HttpRequest, body: TogetherBody) -> list[Together]:
    """Take over several like exception packets, each on its own. Where ``code`` is empty, it was done."""
    return together.take_together(refs=body.refs, by=actor_of(request))


@router.post("/exceptions/resolve", response={200: list[Together], **REFUSALS}, operation_id="resolve_exceptions")
def resolve_exceptions(request: HttpRequest, body: ResolvedTogetherBody) -> list[Together]:
    """Close several like exception packets that you took over, each on its own, with one outcome and note. Where
    ``code`` is empty, it was done."""
    given = {"outcome": body.outcome, "note": body.note, "waiting": body.waiting}
    return together.resolve_together(refs=body.refs, by=actor_of(request), **given)


@router.get("/exceptions/{ref}", response={200: ExceptionDetail, **REFUSALS}, operation_id="get_exception")
def get_exception(request: HttpRequest, ref: ExceptionRef) -> ExceptionDetail:
    """One exception packet."""
    return queries.get_exception(actor_of(request), ref)


@router.post("/exceptions/{ref}/take", response={204: None, **REFUSALS}, operation_id="take_exception")
def take_exception(request: HttpRequest, ref: ExceptionRef, instead_of: Member = "") -> Status[None]:
    """Take over an exception packet: from now on you resolve it. ``instead_of`` names the member who has it now."""
    exceptions.take(ref=ref, by=actor_of(request), instead_of=instead_of)
    return Status(204, None)


@router.post("/exceptions/{ref}/notes", response={204: None, **REFUSALS}, operation_id="note_on_exception")
def note_on_exception(request: HttpRequest, ref: ExceptionRef, body: NoteBody) -> Status[None]:
    """Add a note for all who see the packet, before it is resolved. A repeat of your newest note adds nothing."""
    handover.add_note(ref=ref, note=body.note, by=actor_of(request))
    return Status(204, None)


@router.post("/exceptions/{ref}/hand-back", response={204: None, **REFUSALS}, operation_id="hand_back_exception")
def hand_back_exception(request: HttpRequest, ref: ExceptionRef, body: NoteBody) -> Status[None]:
    """Leave an exception packet that you took over to everybody again, with a note for the next person."""
    handover.hand_back(ref=ref, note=body.note, by=actor_of(request))
    return Status(204, None)


@router.post("/exceptions/{ref}/assign", response={204: None, **REFUSALS}, operation_id="assign_exception")
def assign_exception(request: HttpRequest, ref: ExceptionRef, body: AssignmentBody) -> Status[None]:
    """Give an exception packet to another member who may take it over."""
    handover.assign(ref=ref, to=body.to, instead_of=body.instead_of, by=actor_of(request))
    return Status(204, None)


@router.post("/exceptions/{ref}/resolve", response={204: None, **REFUSALS}, operation_id="resolve_exception")
def resolve_exception(request: HttpRequest, ref: ExceptionRef, body: ResolutionBody) -> Status[None]:
    """Close an exception packet that you took over, with its outcome. The run itself never continues.

    ``waiting`` decides about the runs of the same subject that waited: ``go-on``, or ``refuse`` to cancel them.
    ``found_wrong`` marks a run that completed, and that this packet shows to be wrong.
    """
    exceptions.resolve(ref=ref, by=actor_of(request), **body.model_dump())
    return Status(204, None)


@router.post("/exceptions/{ref}/read-again", response={200: Reread, **REFUSALS}, operation_id="read_exception_again")
def read_exception_again(request: HttpRequest, ref: ExceptionRef) -> Reread:
    """Make the declared reads of the stopped run once more. What they say now stands beside what the packet holds."""
    return rereading.read_again(ref=ref, by=actor_of(request))


@router.get(
    "/exceptions/{ref}/follow-ups/form", response={200: FollowUpForm, **REFUSALS}, operation_id="get_follow_up_form"
)
def get_follow_up_form(
    request: HttpRequest,
    ref: ExceptionRef,
    runbook: Annotated[
        str, Query(max_length=64, pattern=r"^[^\x00]*$", description="One that its runbook names.")
    ] = "",
) -> FollowUpForm:
    """With what a follow-up run of this runbook would begin, and which number it would have."""
    return follow_up_queries.follow_up_form(actor_of(request), ref, runbook)


@router.post(
    "/exceptions/{ref}/follow-ups/preview", response={200: Preview, **REFUSALS}, operation_id="preview_follow_up"
)
def preview_follow_up(request: HttpRequest, ref: ExceptionRef, body: FollowUpBody) -> Preview:
    """What a follow-up run would do now. Nothing is changed."""
    return follow_ups.preview(ref=ref, runbook=body.runbook, inputs=body.inputs, by=actor_of(request))


@router.post(
    "/exceptions/{ref}/follow-ups",
    response={200: Started, 201: Started, **REFUSALS},
    operation_id="start_follow_up",
)
def start_follow_up(request: HttpRequest, ref: ExceptionRef, body: StartFollowUpBody) -> Status[Started]:
    """Start a run from an exception packet that you have: 201. Repeated under the same number: 200, the same run."""
    started = follow_ups.start(ref=ref, by=actor_of(request), **body.model_dump())
    return Status(201 if started.created else 200, started)
