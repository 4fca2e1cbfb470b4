"""Ticket pages that people paste, recognised by the configured patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from handrail.connectors.template import Scope, render_page

_PIECE = r"[^/?#&]{1,200}"
_HOLES = {"\0r": f"(?P<reference>{_PIECE})", "\0a": _PIECE}
_ANY_FRAGMENT = re.compile(r"(?P<page>).*")
_HOLE = re.compile("((?:\0|%00)[ra])")  # encoded, but for the values of the query, which are compared decoded
# What may follow: a view of the ticket in the path, further pieces in a value or in the fragment.
_MORE_PATH, _MORE = r"(?:/.*)?", r"(?:[/?#&].*)?"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the desk: its address, and the reference that the address holds, if any."""

    url: str
    reference: str | None = None


def recognised(url: str, templates: tuple[str, ...], constants: Scope) -> Page | None:
    """``url`` as one of the ticket pages of ``templates``, without anything that its template does not name.

    ``url`` and the templates must be of the same origin already. Letter case does not matter, nor does what a browser
    adds: further parts of the query, a fragment, a view of the ticket behind its path.
    """
    for template in templates:
        marked = render_page(template, constants, {"reference": "\0r", "any": "\0a"})
        if page := _pattern(marked).read(urlsplit(url)):
            return page
    return None


@dataclass(frozen=True, slots=True)
class _Pattern:
    path: re.Pattern[str]
    query: tuple[tuple[str, re.Pattern[str]], ...]
    fragment: re.Pattern[str]

    def read(self, parts: SplitResult) -> Page | None:
        matches = list(self._matches(parts))
        kept = [match["page"] for match in matches if match]
        if len(kept) < len(matches):
            return None
        path, *values, fragment = kept
        query = urlencode([(name, value) for (name, _), value in zip(self.query, values, strict=True)], quote_via=quote)
        held = (unquote(match["reference"]) for match in matches if match and "reference" in match.re.groupindex)
        return Page(urlunsplit(parts._replace(path=path, query=query, fragment=fragment)), next(held, None))

    def _matches(self, parts: SplitResult) -> Iterator[re.Match[str] | None]:
        given = parse_qsl(parts.query, keep_blank_values=True)
        yield self.path.fullmatch(parts.path or "/")
        for name, pattern in self.query:
            values = [value for key, value in given if key == name]
            yield pattern.fullmatch(values[0]) if len(values) == 1 else None
        yield self.fragment.fullmatch(parts.fragment)


@lru_cache(maxsize=64)
def _pattern(marked: str) -> _Pattern:
    parts = urlsplit(marked)
    path, fragment = parts.path or "/", parts.fragment
    query = parse_qsl(parts.query, keep_blank_values=True)
    return _Pattern(
        path=_compiled(path, more="" if query or fragment else _MORE_PATH),
        query=tuple((name, _compiled(value, more=_MORE)) for name, value in query),
        fragment=_compiled(fragment, more=_MORE) if fragment else _ANY_FRAGMENT,
    )


def _compiled(text: str, *, more: str) -> re.Pattern[str]:
    split = _HOLE.split(text)
    pieces = "".join(_HOLES[piece.replace("%00", "\0")] if n % 2 else re.escape(piece) for n, piece in enumerate(split))
    return re.compile(f"(?P<page>{pieces}){more}", re.IGNORECASE | re.DOTALL)  # law: kept, of the settings
