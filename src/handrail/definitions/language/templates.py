"""Texts with placeholders such as ``/tenants/{task.tenant_id}``, escaped for the place where they stand.

A placeholder holds one declared dotted name and nothing else; ``{{`` and ``}}`` are literal braces.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from urllib.parse import quote

from pydantic import JsonValue

from handrail.connectors.paths import why_not_segment
from handrail.definitions.language.names import DOTTED, Absent, lookup
from handrail.kernel.errors import Invalid

MAX_TEMPLATE = 2000
MAX_RENDERED = 64 * 1024

_ESCAPED = re.compile(r"\\.")
_TOKEN = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}]|[^{}]+")


class Escaping(StrEnum):
    """Where a template stands; it decides how values are escaped."""

    PATH = "path"  # each value is one URL path segment, percent-encoded
    QUERY = "query"  # a value as it is; the connector encodes it
    FILTER = "filter"  # a SCIM filter: inside quotes escaped as JSON text, outside a JSON literal (RFC 7644 §3.4.2.2)
    TEXT = "text"  # an identifier: never empty, "." or ".."
    JSON = "json"  # a string that is one placeholder keeps the value's type; elsewhere as text


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One placeholder. ``quoted``: it stands between double quotes of a filter."""

    name: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: literal parts and names, in order."""

    source: str
    parts: tuple[str | Placeholder, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts if isinstance(part, Placeholder))

    @property
    def whole(self) -> str | None:
        """The one name that the text consists of, if it is exactly one placeholder."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only.name if isinstance(only, Placeholder) else None


def parse(source: str) -> Template:
    """Raises ValueError naming what is wrong with a placeholder."""
    if len(source) > MAX_TEMPLATE:
        raise ValueError(f"{len(source)} characters; at most {MAX_TEMPLATE} are allowed")
    parts: list[str | Placeholder] = []
    quoted = False
    for token in _TOKEN.findall(source):
        if token in ("{{", "}}"):
            parts.append(token[0])
        elif token in ("{", "}"):
            raise ValueError("a brace outside a placeholder; write {{ or }} for a literal brace")
        elif token.startswith("{"):
            parts.append(Placeholder(_name(token), quoted))
        else:
            quoted ^= _quotes(token) % 2 == 1
            parts.append(token)
    return Template(source, tuple(parts))


def _name(token: str) -> str:
    name = token[1:-1]
    if not DOTTED.fullmatch(name):
        raise ValueError(f"the placeholder {token[:60]} must hold one dotted name, such as {{task.tenant_id}}")
    return name


def _quotes(literal: str) -> int:
    return _ESCAPED.sub("", literal).count('"')


def render(template: Template, scope: Mapping[str, Any], place: Escaping) -> str:
    """The text with every value escaped for ``place``.

    Raises Invalid (``placeholder``) when a value is absent, null, a list or an object, or can't stand there.
    """
    pieces = [part if isinstance(part, str) else _escaped(part, scope, place) for part in template.parts]
    text = "".join(pieces)
    if len(text) > MAX_RENDERED:
        raise Invalid(f"{template.source!r} grows to {len(text)} characters.", code="placeholder")
    return text


def render_json(value: JsonValue, scope: Mapping[str, Any]) -> JsonValue:
    """A JSON body with its placeholders filled in. A string that is exactly one placeholder keeps the value's type."""
    if isinstance(value, dict):
        return {key: render_json(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [render_json(item, scope) for item in value]
    if not isinstance(value, str):
        return value
    template = parse(value)
    if template.whole is not None:
        return cast("JsonValue", _value(template.whole, scope))
    return render(template, scope, Escaping.JSON)


def _value(name: str, scope: Mapping[str, Any]) -> Any:
    try:
        return lookup(name, scope)
    except Absent:
        raise Invalid(f"The placeholder {{{name}}} has no value here.", code="placeholder") from None


def _escaped(part: Placeholder, scope: Mapping[str, Any], place: Escaping) -> str:
    value = _value(part.name, scope)
    if value is None or isinstance(value, dict | list):
        kind = "null" if value is None else "a list" if isinstance(value, list) else "an object"
        raise Invalid(f"The placeholder {{{part.name}}} is {kind} and can't stand in a {place}.", code="placeholder")
    if isinstance(value, str):
        _refuse_text(part.name, value, place)
    return _ESCAPES[place](value, part.quoted)


def _refuse_text(name: str, value: str, place: Escaping) -> None:
    if place is Escaping.JSON:
        return
    if place in (Escaping.PATH, Escaping.TEXT) and value in ("", ".", ".."):
        raise Invalid(f"The placeholder {{{name}}} is {value!r}, which can't stand in a {place}.", code="placeholder")
    if place is Escaping.PATH and value.strip() and (why := why_not_segment(value)) is not None:
        raise Invalid(f"The placeholder {{{name}}} can't stand in a path: {why}.", code="placeholder")
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise Invalid(f"The placeholder {{{name}}} holds a control character.", code="placeholder")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _in_filter(value: Any, quoted: bool) -> str:
    if quoted:
        return json.dumps(_text(value), ensure_ascii=False)[1:-1]
    return json.dumps(value, ensure_ascii=False)


_ESCAPES: Mapping[Escaping, Callable[[Any, bool], str]] = {
    Escaping.PATH: lambda value, _: quote(_text(value), safe=""),
    Escaping.QUERY: lambda value, _: _text(value),
    Escaping.FILTER: _in_filter,
    Escaping.TEXT: lambda value, _: _text(value),
    Escaping.JSON: lambda value, _: _text(value),
}
