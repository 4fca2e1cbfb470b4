"""A job runner over HTTP: start with an idempotency key, poll by id, look up by key.

Where things are is configuration. Starting posts the parameters alone when ``start_path`` names the job
(``/jobs/{job}``), and ``{"job": …, "with": …}`` when it does not (``/jobs``). Looking up answers 404 or an empty list
where nothing was started with that key, and otherwise the job run, alone or in a list. The run itself must carry the
key: a runner that doesn't know the filter answers with runs of others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from handrail.connectors.config import ConnectorKind, ServiceConfig
from handrail.connectors.extract import ExtractFailed, check_path, extract
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, json_bytes, probe, to_answer, to_current, to_reading, to_state, unusable
from handrail.connectors.jobs.operations import LookUp, Poll, Start
from handrail.connectors.operation import Operation, not_mine
from handrail.connectors.outcome import Answer, Failure, Reading
from handrail.connectors.paths import checked_template, filled, has_placeholder
from handrail.kernel.secrets import Secrets

_ACCEPT = {"accept": "application/json"}
_NOT_FOUND = 404
_OK = 200
_WITHOUT_KEY = "it answered with job runs that don't carry the key that was asked for"
# What repeats the question says nothing of the answer.
_ECHOES = frozenset({"query", "filter", "filters", "criteria", "search", "request", "paging", "links", "_links"})


def _start(template: str) -> str:
    return checked_template(template, allowed="job", required=False)


def _poll(template: str) -> str:
    return checked_template(template, allowed="id", required=True)


def _lookup(template: str) -> str:
    return checked_template(template, allowed="idempotency_key", required=True)


def _expression(at: str) -> str:
    try:
        check_path(at)
    except ExtractFailed as error:
        raise ValueError(error.message) from None
    return at


class JobsConfig(ServiceConfig):
    """``kind = "jobs"``. ``lookup_at`` says where in the look-up's answer the job run, or the list of them, is.

    ``key_at`` says where in a job run its idempotency key is; without it, some value in the run must be the key.
    """

    kind: Literal["jobs"]
    start_path: Annotated[str, AfterValidator(_start)] = "/jobs/{job}"
    poll_path: Annotated[str, AfterValidator(_poll)] = "/jobs/{id}"
    lookup_path: Annotated[str, AfterValidator(_lookup)] = "/jobs?idempotency_key={idempotency_key}"
    lookup_at: Annotated[str, AfterValidator(_expression)] = ""
    key_at: Annotated[str, Field(min_length=1), AfterValidator(_expression)] | None = None
    check_path: Annotated[str, Field(pattern=r"^/[\x21-\x7e]*$")] | None = None


class JobsConnector:
    """One configured job runner. Safe to share between threads."""

    kind = "jobs"

    def __init__(self, name: str, client: Client, config: JobsConfig) -> None:
        self.name = name
        self._client = client
        self._config = config

    @property
    def deadline_seconds(self) -> float:
        """The total time that one call may take, unless it is given another."""
        return self._client.config.deadline_seconds

    def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
        """The job run behind a Poll. Raises ReadFailed."""
        if not isinstance(operation, Poll):
            raise not_mine(self.name, self.kind, operation)
        return to_reading(self.name, self.call(operation, deadline_seconds=deadline_seconds))

    def call(self, operation: Operation, *, deadline_seconds: float | None = None) -> Answer:
        """A Start, Poll or LookUp, with whatever came of it. An absent LookUp is an answer with status 404."""
        if isinstance(operation, Start):
            return self._post(operation, deadline_seconds)
        if isinstance(operation, Poll):
            return self._get(filled(self._config.poll_path, "id", operation.id), deadline_seconds)
        if isinstance(operation, LookUp):
            found = self.look_up(operation, deadline_seconds=deadline_seconds)
            return found or Answer(status=_NOT_FOUND)
        raise not_mine(self.name, self.kind, operation)

    def look_up(self, operation: LookUp, *, deadline_seconds: float | None = None) -> Answer | None:
        """The job run with that key as ``body``; None when the runner says that there is none.

        A failed look-up is an answer with a failure or an error status: it proves neither presence nor absence. So does
        an answer that is not a job run (not-json), that holds several with the key or only others (not-ours), that is
        part of a list without one with the key (partial), or from before the call (stale).
        """
        path = filled(self._config.lookup_path, "idempotency_key", operation.idempotency_key)
        exchange = self._client.send("GET", path, headers=_ACCEPT, deadline_seconds=deadline_seconds)
        answer = to_current(exchange)
        if answer.failure is None and answer.status == _NOT_FOUND:
            return None
        if answer.failure is not None or answer.status != _OK:
            return answer
        try:
            found = extract(answer.body, self._config.lookup_at)
        except ExtractFailed:
            return replace(answer, body=None, failure=Failure.NOT_JSON)
        runs = found if isinstance(found, list) else [found]
        if not all(isinstance(run, dict) for run in runs):
            return replace(answer, body=None, failure=Failure.NOT_JSON)
        ours = [run for run in runs if self._carries(run, operation.idempotency_key)]
        if len(ours) == 1:
            return replace(answer, body=ours[0])
        whole = to_state(exchange)
        if ours or whole.failure is None:
            return unusable(answer, Failure.NOT_OURS, _WITHOUT_KEY) if runs else None
        return whole

    def _carries(self, run: JsonValue, key: str) -> bool:
        if self._config.key_at is None:
            return _has_value(run, key)
        try:
            return extract(run, self._config.key_at) == key
        except ExtractFailed:
            return False

    def _get(self, path: str, deadline_seconds: float | None) -> Answer:
        return to_state(self._client.send("GET", path, headers=_ACCEPT, deadline_seconds=deadline_seconds))

    def _post(self, start: Start, deadline_seconds: float | None) -> Answer:
        template = self._config.start_path
        body: dict[str, JsonValue] = start.parameters
        if not has_placeholder(template):
            body = {"job": start.job, "with": start.parameters}
        return to_answer(
            self._client.send(
                "POST",
                filled(template, "job", start.job),
                headers={**_ACCEPT, "content-type": "application/json", "idempotency-key": start.idempotency_key},
                content=json_bytes(body),
                deadline_seconds=deadline_seconds,
            )
        )

    def check(self) -> list[Finding]:
        """Whether the runner answers and takes the credentials; starts nothing."""
        path = self._config.check_path or "/"
        return [probe(self.name, self._client, path, must_exist=self._config.check_path is not None)]


def _has_value(run: JsonValue, key: str) -> bool:
    waiting = [run]
    while waiting:
        value = waiting.pop()
        if value == key:
            return True
        if isinstance(value, dict):
            waiting += [inner for name, inner in value.items() if name.lower() not in _ECHOES]
        elif isinstance(value, list):
            waiting += value
    return False


def open_connector(name: str, config: Any, secrets: Secrets) -> JobsConnector:
    """A connector for a JobsConfig. Raises Misconfigured for a missing secret or CA file."""
    return JobsConnector(name, Client(config, secrets), config)


KINDS = (ConnectorKind("jobs", JobsConfig, open_connector),)
