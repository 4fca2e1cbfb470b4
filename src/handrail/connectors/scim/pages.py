"""All resources that match a query, page by page, under one deadline and one cap.

``totalResults`` is not believed where nothing confirms it: some services count the page there. So after a page that
claims to be everything, the resources behind it are asked for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pydantic import JsonValue

from handrail.connectors.http import Client, read_failed, to_current, to_reading
from handrail.connectors.http.pacing import working
from handrail.connectors.outcome import Answer, Failure, ReadFailed, Reading
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now

_ACCEPT = {"accept": "application/scim+json, application/json"}
_OK = 200
_CLIENT_ERRORS = range(400, 500)
_NOT_OF_THE_POSITION = frozenset({401, 403, 408, 425, 429})


@dataclass(slots=True)
class _Gathered:
    """What came so far. ``total`` is None before the first page; ``full`` is how many the largest page had."""

    resources: dict[str, JsonValue] = field(default_factory=dict)  # by id
    total: int | None = None
    full: int = 0
    counts_page: bool = False  # totalResults turned out to be the number of resources on the page
    is_proven: bool = False  # totalResults was more than the page had, so it is what it should be
    asks_for_less: bool = False  # does the service regard count at all?
    cursor: str | None = None  # RFC 9865: where the next page is
    is_over: bool = False

    @property
    def has_all(self) -> bool:
        return len(self.resources) == self.total


@dataclass(frozen=True, slots=True)
class _Page:
    total: int
    resources: dict[str, JsonValue]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Pages:
    """A reader of lists (RFC 7644 §3.4.2.4, RFC 9865), of at most ``cap`` resources."""

    name: str
    client: Client
    page_size: int
    cap: int

    def gather(self, path: str, parameters: dict[str, str], within_seconds: float) -> Reading:
        """The whole list, sorted by id, without a version.

        Raises ReadFailed: a page failed, time is up, the list is over the cap, is malformed, or changed between pages;
        for good (``partial``) if the service answers every position with the same page.
        """
        expires_at = working() + within_seconds
        gathered = _Gathered()
        while not gathered.is_over:
            left = expires_at - working()
            if left <= 0:
                raise read_failed(self.name, Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND))
            answer = self._ask(path, parameters, gathered, left)
            if self._refuses_the_position(answer) and self._may_be_all(gathered):
                break
            self._take(self._page(to_reading(self.name, answer).value), gathered)
        resources: JsonValue = [gathered.resources[id_] for id_ in sorted(gathered.resources)]
        digest = digest_bytes(json.dumps(resources, sort_keys=True, separators=(",", ":")).encode())
        return Reading(value=resources, version=None, digest=digest, status=_OK, read_at=now())

    def _ask(self, path: str, parameters: dict[str, str], gathered: _Gathered, within_seconds: float) -> Answer:
        position: dict[str, str | int] = {"startIndex": len(gathered.resources) + 1}
        if gathered.asks_for_less:
            position = {"startIndex": 1}
        if gathered.cursor is not None:
            position = {"cursor": gathered.cursor}
        exchange = self.client.send(
            "GET",
            path,
            query={**parameters, **position, "count": self.page_size - gathered.asks_for_less},
            headers=_ACCEPT,
            deadline_seconds=within_seconds,
        )
        return to_current(exchange)

    def _refuses_the_position(self, answer: Answer) -> bool:
        status = answer.status
        return answer.failure is None and status in _CLIENT_ERRORS and status not in _NOT_OF_THE_POSITION

    def _may_be_all(self, gathered: _Gathered) -> bool:
        """The total has come, on a page that was not cut at ``count``: with room for more, or without regard to it."""
        return gathered.has_all and len(gathered.resources) != self.page_size

    def _page(self, body: JsonValue) -> _Page:
        listed = body if isinstance(body, dict) else {}
        total, resources = listed.get("totalResults"), listed.get("Resources", [])
        if not isinstance(total, int) or isinstance(total, bool) or total < 0 or not isinstance(resources, list):
            raise self._failed("its list has no totalResults or no Resources")
        if total > self.cap:
            raise self._failed(f"{total} resources match, and max_resources is {self.cap}")
        found: dict[str, JsonValue] = {}
        for resource in resources:
            id_ = resource.get("id") if isinstance(resource, dict) else None
            if not isinstance(id_, str):
                raise self._failed("a resource in its list has no id")
            if id_ in found:
                raise self._changed()
            found[id_] = resource
        cursor = listed.get("nextCursor")
        return _Page(total, found, cursor if isinstance(cursor, str) and cursor else None)

    def _take(self, page: _Page, gathered: _Gathered) -> None:
        if gathered.total is None:
            if page.total and not page.resources:
                raise self._changed()
            self._add(page, gathered)
        elif gathered.resources.keys() & page.resources.keys():
            self._came_again(page, gathered)
        elif page.resources:
            self._went_on(page, gathered)
        elif not gathered.has_all or page.total not in {0, gathered.total}:
            raise self._changed()
        else:
            gathered.is_over = True

    def _add(self, page: _Page, gathered: _Gathered) -> None:
        gathered.resources |= page.resources
        if len(gathered.resources) > self.cap:
            raise self._failed(f"more resources match than max_resources, {self.cap}")
        gathered.total = len(gathered.resources) if gathered.counts_page else page.total
        if len(gathered.resources) > gathered.total:
            raise self._failed("its list holds more than totalResults")
        gathered.is_proven = gathered.is_proven or page.total > len(page.resources)
        gathered.full = max(gathered.full, len(page.resources))
        gathered.cursor = page.cursor
        was_last = gathered.counts_page and len(page.resources) < gathered.full
        is_complete = gathered.has_all and (gathered.is_proven or not gathered.resources)
        gathered.is_over = page.cursor is None and (was_last or is_complete)

    def _went_on(self, page: _Page, gathered: _Gathered) -> None:
        """New resources. Beyond what the total promised, they show that it counts the page."""
        if gathered.has_all and not gathered.is_proven and page.total == len(page.resources):
            gathered.counts_page = True
        elif page.total != gathered.total:
            raise self._changed()
        self._add(page, gathered)

    def _came_again(self, page: _Page, gathered: _Gathered) -> None:
        """The first page again: the service ignores the position, which does no harm only to what fits on one page.

        A page as full as ``count`` may have been cut there; not if the service gives as much to who asks for less.
        """
        is_same = page.resources.keys() == gathered.resources.keys()
        if not is_same and not gathered.asks_for_less:
            raise self._changed()
        is_cut = not self._may_be_all(gathered)
        if is_same and is_cut and gathered.has_all and not gathered.asks_for_less and self.page_size > 1:
            gathered.asks_for_less = True
            return
        if is_cut and not (is_same and gathered.asks_for_less):
            why = "it doesn't page: it answers every startIndex with the same resources"
            raise self._failed(
                f"{why}. Raise page_size above the number of resources, or narrow the filter", Failure.PARTIAL
            )
        gathered.is_over = True

    def _changed(self) -> ReadFailed:
        return self._failed("the list changed while it was read", Failure.CHANGED)

    def _failed(self, why: str, failure: Failure | None = None) -> ReadFailed:
        return ReadFailed(
            f"{self.name} could not be read: {why}.", failure=failure, status=_OK, retryable=failure is Failure.CHANGED
        )
