"""What no view answered for: a page for people, a problem document for programs."""

from __future__ import annotations

import sys

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse

from handrail.api import problems
from handrail.api.middleware import concerns
from handrail.web.shell import errors


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler400, such as for a Host that [web] allowed_hosts does not name."""
    if concerns(request):
        return problems.problem(400, "bad-request", "The request was refused before it was processed.")
    return errors.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500. Asks neither database nor session, for they may be what failed."""
    if not concerns(request):
        return errors.server_error(request)
    return problems.database_away() if isinstance(sys.exc_info()[1], OperationalError) else problems.broken()
