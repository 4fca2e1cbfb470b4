"""Runs: listed, shown, previewed, started, cancelled."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field, JsonValue

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, After, Before, Instant, Limit, Line, MessageRef, RunRef, Word
from handrail.kernel.errors import Fault, Invalid
from handrail.runbooks.actions import corrections, previews, reviews, runs, updates
from handrail.runbooks.actions.previews import Preview
from handrail.runbooks.actions.runs import Started
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.queries import refusals as refusal_queries
from handrail.runbooks.queries import reviews as review_queries
from handrail.runbooks.queries import runs as queries
from handrail.runbooks.queries import task_systems
from handrail.runbooks.queries.refusals import RefusedTask
from handrail.runbooks.queries.reviews import DrawnRun
from handrail.runbooks.queries.runs import RunDetail, RunFilter, RunSummary
from handrail.runbooks.queries.situations import Situation
from handrail.runbooks.queries.task_systems import MessageState, TaskSystemState
from handrail.runbooks.states import RunState

router = Router()


class TaskBody(Schema):
    """A delegated task. ``payload`` must fit the runbook's task schema."""

    model_config = ConfigDict(extra="forbid", strict=True)
    key: Annotated[str, Field(min_length=1, max_length=128)]
    runbook: Annotated[str, Field(min_length=1, max_length=64)]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    payload: dict[str, JsonValue]

    def task(self) -> IncomingTask:
        return IncomingTask(self.key, self.runbook, self.version, self.payload)


class StartBody(TaskBody):
    definition: Annotated[
        str,
        Field(
            max_length=71,
            description="The digest of the version that was previewed. Where another one is active now, nothing starts "
            "(`definition-changed`).",
        ),
    ] = ""


class RunQuery(Schema):
    """Empty words and absent values filter nothing."""

    tenant: Word = ""
    runbook: Word = ""
    state: Annotated[Word, Field(description=f"One of: {', '.join(RunState)}.")] = ""
    situation: Annotated[Word, Field(description=f"One of: {', '.join(Situation)}.")] = ""
    task: Annotated[Word, Field(description="The task's key, or how it begins.")] = ""
    wave: Annotated[Word, Field(description="The reference of the wave that they are members of.")] = ""
    since: Annotated[Instant, Field(description="Received then or later.")] = None
    until: Annotated[Instant, Field(description="Received before then.")] = None
    before: Before = None
    after: After = ""
    older_than: Annotated[
        After, Field(json_schema_extra={"deprecated": True}, description="The former name of `after`.")
    ] = ""
    limit: Limit = 50

    def filtering(self) -> RunFilter:
        if self.after and self.older_than:
            fault = Fault("older_than", "the former name of after: give one of them")
            raise Invalid("The list can't go on from two places.", faults=[fault])
        return RunFilter(**self.model_dump(exclude={"older_than", "after"}), after=self.after or self.older_than)


@router.get("/runs", response={200: list[RunSummary], **REFUSALS}, operation_id="list_runs")
def list_runs(request: HttpRequest, query: Query[RunQuery]) -> list[RunSummary]:
    """Runs in your scope, newest first. A filter that names nothing there is, is refused (`unknown-filter`)."""
    return queries.list_runs(actor_of(request), query.filtering())


@router.get("/runs/{ref}", response={200: RunDetail, **REFUSALS}, operation_id="get_run")
def get_run(request: HttpRequest, ref: RunRef) -> RunDetail:
    """One run with its whole ledger."""
    return queries.get_run(actor_of(request), ref)


@router.post("/runs", response={200: Started, 201: Started, **REFUSALS}, operation_id="start_run")
def start_run(request: HttpRequest, body: StartBody) -> Status[Started]:
    """Start the run of a task: 201. A repeated trigger returns the existing run: 200."""
    started = runs.start(task=body.task(), definition=body.definition, by=actor_of(request))
    return Status(201 if started.created else 200, started)


@router.post("/runs/{ref}/cancel", response={204: None, **REFUSALS}, operation_id="cancel_run")
def cancel_run(request: HttpRequest, ref: RunRef) -> Status[None]:
    """Cancel a run that has invoked nothing yet."""
    runs.cancel(ref=ref, by=actor_of(request))
    return Status(204, None)


class StopOrder(Schema):
    model_config = ConfigDict(extra="forbid")
    reason: Line


@router.post("/runs/{ref}/stop", response={204: None, **REFUSALS}, operation_id="stop_run")
def stop_run(request: HttpRequest, ref: RunRef, body: StopOrder) -> Status[None]:
    """Stop a run before its next call, with an exception packet. A call under way gets its result first."""
    runs.stop(ref=ref, reason=body.reason, by=actor_of(request))
    return Status(204, None)


class WrongMark(Schema):
    """``found_in``: the exception packet (EXC-…) or support request (SR-…) that shows it, if one does."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: Line
    found_in: Annotated[str, Field(max_length=24)] = ""


@router.post("/runs/{ref}/found-wrong", response={204: None, **REFUSALS}, operation_id="mark_run_wrong")
def mark_run_wrong(request: HttpRequest, ref: RunRef, body: WrongMark) -> Status[None]:
    """Mark a completed run as found wrong. Its record stays as it is; the evaluation counts it."""
    corrections.mark_wrong(ref=ref, reason=body.reason, found_in=body.found_in, by=actor_of(request))
    return Status(204, None)


class ReviewQuery(Schema):
    done: Annotated[bool, Field(description="Those that had a second look, newest first.")] = False
    after: Annotated[Word, Field(description="Go on behind this run: the reference of the last of a list.")] = ""
    limit: Limit = 50


class ReviewBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    verdict: Annotated[Literal["right", "wrong"], Field(description="What the second look has found.")]
    reason: Line


@router.get("/reviews", response={200: list[DrawnRun], **REFUSALS}, operation_id="list_reviews")
def list_reviews(request: HttpRequest, query: Query[ReviewQuery]) -> list[DrawnRun]:
    """Completed runs in your scope that were drawn for a second look and wait for it, the oldest first."""
    return review_queries.list_reviews(actor_of(request), **query.dict())


@router.post("/runs/{ref}/review", response={204: None, **REFUSALS}, operation_id="review_run")
def review_run(request: HttpRequest, ref: RunRef, body: ReviewBody) -> Status[None]:
    """Say what a second look at a drawn run has found. A wrong one is marked as found wrong."""
    reviews.review(ref=ref, verdict=body.verdict, reason=body.reason, by=actor_of(request))
    return Status(204, None)


@router.get("/tasks/refused", response={200: list[RefusedTask], **REFUSALS}, operation_id="list_refused_tasks")
def list_refused_tasks(request: HttpRequest, before: Before = None, limit: Limit = 50) -> list[RefusedTask]:
    """Delegated tasks that could not become a run, newest first; for members with access to all tenants."""
    return refusal_queries.list_refusals(actor_of(request), before=before, limit=limit)


@router.get("/tasks/system", response={200: TaskSystemState, **REFUSALS}, operation_id="get_task_system")
def get_task_system(request: HttpRequest) -> TaskSystemState:
    """The workspace's task system: when its whole list was last read, and what it does not keep."""
    return task_systems.get_task_system(actor_of(request))


@router.get("/tasks/messages", response={200: list[MessageState], **REFUSALS}, operation_id="list_task_messages")
def list_task_messages(
    request: HttpRequest, kept: bool = False, after: After = "", limit: Limit = 50
) -> list[MessageState]:
    """Messages about refused tasks and exceptions that the task system does not show yet, newest first; with ``kept``,
    all of them. Those about refused tasks are for members with access to all tenants."""
    return task_systems.list_messages(actor_of(request), delivered=kept, after=after, limit=limit)


@router.post(
    "/tasks/messages/{message}/redeliver", response={204: None, **REFUSALS}, operation_id="redeliver_task_message"
)
def redeliver_task_message(request: HttpRequest, message: MessageRef) -> Status[None]:
    """Write a message to the task system again, after it was refused, not kept or given up."""
    updates.repeat(ref=message, by=actor_of(request))
    return Status(204, None)


@router.post("/previews", response={200: Preview, **REFUSALS}, operation_id="preview_run")
def preview_run(request: HttpRequest, body: TaskBody) -> Preview:
    """What a run of this task would do now. Nothing is changed."""
    return previews.preview(task=body.task(), by=actor_of(request))
