"""What passes for a reference of the desk, and for an address of it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from handrail.connectors.config import is_default_port, split_origin

MAX_REFERENCE = 64
MAX_URL = 2000
# RFC 3986's characters. A backslash, white space or a control is how one URL gets read as two.
_URL = re.compile(r"(?i:https?)://[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


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
        raise ValueError("must be a regular expression without look-around or back references") from None


def is_reference(text: str, pattern: str) -> bool:
    """Whether the whole of ``text`` is a reference of the desk, at most 64 characters long."""
    try:
        reference_checker(pattern).validate_python(text)
    except ValidationError:
        return False
    return True


def checked_url(url: str, origin: str) -> str | None:
    """``url`` with its origin in plain form, or None unless it is an http(s) URL of that origin, without user.

    Plain: scheme and host in lower case, and no port where it is the scheme's own.
    """
    if len(url) > MAX_URL or not _URL.fullmatch(url.strip()):
        return None
    try:
        scheme, host, port = split_origin(url.strip())
        if (scheme, host, port) != split_origin(origin):
            return None
    except ValueError:
        return None
    name = f"[{host}]" if ":" in host else host
    return urlunsplit(
        urlsplit(url.strip())._replace(netloc=name if is_default_port(scheme, port) else f"{name}:{port}")
    )


def origin_of(url: str) -> str:
    """Scheme, host and port of an absolute URL, as an origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
