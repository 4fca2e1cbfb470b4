"""Every refusal and failure as a problem document. Nothing of the request is repeated in it.

Format: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from handrail.kernel.errors import Fault, HandrailError, NotFound, Unavailable

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger("handrail.api")


@dataclass(frozen=True, slots=True)
class ProblemFault:
    """One thing wrong with the input: where, and what would be right."""

    where: str
    message: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """``code`` is stable: programs go by it. ``type`` is that code as a URN."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemFault]


def problem(
    status: int, code: str, detail: str, *, faults: Sequence[Fault] = (), headers: dict[str, str] | None = None
) -> JsonResponse:
    body: dict[str, Any] = {
        "type": f"urn:handrail:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [{"where": f.where, "message": f.message, "line": f.line, "column": f.column} for f in faults],
    }
    response = JsonResponse(body, status=status, content_type=MEDIA_TYPE, headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def of(error: HandrailError) -> JsonResponse:
    return problem(error.status, error.code, error.message, faults=error.faults)


def wrong_method(*, allowed: str) -> JsonResponse:
    detail = f"This address supports {allowed}." if allowed else "This address doesn't support that method."
    return problem(405, "method-not-allowed", detail, headers={"Allow": allowed})


def database_away() -> JsonResponse:
    log.error("database unreachable")
    detail = "The database is not responding. Try again in a few seconds."
    return problem(Unavailable.status, Unavailable.code, detail, headers={"Retry-After": "5"})


def broken() -> JsonResponse:
    """An unexpected error. The request's number finds it in the log; nothing else is disclosed."""
    number = structlog.contextvars.get_contextvars().get("request_id", "unknown")
    detail = f"Something went wrong on our side. Tell the team that runs Handrail the number of this request: {number}"
    return problem(500, "internal", detail)


@csrf_exempt
def nothing_here(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - the signature of a view
    """The answer for an address that there is none of: the same as for a thing that is not there."""
    return of(NotFound())
