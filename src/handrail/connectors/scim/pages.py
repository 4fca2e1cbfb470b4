"""All resources that match a query, page by page, under one deadline and one cap."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from time import monotonic

from pydantic import JsonValue

from handrail.connectors.http import Client, read_failed, to_answer, to_reading
from handrail.connectors.outcome import Answer, Failure, ReadFailed, Reading
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now

_ACCEPT = {"accept": "application/scim+json, application/json"}


@dataclass(slots=True)
class _Gathered:
    resources: dict[str, JsonValue] = field(default_factory=dict)  # by id
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Pages:
    """A reader of lists (RFC 7644 §3.4.2.4), of at most ``cap`` resources."""

    name: str
    client: Client
    page_size: int
    cap: int

    def gather(self, path: str, parameters: dict[str, str], within_seconds: float) -> Reading:
        """The whole list, sorted by id, without a version.

        Raises ReadFailed: a page failed, time is up, the list is over the cap, is malformed, or moved between pages.
        """
        expires_at = monotonic() + within_seconds
        gathered = _Gathered()
        while gathered.total is None or len(gathered.resources) < gathered.total:
            left = expires_at - monotonic()
            if left <= 0:
                raise read_failed(self.name, Answer(status=None, failure=Failure.TIMEOUT_AFTER_SEND))
            self._take(self._page(path, parameters, len(gathered.resources) + 1, left), gathered)
        resources: JsonValue = [gathered.resources[id_] for id_ in sorted(gathered.resources)]
        digest = digest_bytes(json.dumps(resources, sort_keys=True, separators=(",", ":")).encode())
        return Reading(value=resources, version=None, digest=digest, status=200, read_at=now())

    def _page(self, path: str, parameters: dict[str, str], start: int, within_seconds: float) -> JsonValue:
        exchange = self.client.send(
            "GET",
            path,
            query={**parameters, "startIndex": start, "count": self.page_size},
            headers=_ACCEPT,
            deadline_seconds=within_seconds,
        )
        return to_reading(self.name, to_answer(exchange)).value

    def _take(self, page: JsonValue, gathered: _Gathered) -> None:
        listed = page if isinstance(page, dict) else {}
        total, resources = listed.get("totalResults"), listed.get("Resources", [])
        if not isinstance(total, int) or isinstance(total, bool) or total < 0 or not isinstance(resources, list):
            raise self._failed("its list has no totalResults or no Resources")
        if total > self.cap:
            raise self._failed(f"{total} resources match, and max_resources is {self.cap}")
        if gathered.total not in {None, total} or (not resources and len(gathered.resources) < total):
            raise self._failed("the list changed while it was read", retryable=True)
        gathered.total = total
        for resource in resources:
            id_ = resource.get("id") if isinstance(resource, dict) else None
            if not isinstance(id_, str):
                raise self._failed("a resource in its list has no id")
            if id_ in gathered.resources:
                raise self._failed("the list changed while it was read", retryable=True)
            gathered.resources[id_] = resource
        if len(gathered.resources) > total:
            raise self._failed("its list holds more than totalResults")

    def _failed(self, why: str, *, retryable: bool = False) -> ReadFailed:
        return ReadFailed(f"{self.name} could not be read: {why}.", status=200, retryable=retryable)
