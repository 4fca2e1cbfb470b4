"""The whole of a list that a service gives out page by page, where each page links to the next."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from pydantic import JsonValue

from handrail.connectors.http import Client, Exchange, to_current, unusable
from handrail.connectors.http.pacing import NO_TURN, NoTurn, working
from handrail.connectors.http.urls import QueryValues, joined
from handrail.connectors.http.wholeness import Part, list_path, part_of
from handrail.connectors.outcome import Answer, Failure
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Misconfigured

MAX_PAGES = 100
_NO_URL = "the next page of its list has no URL that can be read"
_ACCEPT = {"accept": "application/json"}


@dataclass(slots=True)
class _Joined:
    """``items`` of all pages so far; ``pages``: a digest of each, to notice one that comes again."""

    items: list[JsonValue] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Whole:
    """A reader of whole answers, under one deadline and one limit of bytes for all pages together."""

    client: Client

    def get(self, path: str, query: QueryValues, within_seconds: float) -> Answer:
        """The answer, or all pages of the list that begins with it, as one answer around all items.

        Its failure is ``partial`` where the rest can't be gathered: no link leads to it, it is elsewhere, over
        ``MAX_PAGES`` pages, without a turn in time, or no list; ``changed`` where pages overlap; else that of the page
        which failed.
        """
        started = working()
        exchange = self._send(path, query, within_seconds, self.client.config.max_bytes)
        answer = to_current(exchange)
        if answer.failure is not None or not _is_success(answer):
            return answer
        part = part_of(answer.status, exchange.headers, answer.body)
        if part is None:
            return answer
        if part.following is None or list_path(answer.body) is None:
            return unusable(answer, Failure.PARTIAL, part.why)
        try:
            url = joined(self.client.config.base_url + path, part.following)
        except Misconfigured:
            return unusable(answer, Failure.PARTIAL, _NO_URL)
        whole = self._follow(url, exchange, answer, started + within_seconds)
        return replace(whole, seconds=working() - started)

    def _follow(self, url: str, exchange: Exchange, answer: Answer, expires_at: float) -> Answer:
        gathered = _Joined()
        for _ in range(MAX_PAGES):
            if (failed := _take(answer, exchange, gathered)) is not None:
                return failed
            if (left := expires_at - working()) <= 0:
                return Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND)
            try:
                exchange = self._send(url, None, left, self.client.config.max_bytes - gathered.size)
            except Misconfigured:
                why = "the next page of its list is at an origin that is not in allow"
                return unusable(answer, Failure.PARTIAL, why)
            except NoTurn:
                return unusable(answer, Failure.PARTIAL, NO_TURN)
            answer = to_current(exchange)
            if answer.failure is not None or not _is_success(answer):
                return answer
            part = part_of(answer.status, exchange.headers, answer.body, first=False)
            if part is None or part.following is None:
                return self._joined(answer, exchange, gathered)
            try:
                url = joined(url, part.following)
            except Misconfigured:
                return unusable(answer, Failure.PARTIAL, _NO_URL)
        return unusable(answer, Failure.PARTIAL, f"its list has over {MAX_PAGES} pages")

    def _joined(self, answer: Answer, exchange: Exchange, gathered: _Joined) -> Answer:
        """The last page's envelope around all items, if nothing in it says that some are missing."""
        if (failed := _take(answer, exchange, gathered)) is not None:
            return failed
        body = _around(answer.body, list_path(answer.body) or (), gathered.items)
        part: Part | None = part_of(answer.status, exchange.headers, body, first=False)
        if part is not None:
            return unusable(answer, Failure.PARTIAL, part.why)
        digest = digest_bytes(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
        return replace(answer, body=body, etag=None, digest=digest)

    def _send(self, path: str, query: QueryValues | None, within_seconds: float, limit: int) -> Exchange:
        return self.client.send(
            "GET", path, query=query, headers=_ACCEPT, deadline_seconds=within_seconds, max_bytes=max(limit, 1)
        )


def _is_success(answer: Answer) -> bool:
    return answer.status is not None and 200 <= answer.status < 300  # noqa: PLR2004 - HTTP success


def _take(page: Answer, exchange: Exchange, gathered: _Joined) -> Answer | None:
    """Adds the page's items; the failed answer if they don't fit to those before."""
    path = list_path(page.body)
    found = page.body
    for name in path or ():
        found = found[name] if isinstance(found, dict) else None
    if path is None or not isinstance(found, list):
        return unusable(page, Failure.PARTIAL, "one page of its list holds no list, or several")
    digest = digest_bytes(json.dumps(found, sort_keys=True, separators=(",", ":")).encode())
    if found and digest in gathered.pages:
        return unusable(page, Failure.PARTIAL, "it answers several pages of its list with the same")
    ids = {json.dumps(item["id"]) for item in found if isinstance(item, dict) and item.get("id") is not None}
    if ids & gathered.ids:
        return unusable(page, Failure.CHANGED)
    gathered.pages.add(digest)
    gathered.ids |= ids
    gathered.items += found
    gathered.size += len(exchange.body)
    return None


def _around(envelope: JsonValue, path: tuple[str, ...], items: list[JsonValue]) -> JsonValue:
    if not path:
        return items
    assert isinstance(envelope, dict)  # list_path came this way
    return {**envelope, path[0]: _around(envelope[path[0]], path[1:], items)}
