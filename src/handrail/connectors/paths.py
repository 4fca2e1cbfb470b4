"""Values from outside in the path of a call: each is one segment, percent-encoded, or refused with the reason."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote, unquote

from handrail.kernel.errors import Misconfigured

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SEPARATORS = re.compile(r"[/\\]")
# Controls, half surrogate pairs.
_REFUSED = frozenset({"Cc", "Cs"})
_DOTS = frozenset({".", ".."})
# A server, and a proxy before it, may each decode what stands in a path.
_DECODED = 3


def checked_template(template: str, *, allowed: str, required: bool) -> str:
    """``template`` of a path, in which ``{allowed}`` stands once, or may be missing. Raises ValueError."""
    names = _PLACEHOLDER.findall(template)
    if not template.startswith("/") or "{" in _PLACEHOLDER.sub("", template):
        raise ValueError("must be a path that starts with a slash")
    if set(names) - {allowed} or (required and names != [allowed]):
        raise ValueError(f"must hold {{{allowed}}} {'once' if required else 'or nothing'} in braces")
    return template


def has_placeholder(template: str) -> bool:
    return _PLACEHOLDER.search(template) is not None


def why_not_segment(value: str) -> str | None:
    """Why ``value`` can't stand in a path, as "expected …"; None where it can.

    Dot segments are refused wherever decoding, once or more, could show one: some servers decode ``%2f`` and ``%2e``
    before they walk the path, and encoding a value again doesn't help against those that decode twice.
    """
    if not value.strip():
        return "expected something other than white space"
    if any(unicodedata.category(c) in _REFUSED for c in value):
        return "expected no control character and no half surrogate pair"
    decoded = value
    for _ in range(_DECODED):
        if _DOTS & set(_SEPARATORS.split(decoded)):
            return "expected no . or .. between slashes, which a server takes for another path"
        if any(unicodedata.category(c) in _REFUSED for c in decoded):
            return "expected no control character, also none that is percent-encoded"
        decoded = unquote(decoded)
    return None


def segment(value: str) -> str:
    """``value`` as one segment of a path. Raises ValueError with the reason."""
    if (why := why_not_segment(value)) is not None:
        raise ValueError(why)
    return quote(value, safe="")


def filled(template: str, name: str, value: str) -> str:
    """``template`` with ``{name}`` filled in. Raises Misconfigured (``refused-path``), which never quotes the value."""
    try:
        return template.replace(f"{{{name}}}", segment(value))
    except ValueError as error:
        raise Misconfigured(f"The {name} can't stand in the path of a call: {error}.", code="refused-path") from None
