"""A job runner over HTTP: start with an idempotency key, poll by id, look up by key.

Where things are is configuration. Starting posts the parameters alone when ``start_path`` names the job
(``/jobs/{job}``), and ``{"job": …, "with": …}`` when it does not (``/jobs``). Looking up answers 404 or an empty list
where nothing was started with that key, and otherwise the job run, alone or as the only item of a list.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue

from handrail.connectors.config import ConnectorKind, HttpConfig
from handrail.connectors.extract import ExtractFailed, check_path, extract
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, json_bytes, probe, to_answer, to_reading
from handrail.connectors.jobs.operations import LookUp, Poll, Start
from handrail.connectors.operation import Operation, not_mine
from handrail.connectors.outcome import Answer, Failure, Reading
from handrail.connectors.paths import checked_template, filled, has_placeholder
from handrail.kernel.secrets import Secrets

_ACCEPT = {"accept": "application/json"}
_NOT_FOUND = 404
_OK = 200


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


class JobsConfig(HttpConfig):
    """``kind = "jobs"``. ``lookup_at`` says where in the look-up's answer the job run, or the list of them, is."""

    kind: Literal["jobs"]
    start_path: Annotated[str, AfterValidator(_start)] = "/jobs/{job}"
    poll_path: Annotated[str, AfterValidator(_poll)] = "/jobs/{id}"
    lookup_path: Annotated[str, AfterValidator(_lookup)] = "/jobs?idempotency_key={idempotency_key}"
    lookup_at: Annotated[str, AfterValidator(_expression)] = ""
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
        an answer that is not a job run, or holds several: its failure is not-json.
        """
        path = filled(self._config.lookup_path, "idempotency_key", operation.idempotency_key)
        answer = self._get(path, deadline_seconds)
        if answer.failure is None and answer.status == _NOT_FOUND:
            return None
        if answer.failure is not None or answer.status != _OK:
            return answer
        try:
            found = extract(answer.body, self._config.lookup_at)
        except ExtractFailed:
            return replace(answer, body=None, failure=Failure.NOT_JSON)
        if found == []:
            return None
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if not isinstance(found, dict):
            return replace(answer, body=None, failure=Failure.NOT_JSON)
        return replace(answer, body=found)

    def _get(self, path: str, deadline_seconds: float | None) -> Answer:
        return to_answer(self._client.send("GET", path, headers=_ACCEPT, deadline_seconds=deadline_seconds))

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


def open_connector(name: str, config: Any, secrets: Secrets) -> JobsConnector:
    """A connector for a JobsConfig. Raises Misconfigured for a missing secret or CA file."""
    return JobsConnector(name, Client(config, secrets), config)


KINDS = (ConnectorKind("jobs", JobsConfig, open_connector),)
