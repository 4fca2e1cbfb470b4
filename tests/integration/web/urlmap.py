"""The URL map of the pages, walked: what tests of every route are generated from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Route:
    path: str
    parameters: tuple[str, ...]

    def url(self, values: Mapping[str, str]) -> str:
        text = self.path
        for name in self.parameters:
            text = text.replace(f"<{name}>", values[name])
        return f"/{text}"


def inside() -> list[Route]:
    """Every route under /admin."""
    return [route for route in _walk(get_resolver().url_patterns, "") if route.path.split("/")[0] == "admin"]


def everything() -> list[Route]:
    """Every route of the installation, the API's included, with the address of each as a template."""
    return list(_walk(get_resolver().url_patterns, "", whole=True))


def _walk(patterns: list[URLPattern | URLResolver], before: str, *, whole: bool = False) -> Iterator[Route]:
    for pattern in patterns:
        if not isinstance(pattern.pattern, RoutePattern):  # the API's; pages have plain routes only
            assert "admin" not in str(pattern.pattern)
            if whole:
                yield Route("api/no/such/address", ())
            continue
        text = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, text, whole=whole)
            continue
        for name, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            text = text.replace(f"<{kind}:{name}>", f"<{name}>").replace("<str:", "<")
        yield Route(text, tuple(pattern.pattern.converters))
