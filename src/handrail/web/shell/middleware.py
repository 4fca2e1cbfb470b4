"""The door to every page: who acts, who must log in first, and Handrail's errors turned into pages."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import structlog
from django.contrib.auth.views import redirect_to_login
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from handrail.access import actions as access_actions
from handrail.access import proofs
from handrail.access import queries as access
from handrail.access.actor import NOBODY, Actor
from handrail.kernel import scope
from handrail.kernel.errors import HandrailError, NotFound, ProofNeeded
from handrail.web.shell import errors, proving
from handrail.web.shell.request import PageRequest

log = structlog.get_logger("handrail.web")

INSIDE = "/admin"
WORKSPACE_KEY = "workspace"
# What somebody without any membership may still open.
OPEN_TO_ALL = frozenset({INSIDE})
# What somebody may open who has not shown the second factor that their workspace needs.
WITHOUT_FACTOR = (f"{INSIDE}/factors", f"{INSIDE}/workspaces")


class Refusals:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, plain: HttpRequest) -> HttpResponse:
        request = cast("PageRequest", plain)
        with scope.entered(scope.NOTHING):
            request.actor = _actor(request)
        with scope.entered(request.actor.scope):
            return self._answered(request)

    def _answered(self, request: PageRequest) -> HttpResponse:
        if not _inside(request):
            return self.get_response(request)
        response = _stopped_at_the_door(request) or self.get_response(request)
        if response.status_code == errors.METHOD_NOT_ALLOWED:
            response = errors.wrong_method(request, allowed=response.headers.get("Allow", ""))
        response.headers.setdefault("Cache-Control", "no-store")
        _remember(request, response)
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """A proof that came along with a form is looked at now, when the form is known to be ours."""
        asked = cast("PageRequest", request)
        return proving.accept(asked) or _without_factor(asked) if _inside(request) else None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """A page for errors raised on purpose and for a silent database; anything else is Django's to report."""
        if isinstance(error, ProofNeeded):
            return proving.ask(cast("PageRequest", request), error)
        if isinstance(error, HandrailError):
            return errors.refuse(cast("PageRequest", request), error)
        return errors.unreachable() if isinstance(error, OperationalError) else None


def _remember(request: PageRequest, response: HttpResponse) -> None:
    """Notes what the person has opened, where the page says so. Whether that works is nothing to the page."""
    opened = getattr(request, "opened", None)
    if opened is None or request.method != "GET" or response.status_code != HTTPStatus.OK:
        return
    try:
        access_actions.note_visit(request.actor, *opened)
    except DatabaseError:
        log.warning("a visit was not noted")


def _inside(request: HttpRequest) -> bool:
    return request.path_info == INSIDE or request.path_info.startswith(f"{INSIDE}/")


def _actor(request: PageRequest) -> Actor:
    if not request.user.is_authenticated:
        return NOBODY
    wanted = request.session.get(WORKSPACE_KEY)
    shown = proofs.of_session(request.session)
    actor = access.actor_for(request.user, wanted, proofs_at=shown)
    if actor is NOBODY and wanted is not None:  # the membership that the session remembers is gone
        del request.session[WORKSPACE_KEY]
        actor = access.actor_for(request.user, proofs_at=shown)
    return actor


def _stopped_at_the_door(request: PageRequest) -> HttpResponse | None:
    if not request.user.is_authenticated:
        login = redirect_to_login(request.get_full_path() if request.method == "GET" else resolve_url("home"))
        return HttpResponseClientRedirect(resolve_url("account_login")) if request.htmx else login
    if request.actor is NOBODY and request.path_info not in OPEN_TO_ALL:
        return errors.refuse(request, NotFound())
    return None


def _without_factor(request: PageRequest) -> HttpResponse | None:
    """Where the workspace needs a second factor: the page that asks for it, or on which it is enrolled."""
    if request.path_info.startswith(WITHOUT_FACTOR):
        return None
    try:
        proofs.require_factor(request.actor)
    except ProofNeeded as needed:
        return HttpResponseClientRedirect(resolve_url("home")) if request.htmx else proving.ask(request, needed)
    return None
