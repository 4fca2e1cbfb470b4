"""The final URL of a call: inside the allowed origins, below the base path, and nothing that could be read two ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlencode, urljoin, urlsplit

import httpcore2

from handrail.connectors.config import split_origin
from handrail.kernel.errors import Misconfigured

MAX_URL = 8000
Origin = tuple[str, str, int]
QueryValues = Mapping[str, str | int | float | bool]

# RFC 3986: unreserved, sub-delims, gen-delims without "#" and "[]", and well-formed percent-encoding.
_ALLOWED = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
_SLASHES = re.compile(r"[/\\]")


def target_url(base_url: str, origins: frozenset[Origin], path: str, query: QueryValues | None = None) -> httpcore2.URL:
    """The URL to call: ``path`` below ``base_url``, or an absolute URL, in either case within ``origins``.

    Raises Misconfigured (``refused-path``, ``refused-origin``); the message never quotes the path.
    """
    absolute = path.startswith(("http://", "https://"))
    try:
        tail = path if not absolute else _tail_of(path)
    except ValueError:
        raise _unreadable() from None
    _check_tail(tail)
    url = path if absolute else base_url + path
    if query:
        url += ("&" if "?" in tail else "?") + urlencode({name: _text(value) for name, value in query.items()})
    if len(url) > MAX_URL:
        raise Misconfigured(f"The URL of a call is over {MAX_URL} characters.", code="refused-path")
    return _within(url, origins)


def joined(base: str, reference: str) -> str:
    """The URL of a URI reference that a service named. Raises Misconfigured (``refused-path``) for what is none."""
    try:
        return urljoin(base, reference)
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> Misconfigured:
    return Misconfigured("The URL of a call is none that can be read.", code="refused-path")


def _tail_of(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + ("?" + parts.query if parts.query else "") + ("#" if parts.fragment else "")


def _check_tail(tail: str) -> None:
    if not tail.startswith("/") or tail.startswith("//"):
        raise Misconfigured("The path of a call must start with exactly one slash.", code="refused-path")
    if not _ALLOWED.fullmatch(tail):
        raise Misconfigured("The path of a call holds a character that a URL can't have.", code="refused-path")
    # Decoded first: some servers decode "%2e%2e" and "%2f" before they walk the path.
    segments = _SLASHES.split(unquote(tail.partition("?")[0]))
    if any(segment in {".", ".."} for segment in segments):
        raise Misconfigured("The path of a call must not climb with . or .. segments.", code="refused-path")


def _within(url: str, origins: frozenset[Origin]) -> httpcore2.URL:
    try:
        scheme, host, port = split_origin(url)
    except ValueError as error:
        raise Misconfigured(f"The URL of a call {error}.", code="refused-origin") from None
    if (scheme, host, port) not in origins:
        raise Misconfigured(
            f"{scheme}://{host}:{port} is not among the allowed origins. Add it to allow, or fix the path.",
            code="refused-origin",
        )
    tail = _tail_of(url)
    return httpcore2.URL(scheme=scheme.encode(), host=host.encode("ascii"), port=port, target=tail.encode("ascii"))


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
