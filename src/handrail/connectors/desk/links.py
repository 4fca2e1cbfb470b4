"""A ticket that a person names, by reference or by a pasted URL, made into one reference and one URL."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from handrail.connectors.config import split_origin
from handrail.connectors.desk.template import Scope, render_url

MAX_REFERENCE = 64
MAX_URL = 2000
# RFC 3986's characters. A backslash, white space or a control is how one URL gets read as two.
_URL = re.compile(r"(?i:https?)://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
# What may stand in a URL where the reference or anything else is expected; {any} is one piece between separators.
_PIECES = {"{reference}": r"(?P<reference>[A-Za-z0-9._-]{1,64})", "{any}": r"[^/?#&]{1,200}"}
_HOLE = re.compile(r"(\{reference\}|\{any\})")


@lru_cache(maxsize=32)
def reference_checker(pattern: str) -> TypeAdapter[str]:
    """Matches a whole reference in linear time: the engine (Rust's regex, by pydantic) never backtracks.

    Raises ValueError for a pattern that the engine does not know, such as one with look-around or back references.
    """
    try:
        TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])  # alone: it must not break out of the group
        whole = StringConstraints(pattern=rf"\A(?:{pattern})\z", max_length=MAX_REFERENCE)
        return TypeAdapter(Annotated[str, whole])
    except SchemaError:
        raise ValueError("is no regular expression without look-around and back references") from None


def is_reference(text: str, pattern: str) -> bool:
    """Whether the whole of ``text`` is a reference of the desk, at most 64 characters long."""
    try:
        reference_checker(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


def checked_url(url: str, origin: str) -> str | None:
    """``url`` with scheme and host in lower case, or None unless it is an http(s) URL of that origin, without user."""
    if len(url) > MAX_URL or not _URL.fullmatch(url.strip()):
        return None
    try:
        parts = urlsplit(url.strip())
        if split_origin(parts.geturl()) != split_origin(origin):
            return None
    except ValueError:
        return None
    return urlunsplit(parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()))


def reference_in(url: str, templates: tuple[str, ...], scope: Scope) -> tuple[bool, str | None]:
    """Whether ``url`` looks like one of the configured ticket pages, and the reference that it holds, if any."""
    for template in templates:
        found = _compiled(render_url(template, {**scope, "reference": "\0r", "any": "\0a"})).fullmatch(url)
        if found:
            return True, found.groupdict().get("reference")
    return False, None


@lru_cache(maxsize=64)
def _compiled(template: str) -> re.Pattern[str]:
    """A rendered template as a pattern. What follows the page's own address (a fragment, more query) is allowed."""
    marked = template.replace("%00r", "{reference}").replace("%00a", "{any}")
    pieces = (_PIECES.get(piece) or re.escape(piece) for piece in _HOLE.split(marked))
    return re.compile("".join(pieces) + r"(?:[/?#&].*)?")


def origin_of(url: str) -> str:
    """Scheme, host and port of an absolute URL, as an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
