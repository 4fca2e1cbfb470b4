"""Placeholders in configuration: ``{name}``; ``{{`` and ``}}`` stand for the braces themselves."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import quote

from pydantic import JsonValue

from handrail.kernel.errors import Fault

_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[a-z][a-z0-9_]*)\}|(?P<stray>[{}])")
_WHOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")

_URLS = frozenset({"base_url", "web"})

Scope = Mapping[str, JsonValue]


def faults_in(
    where: str, template: JsonValue, known: Collection[str], *, values: str = "[desk.values]"
) -> Iterator[Fault]:
    """What is wrong with a template (a string, or JSON with strings in it): stray braces and names not ``known``.
    ``values``: the section of names that an installation adds."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            yield from faults_in(f"{where}.{key}", value, known, values=values)
    elif isinstance(template, list):
        for index, value in enumerate(template):
            yield from faults_in(f"{where}.{index}", value, known, values=values)
    elif isinstance(template, str):
        yield from _faults_in_text(where, template, known, values)


def _faults_in_text(where: str, text: str, known: Collection[str], values: str) -> Iterator[Fault]:
    for token in _TOKEN.finditer(text):
        if token["stray"]:
            yield Fault(where, f"has a stray {token['stray']} at character {token.start() + 1}; write it twice")
        elif token["name"] and token["name"] not in known:
            yield Fault(
                where,
                f"names {{{token['name']}}}, which is not set; add it under {values} or use one of "
                f"{', '.join(sorted(known))}",
            )


def render(template: JsonValue, scope: Scope) -> JsonValue:
    """JSON with its placeholders filled in. A string that is one placeholder takes over the value and its type.

    A field or item whose one placeholder has no value (None) is left out.
    """
    if isinstance(template, Mapping):
        rendered = {key: render(value, scope) for key, value in template.items()}
        return {key: value for key, value in rendered.items() if value is not None}
    if isinstance(template, list):
        return [value for value in (render(item, scope) for item in template) if value is not None]
    if not isinstance(template, str):
        return template
    whole = _WHOLE.fullmatch(template)
    return scope[whole[1]] if whole else render_text(template, scope)


def render_text(template: str, scope: Scope) -> str:
    """A string with its placeholders filled in; a placeholder without value gives nothing."""
    return _TOKEN.sub(lambda token: _text(token, scope), template)


def render_url(template: str, scope: Scope) -> str:
    """As ``render_text``, every value percent-encoded as one piece of a path or query."""
    return render_text(template, {name: quote(_plain(value), safe="") for name, value in scope.items()})


def render_page(template: str, constants: Scope, ticket: Scope) -> str:
    """The address of a page: a ticket's own values are each one piece of it, as in ``render_url``.

    Constants come from configuration: in a page's address one may be a path of several pieces (a group's project), so
    that its slashes stay. ``base_url`` and ``web`` are whole URLs, and are kept as they are.
    """
    paths = {name: value if name in _URLS else quote(_plain(value)) for name, value in constants.items()}
    return render_text(template, paths | {name: quote(_plain(value), safe="") for name, value in ticket.items()})


def names_in(template: JsonValue) -> set[str]:
    """The placeholders that a template names: a string, or JSON with strings in it."""
    if isinstance(template, Mapping):
        return {name for value in template.values() for name in names_in(value)}
    if isinstance(template, list):
        return {name for value in template for name in names_in(value)}
    if not isinstance(template, str):
        return set()
    return {token["name"] for token in _TOKEN.finditer(template) if token["name"]}


def _text(token: re.Match[str], scope: Scope) -> str:
    return _plain(scope[token["name"]]) if token["name"] else token[0][0]


def _plain(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
