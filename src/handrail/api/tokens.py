"""Access tokens: one's own, created and revoked; those of the workspace, listed and revoked by who manages members."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status
from pydantic import ConfigDict, Field

from handrail.access import tokens
from handrail.access.tokens import Issued, TokenSummary
from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS

router = Router()

TokenRef = Annotated[str, Path(pattern=r"^TOK-[0-9A-Z]{1,20}$", description="The token's reference, TOK-….")]
Scope = Annotated[str, Field(min_length=1, max_length=40)]


class TokenBody(Schema):
    """``scopes``: ``read``, or names of acts such as ``run:start`` (docs/reference/roles.md). ``days``: until it
    expires; without it as many as the installation says."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[str, Field(min_length=1, max_length=200)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=100)] = list(tokens.DEFAULT_SCOPES)
    days: Annotated[int, Field(ge=1, le=3660)] | None = None


@router.get("/tokens", response={200: list[TokenSummary], **REFUSALS}, operation_id="list_tokens")
def list_tokens(request: HttpRequest, everyone: bool = False) -> list[TokenSummary]:
    """Your own tokens, newest first; with ``everyone`` those of all members, for who may see members. No secrets."""
    who = actor_of(request)
    return tokens.list_tokens(who) if everyone else tokens.list_own(who)


@router.post("/tokens", response={201: Issued, **REFUSALS}, operation_id="create_token")
def create_token(request: HttpRequest, body: TokenBody) -> Status[Issued]:
    """A new token of your own, with its secret, which is shown this once. Needs a session: no token creates another."""
    issued = tokens.issue(name=body.name, days=body.days, scopes=body.scopes, by=actor_of(request))
    return Status(201, issued)


@router.post("/tokens/{ref}/revoke", response={204: None, **REFUSALS}, operation_id="revoke_token")
def revoke_token(request: HttpRequest, ref: TokenRef) -> Status[None]:
    """Revoke a token immediately: your own, or another member's if you manage members. A token can revoke itself."""
    tokens.revoke(ref=ref, by=actor_of(request))
    return Status(204, None)
