"""Pages that are looked at are read in one moment."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpResponse

from handrail.access.snapshot import snapshot
from handrail.web.shell.request import PageRequest

P = ParamSpec("P")


def in_one_moment(
    view: Callable[Concatenate[PageRequest, P], HttpResponse],
) -> Callable[Concatenate[PageRequest, P], HttpResponse]:
    """The page, read in one snapshot when it is only looked at. What is posted to it acts, and sees to itself."""

    @wraps(view)
    def seen(request: PageRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return view(request, *args, **kwargs)
        with snapshot():
            return view(request, *args, **kwargs)

    return seen
