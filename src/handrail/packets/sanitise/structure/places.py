"""Where a capture carries parameters: queries and fragments, posted forms, hidden fields of a page, bodies."""

from __future__ import annotations

import binascii
import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

Parameters = dict[str, str]

SAML = frozenset({"SAMLRequest", "SAMLResponse", "wresult"})
_NAMED = frozenset({"location", "www-authenticate"})
_LENGTHS = frozenset(map(len, _NAMED))
_MOST_FIELDS = 200
_MAX_FORM = 4 * 1024 * 1024
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
# None of these can match twice over the same characters, so time stays linear however often a tag begins.
_INPUT = re.compile(r"<(?:input|textarea)\b[^<>]*>", re.I)
_NAME = re.compile(r"""\bname\s{0,5}=\s{0,5}["']?(SAMLRequest|SAMLResponse|wresult)\b""", re.I)
_VALUE = re.compile(r"""\bvalue\s{0,5}=\s{0,5}(?:"([^"]*)"|'([^']*)')""", re.I)
_SPELLING = {name.lower(): name for name in SAML}
_XML_HINTS = ("urn:oasis:names:tc:SAML:", "ws-trust", "/ws/2005/02/trust")
_TEXTUAL = ("json", "html", "xml", "text")


def pairs(items: Any) -> Iterator[tuple[str, str]]:
    """Name and value of each of a HAR's ``[{"name", "value"}]`` that has both as text."""
    for item in items if type(items) is list else ():
        if type(item) is dict:
            name, value = item.get("name"), item.get("value")
            if type(name) is str and type(value) is str:
                yield name, _plain(value) if name in SAML else value


def tells(text: str) -> bool:
    """Whether a digest can be made of anything in an address."""
    return "eyJ" in text or "error=" in text or "SAMLRe" in text or "wresult=" in text


def telling(items: Any) -> Iterator[tuple[str, str]]:
    """As ``pairs``, but only headers and cookies of which a digest can be made: few of the thousands in a capture."""
    for item in items if type(items) is list else ():
        try:
            name, value = item["name"], item["value"]
            if "eyJ" not in value and (len(name) not in _LENGTHS or name.lower() not in _NAMED):
                continue
        except (TypeError, KeyError):
            continue
        if type(name) is str and type(value) is str:
            yield name, value


def _plain(value: str) -> str:
    return unquote(value) if _ENCODED.search(value) else value


def of_url(url: str) -> Iterator[list[tuple[str, str]]]:
    """The parameters of its query, and those of its fragment."""
    rest, _, fragment = url.partition("#")
    for text in (rest.partition("?")[2], fragment.lstrip("/?")):
        if "=" in text:
            yield of_form(text)


def of_form(text: str) -> list[tuple[str, str]]:
    """The fields of an urlencoded form, the first 200 at most."""
    if len(text) > _MAX_FORM:
        return []
    try:
        fields = parse_qsl(text, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return []
    return fields


def hidden_fields(text: str) -> Iterator[tuple[str, str]]:
    """SAML messages in the form that a page posts by itself."""
    if not any(name in text for name in SAML):
        return
    for tag in _INPUT.finditer(text):
        named = _NAME.search(tag[0])
        value = _VALUE.search(tag[0]) if named else None
        if named is not None and value is not None:
            yield _SPELLING[named[1].lower()], html.unescape(value[1] if value[1] is not None else value[2])


def media_type(part: dict[str, Any]) -> str:
    kind = part.get("mimeType")
    return kind.partition(";")[0].strip().lower() if type(kind) is str else ""


def is_xml(text: str, kind: str) -> bool:
    """Whether a body may be a message by itself, as with SOAP."""
    return (
        ("xml" in kind or not kind) and text.lstrip()[:1] == "<" and any(hint in text[:10_000] for hint in _XML_HINTS)
    )


def decoded(text: str, kind: str) -> str:
    """A body that the capture holds in base64, if it may be text; else nothing."""
    if len(text) > _MAX_FORM or not any(word in kind for word in _TEXTUAL):
        return ""
    try:
        return binascii.a2b_base64(text).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
