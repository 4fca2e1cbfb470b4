"""Passkeys of members: listed, confirmed as a second person, and removed. They are enrolled on the pages alone, where
the authenticator is."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from handrail.access import enrolment, factors
from handrail.access.enrolment import PasskeySummary
from handrail.access.refusals import REASON_LIMIT
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS

router = Router()

KeyRef = Annotated[str, Path(pattern=r"^KEY-[0-9A-Z]{1,20}$", description="The passkey's reference, KEY-….")]
Member = Annotated[str, Query(max_length=254, description="The member's e-mail address; without it, you.")]


class RemovalBody(Schema):
    """``reason``: why the passkey ends."""

    model_config = ConfigDict(extra="forbid", strict=True)
    reason: Annotated[str, Field(min_length=1, max_length=REASON_LIMIT)]


class SecondFactorBody(Schema):
    """``required``: whether every member of the workspace needs a second factor."""

    model_config = ConfigDict(extra="forbid", strict=True)
    required: bool


@router.get("/passkeys", response={200: list[PasskeySummary], **REFUSALS}, operation_id="list_passkeys")
def list_passkeys(request: HttpRequest, member: Member = "") -> list[PasskeySummary]:
    """Your own passkeys, newest first; of another member for who may see members. Those that have ended are listed."""
    who = actor_of(request)
    return enrolment.list_of_member(who, member) if member else enrolment.list_own(who)


@router.post("/passkeys/{ref}/confirm", response={204: None, **REFUSALS}, operation_id="confirm_passkey")
def confirm_passkey(request: HttpRequest, ref: KeyRef) -> Status[None]:
    """Say, as a second person who manages members, whose passkey this is: it counts for signing from now on."""
    enrolment.confirm(ref=ref, by=actor_of(request))
    return Status(204, None)


@router.post("/passkeys/{ref}/remove", response={204: None, **REFUSALS}, operation_id="remove_passkey")
def remove_passkey(request: HttpRequest, ref: KeyRef, body: RemovalBody) -> Status[None]:
    """End another member's passkey, now and for ever, in every workspace; their sessions end with it."""
    enrolment.remove(ref=ref, reason=body.reason, by=actor_of(request))
    return Status(204, None)


@router.post("/second-factor", response={204: None, **REFUSALS}, operation_id="set_second_factor")
def set_second_factor(request: HttpRequest, body: SecondFactorBody) -> Status[None]:
    """Have the workspace need a second factor of its members, or not any more."""
    factors.require_second_factor(required=body.required, by=actor_of(request))
    return Status(204, None)
