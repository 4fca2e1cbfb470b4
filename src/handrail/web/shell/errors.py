"""Every refusal and failure as a page that says what to do next. Nothing of the request is repeated in it."""

from __future__ import annotations

import sys
from http import HTTPStatus

import structlog
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from handrail.access import actions as access_actions
from handrail.kernel.errors import Denied, Fault, HandrailError, NotFound
from handrail.web.shell.request import PageRequest

log = structlog.get_logger("handrail.web")

METHOD_NOT_ALLOWED = HTTPStatus.METHOD_NOT_ALLOWED
WHERE_LIMIT = 200


def refuse(request: PageRequest, error: HandrailError) -> HttpResponse:
    """The page for an error raised on purpose. A denial is written to the audit log first."""
    if isinstance(error, Denied):
        access_actions.record_denial(error, by=request.actor, where=f"{request.method} {request.path}"[:WHERE_LIMIT])
    log.info("refused", code=error.code, status=error.status)
    return _page(request, error.status, error=error)


def wrong_method(request: HttpRequest, *, allowed: str) -> HttpResponse:
    response = _page(request, METHOD_NOT_ALLOWED)
    response.headers["Allow"] = allowed
    return response


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django's handler404
    return _page(request, NotFound.status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - as Django hands it over
    return HttpResponse(render_to_string("shell/errors/400.html"), status=HTTPStatus.BAD_REQUEST)


def unreadable(fault: Fault) -> HttpResponse:
    """For text that nothing can keep. Asks neither database nor session: cookies can't be read either."""
    return HttpResponse(
        render_to_string("shell/errors/unreadable.html", {"fault": fault}), status=HTTPStatus.BAD_REQUEST
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's CSRF_FAILURE_VIEW
    return HttpResponse(render_to_string("shell/errors/csrf.html"), status=HTTPStatus.FORBIDDEN)


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - as Django hands it over
    """For what nobody foresaw. Asks neither database nor session, for they may be what failed."""
    if isinstance(sys.exc_info()[1], OperationalError):
        return unreachable()
    number = structlog.contextvars.get_contextvars().get("request_id")
    page = render_to_string("shell/errors/500.html", {"number": number})
    return HttpResponse(page, status=HTTPStatus.INTERNAL_SERVER_ERROR)


def unreachable() -> HttpResponse:
    """The database is not responding."""
    log.error("database unreachable")
    page = render_to_string("shell/errors/503.html", {"database": True})
    return HttpResponse(page, status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": "5"})


def _page(request: HttpRequest, status: int, *, error: HandrailError | None = None) -> HttpResponse:
    return render(request, f"shell/errors/{int(status)}.html", {"error": error}, status=status)
