"""A person who leaves a page open and goes away is logged out. What a page does by itself doesn't count as activity.

So is everybody some time after logging in, however busy: Django counts a session's age from when it was last written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from handrail.access import sessions
from handrail.web.shell.accounts import forget, record_logout
from handrail.web.shell.request import PageRequest

SEEN = "seen"
# Activity is written once a minute at most: each is a write to the session's row.
EXACT_SECONDS = 60


class Idle:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, plain: HttpRequest) -> HttpResponse:
        request = cast("PageRequest", plain)
        ended = request.user.is_authenticated and _look(
            request, at=int(time.time()), limit=settings.HANDRAIL_IDLE_SECONDS
        )
        response = self.get_response(request)
        return forget(response) if ended else response


def _look(request: PageRequest, *, at: int, limit: int) -> bool:
    """Whether the person has just been logged out."""
    seen, begun = request.session.get(SEEN), sessions.begun_at(request.session, default=at)
    idle, old = seen is not None and at - seen >= limit, at - begun >= settings.SESSION_COOKIE_AGE
    if idle or old:
        record_logout(request, cause="idle" if idle else "age")
        logout(request)
        return True
    if not _by_itself(request) and (seen is None or at - seen >= EXACT_SECONDS):
        request.session[SEEN] = at
    return False


def _by_itself(request: PageRequest) -> bool:
    return bool(request.htmx) and request.method == "GET"
