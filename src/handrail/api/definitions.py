"""Definitions: listed, shown, proposed, decided."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import ConfigDict, Field

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, DefinitionId, Line, Word
from handrail.definitions import actions, queries
from handrail.definitions.queries import CheckedProposal, DefinitionDetail, DefinitionFilter, DefinitionSummary

router = Router()
TEXT_LIMIT = 512 * 1024


class ProposalBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    text: Annotated[str, Field(min_length=1, max_length=TEXT_LIMIT, description="The definition's YAML.")]


class ApprovalBody(Schema):
    """``digest`` is that of the text which was read: any other digest is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class ReasonBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    reason: Line


@router.get("/definitions", response={200: list[DefinitionSummary], **REFUSALS}, operation_id="list_definitions")
def list_definitions(
    request: HttpRequest, kind: Word = "", name: Word = "", state: Word = ""
) -> list[DefinitionSummary]:
    """Definitions of your workspace, by kind and name, newest version first; at most 200, so narrow them."""
    return queries.list_definitions(actor_of(request), DefinitionFilter(kind=kind, name=name, state=state))


@router.post("/definitions/check", response={200: CheckedProposal, **REFUSALS}, operation_id="check_definition")
def check_definition(request: HttpRequest, body: ProposalBody) -> CheckedProposal:
    """What proposing this text would say, and what it would change. Nothing is kept."""
    return queries.check_proposal(actor_of(request), body.text)


@router.get("/definitions/{definition_id}", response={200: DefinitionDetail, **REFUSALS}, operation_id="get_definition")
def get_definition(request: HttpRequest, definition_id: DefinitionId) -> DefinitionDetail:
    """A definition's text, its decisions, and what it changes."""
    return queries.get_definition(actor_of(request), definition_id)


@router.post("/definitions", response={201: DefinitionSummary, **REFUSALS}, operation_id="propose_definition")
def propose_definition(request: HttpRequest, body: ProposalBody) -> Status[DefinitionSummary]:
    """Propose a definition. Another person must approve it."""
    return Status(201, actions.propose(text=body.text, by=actor_of(request)))


@router.post(
    "/definitions/{definition_id}/approve",
    response={200: DefinitionSummary, **REFUSALS},
    operation_id="approve_definition",
)
def approve_definition(request: HttpRequest, definition_id: DefinitionId, body: ApprovalBody) -> DefinitionSummary:
    """Activate a proposal; the version that was active until now is deprecated."""
    return actions.approve(definition_id=definition_id, by=actor_of(request), digest=body.digest)


@router.post(
    "/definitions/{definition_id}/deprecate",
    response={200: DefinitionSummary, **REFUSALS},
    operation_id="deprecate_definition",
)
def deprecate_definition(request: HttpRequest, definition_id: DefinitionId, body: ReasonBody) -> DefinitionSummary:
    """Deprecate the active version. Nothing new starts with it."""
    return actions.deprecate(definition_id=definition_id, reason=body.reason, by=actor_of(request))


@router.post(
    "/definitions/{definition_id}/request-return",
    response={200: DefinitionSummary, **REFUSALS},
    operation_id="request_return_of_definition",
)
def request_return(request: HttpRequest, definition_id: DefinitionId, body: ReasonBody) -> DefinitionSummary:
    """Ask for a deprecated version to become active again. Another governance owner decides."""
    return actions.request_return(definition_id=definition_id, reason=body.reason, by=actor_of(request))


@router.post(
    "/definitions/{definition_id}/bring-back",
    response={200: DefinitionSummary, **REFUSALS},
    operation_id="bring_back_definition",
)
def bring_back(request: HttpRequest, definition_id: DefinitionId, body: ApprovalBody) -> DefinitionSummary:
    """Make a deprecated version active again, as another person has asked. Runs that waited for it go on."""
    return actions.bring_back(definition_id=definition_id, digest=body.digest, by=actor_of(request))


@router.post(
    "/definitions/{definition_id}/reject",
    response={200: DefinitionSummary, **REFUSALS},
    operation_id="reject_definition",
)
def reject_definition(request: HttpRequest, definition_id: DefinitionId, body: ReasonBody) -> DefinitionSummary:
    """Reject a proposal permanently."""
    return actions.reject(definition_id=definition_id, reason=body.reason, by=actor_of(request))
