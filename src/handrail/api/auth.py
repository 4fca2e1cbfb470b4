"""Who calls: a personal access token in the Authorization header, or the session of somebody who is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import structlog
from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from handrail.access import tokens
from handrail.access.actor import NOBODY, Actor
from handrail.access.proofs import require_factor
from handrail.kernel import scope

if TYPE_CHECKING:

    class ActorRequest(HttpRequest):
        actor: Actor


class Token(HttpBearer):
    """``Authorization: Bearer hrt_…``, made by its member on the page Tokens."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        return _recognised(request, tokens.bearer(token, address=_address()))


class Session(APIKeyCookie):
    """The session cookie of the pages, with their CSRF token for anything that changes something."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Any:
        # Without a cookie there is no session to protect: the answer is then 401, not a CSRF failure.
        return super().__call__(request) if self.param_name in request.COOKIES else None

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:  # noqa: ARG002 - the session is read already
        actor = actor_of(request)
        require_factor(actor)
        return _recognised(request, actor)


def actor_of(request: HttpRequest) -> Actor:
    """The caller: set by the door of the pages for sessions, and by ``Token`` for tokens."""
    return cast("ActorRequest", request).actor


def _address() -> str:
    """Where the request came from, as its log lines name it: behind a proxy, what the proxy saw."""
    return str(structlog.contextvars.get_contextvars().get("ip") or "")


def _recognised(request: HttpRequest, actor: Actor) -> Actor | None:
    if actor is NOBODY:
        return None
    cast("ActorRequest", request).actor = actor
    scope.change(actor.scope)  # until the door of the pages, which entered one, leaves it
    return actor
