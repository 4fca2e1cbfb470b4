"""Which handler answers which method and path, and whose token opens it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from handrail.sandbox.wire import Reply, Request

Handler = Callable[[Request], Reply]
_PARAMETERS = re.compile(r"(\{\w+(?::path)?\})")
_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """``service`` names the bearer token that is asked for; an empty one means that anybody may."""

    service: str
    method: str
    pattern: re.Pattern[str]
    handler: Handler


class Service(Protocol):
    """One outside system of the estate."""

    def routes(self) -> list[Route]: ...


def route(service: str, method: str, path: str, handler: Handler) -> Route:
    """``{name}`` stands for one segment of the path, ``{name:path}`` for the rest of it. Method ``*`` is any."""
    parts = [
        f"(?P<{m[1]}>{'.*' if m[2] else '[^/]+'})" if (m := _PARAMETER.fullmatch(part)) else re.escape(part)
        for part in _PARAMETERS.split(path)
    ]
    return Route(service, method, re.compile("".join(parts)), handler)  # law: kept, our own paths


@dataclass(frozen=True, slots=True)
class Match:
    route: Route
    params: dict[str, str]


class Router:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = list(routes)

    def find(self, method: str, path: str) -> tuple[Match | None, bool]:
        """The first route that fits, and whether another method would."""
        other_method = False
        for candidate in self._routes:
            found = candidate.pattern.fullmatch(path)
            if found is None:
                continue
            if candidate.method in (method, "*"):
                return Match(candidate, {k: unquote(v) for k, v in found.groupdict().items()}), True
            other_method = True
        return None, other_method
