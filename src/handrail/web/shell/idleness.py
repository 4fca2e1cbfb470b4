"""A person who leaves a page open and goes away is logged out. What a page does by itself doesn't count as activity."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from handrail.web.shell.request import PageRequest

SEEN = "seen"
# Activity is written once a minute at most: each is a write to the session's row.
EXACT_SECONDS = 60


class Idle:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, plain: HttpRequest) -> HttpResponse:
        request = cast("PageRequest", plain)
        if request.user.is_authenticated:
            _look(request, at=int(time.time()), limit=settings.HANDRAIL_IDLE_SECONDS)
        return self.get_response(request)


def _look(request: PageRequest, *, at: int, limit: int) -> None:
    seen = request.session.get(SEEN)
    if seen is not None and at - seen >= limit:
        logout(request)
    elif not _by_itself(request) and (seen is None or at - seen >= EXACT_SECONDS):
        request.session[SEEN] = at


def _by_itself(request: PageRequest) -> bool:
    return bool(request.htmx) and request.method == "GET"
