"""Notifications: who was notified of what, sending again, what one chooses, and the responders."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, Limit, Word
from handrail.notifications import queries
from handrail.notifications.actions import redelivering
from handrail.notifications.actions.redelivering import Trial
from handrail.notifications.queries import ChoiceView, MessageFilter, MessageView, ResponderView

router = Router()
MessageRef = Annotated[str, Path(pattern=r"^NTF-[0-9A-Z]{1,20}$", description="The message's reference, NTF-….")]
MessageAfter = Annotated[str, Query(pattern=r"^(NTF-[0-9A-Z]{1,20})?$", description="The last reference of a list.")]


class Redelivery(Schema):
    """``may_repeat``: send a message again whose outcome is unknown, although it may come twice."""

    model_config = ConfigDict(extra="forbid", strict=True)
    may_repeat: bool = False


class Choices(Schema):
    """By kind: true or false; null for what your roles say."""

    model_config = ConfigDict(extra="forbid", strict=True)
    choices: Annotated[dict[Annotated[str, Field(max_length=64)], bool | None], Field(max_length=50)]


class ResponderTrial(Schema):
    """``responder``: as definitions name it."""

    model_config = ConfigDict(extra="forbid")
    responder: Annotated[str, Field(min_length=1, max_length=64)]


@router.get("/notifications", response={200: list[MessageView], **REFUSALS}, operation_id="list_notifications")
def list_notifications(
    request: HttpRequest, about: Word = "", outcome: Word = "", after: MessageAfter = "", limit: Limit = 50
) -> list[MessageView]:
    """Messages in your scope, newest first. ``about``: a reference. ``outcome``: undelivered, waiting, delivered,
    failed, unknown or dropped."""
    wanted = MessageFilter(about=about, outcome=outcome, after=after, limit=limit)
    return queries.list_messages(actor_of(request), wanted)


@router.post("/notifications/{ref}/redeliver", response={204: None, **REFUSALS}, operation_id="redeliver_notification")
def redeliver_notification(request: HttpRequest, ref: MessageRef, body: Redelivery) -> Status[None]:
    """Send a message again that its channel does not have."""
    redelivering.redeliver(ref=ref, by=actor_of(request), may_repeat=body.may_repeat)
    return Status(204, None)


@router.get("/notification-choices", response={200: list[ChoiceView], **REFUSALS}, operation_id="list_choices")
def list_choices(request: HttpRequest) -> list[ChoiceView]:
    """What you can be notified of by e-mail, and whether you are."""
    return queries.list_choices(actor_of(request))


@router.put("/notification-choices", response={200: list[ChoiceView], **REFUSALS}, operation_id="choose")
def choose(request: HttpRequest, body: Choices) -> list[ChoiceView]:
    """Choose what you are notified of by e-mail."""
    who = actor_of(request)
    redelivering.choose(choices=body.choices, by=who)
    return queries.list_choices(who)


@router.get("/responders", response={200: list[ResponderView], **REFUSALS}, operation_id="list_responders")
def list_responders(request: HttpRequest) -> list[ResponderView]:
    """The responders of your workspace, with the names of their channels."""
    return queries.list_responders(actor_of(request))


@router.post("/responders/test", response={200: list[Trial], **REFUSALS}, operation_id="test_responder")
def test_responder(request: HttpRequest, body: ResponderTrial) -> list[Trial]:
    """Send a message through each channel of a responder that says that it is a test."""
    return redelivering.try_responder(name=body.responder, by=actor_of(request))
