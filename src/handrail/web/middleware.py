"""Puts the actor on the request, and turns Handrail's errors into pages: the HTML face's one error handler."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from handrail.access import actions as access_actions
from handrail.access import queries as access
from handrail.access.actor import NOBODY
from handrail.kernel.errors import Denied, HandrailError

log = structlog.get_logger("handrail.web")


class Refusals:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        request.actor = (  # type: ignore[attr-defined]
            access.actor_for(user, request.session.get("workspace")) if user.is_authenticated else NOBODY
        )
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A page for errors raised on purpose; anything else is Django's to report."""
        if not isinstance(error, HandrailError):
            return None
        if isinstance(error, Denied):
            actor = request.actor  # type: ignore[attr-defined]
            access_actions.record_denial(error, by=actor, where=request.path[:200])
        log.info("refused", code=error.code, status=error.status)
        return render(request, f"errors/{error.status}.html", {"error": error}, status=error.status)
