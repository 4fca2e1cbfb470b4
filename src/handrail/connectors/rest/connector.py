"""A JSON service: reads with ETags as versions, and effects with idempotency keys."""

from __future__ import annotations

from functools import reduce
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from handrail.connectors.config import ConnectorKind, ServiceConfig
from handrail.connectors.finding import Finding
from handrail.connectors.http import (
    Client,
    Exchange,
    json_bytes,
    parse_json,
    parse_page,
    probe,
    to_answer,
    to_current,
    to_reading,
)
from handrail.connectors.http.urls import joined
from handrail.connectors.operation import Operation, Path, not_mine
from handrail.connectors.outcome import Answer, Reading
from handrail.connectors.rest.operations import Call, Get, GetNext, WriteRequest
from handrail.connectors.rest.pages import Whole
from handrail.kernel.secrets import Secrets

_ACCEPT = {"accept": "application/json"}


class RestConfig(ServiceConfig):
    """``kind = "rest"``. ``check_path`` is what ``handrail check`` asks for; else the root, where 404 will do.

    ``single_page_paths``: a read below these paths means one page, such as the newest entries, and not the list.
    """

    kind: Literal["rest"]
    check_path: Path | None = Field(default=None)
    single_page_paths: tuple[Path, ...] = ()


class RestConnector:
    """One configured JSON service. Safe to share between threads."""

    kind = "rest"

    def __init__(
        self, name: str, client: Client, *, check_path: str | None = None, single_page_paths: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._client = client
        self._check_path = check_path
        self._single_page_paths = single_page_paths

    @property
    def deadline_seconds(self) -> float:
        """The total time that one call may take, unless it is given another."""
        return self._client.config.deadline_seconds

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        """The state behind a Get: whole, and from now. A list behind links from page to page is gathered.

        Raises ReadFailed for anything but 200 with JSON; ``partial`` and ``stale`` say what else may be wrong.
        """
        if not isinstance(operation, Get):
            raise not_mine(self.name, self.kind, operation)
        return to_reading(self.name, self.call(operation, deadline_seconds=deadline_seconds))

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        """A Get or a Call, with whatever came of it. Raises Misconfigured for a path outside the allowed origins."""
        if isinstance(operation, Get):
            return self._get(operation, deadline_seconds or self.deadline_seconds)
        if isinstance(operation, Call):
            return to_answer(self._send(operation, deadline_seconds))
        raise not_mine(self.name, self.kind, operation)

    def _get(self, get: Get, within_seconds: float) -> Answer:
        if not get.page and not self._is_single_page(get.path):
            return Whole(self._client).get(get.path, get.query, within_seconds)
        path, query = (self._next(get), None) if isinstance(get, GetNext) else (self._below(get), get.query)
        exchange = self._client.send("GET", path, query=query, headers=_ACCEPT, deadline_seconds=within_seconds)
        return to_current(exchange, parse=parse_page if get.page else parse_json)

    def _next(self, get: GetNext) -> str:
        return reduce(joined, get.references, self._client.config.base_url + self._below(get))

    def _below(self, get: Get) -> str:
        """A page's path below the base URL: some services name the next one from the root of their host."""
        base = urlsplit(self._client.config.base_url).path
        inside = get.path.startswith((f"{base}/", f"{base}?"))
        return get.path.removeprefix(base) if get.page and base and inside else get.path

    def _is_single_page(self, path: str) -> bool:
        bare = path.partition("?")[0]
        return any(bare == of or bare.startswith(of.rstrip("/") + "/") for of in self._single_page_paths)

    def _send(self, call: Call, deadline_seconds: float | None) -> Exchange:
        headers = dict(_ACCEPT)
        if isinstance(call, WriteRequest):
            headers |= call.headers
        if call.has_body:
            headers["content-type"] = "application/json"
        if call.idempotency_key is not None:
            headers["idempotency-key"] = call.idempotency_key
        return self._client.send(
            call.method,
            call.path,
            query=call.query,
            headers=headers,
            content=json_bytes(call.json_body) if call.has_body else None,
            deadline_seconds=deadline_seconds,
        )

    def check(self) -> list[Finding]:
        """Whether the service answers and takes the credentials."""
        path = self._check_path or "/"
        return [probe(self.name, self._client, path, must_exist=self._check_path is not None)]


def open_connector(name: str, config: Any, secrets: Secrets) -> RestConnector:
    """A connector for a RestConfig. Raises Misconfigured for a missing secret or CA file."""
    return RestConnector(
        name,
        Client(config, secrets),
        check_path=config.check_path,
        single_page_paths=config.single_page_paths,
    )


KINDS = (ConnectorKind("rest", RestConfig, open_connector),)
