"""The job connector against a real HTTP peer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import JsonValue

from handrail.connectors.http import Client
from handrail.connectors.jobs import JobsConfig, JobsConnector, LookUp, Poll, Start
from handrail.connectors.outcome import Failure, ReadFailed
from handrail.connectors.rest import Get
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import answering, answering_json, peer, response

KEY = LookUp(idempotency_key="RUN-1/resync")


def jobs(url: str, **settings: Any) -> JobsConnector:
    config = JobsConfig(kind="jobs", base_url=url, **settings)
    return JobsConnector("sync", Client(config, Secrets({})), config)


def sent(request: bytes) -> tuple[str, bytes, Any]:
    head, _, body = request.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0].decode(), head.lower(), json.loads(body) if body else None


def test_start_posts_the_parameters_when_the_path_names_the_job() -> None:
    with peer(answering_json({"id": "j1", "status": "queued"}, 202)) as server:
        start = Start(job="entitlement resync", parameters={"tenant": "ten_1"}, idempotency_key="RUN-1/resync")
        answer = jobs(server.url).call(start)
        assert (answer.status, answer.body) == (202, {"id": "j1", "status": "queued"})
        line, head, body = sent(server.requests[0])
        assert line == "POST /jobs/entitlement%20resync HTTP/1.1"
        assert b"idempotency-key: run-1/resync" in head
        assert body == {"tenant": "ten_1"}


def test_start_posts_job_and_parameters_when_the_path_does_not() -> None:
    with peer(answering_json({"id": "j1"}, 202)) as server:
        jobs(server.url, start_path="/runs").call(Start(job="resync", parameters={"n": 1}, idempotency_key="k"))
        line, _, body = sent(server.requests[0])
        assert (line, body) == ("POST /runs HTTP/1.1", {"job": "resync", "with": {"n": 1}})


def test_poll_escapes_the_id() -> None:
    with peer(answering_json({"status": "done"})) as server:
        reading = jobs(server.url).read(Poll(id="a/b?c"))
        assert reading.value == {"status": "done"}
        assert sent(server.requests[0])[0] == "GET /jobs/a%2Fb%3Fc HTTP/1.1"


@pytest.mark.parametrize("id_", [".", "..", "a/../b"])
def test_poll_refuses_an_id_that_climbs(id_: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        jobs("https://a.example").call(Poll(id=id_))
    assert caught.value.code == "refused-path"


def test_read_fails_when_the_job_is_unknown() -> None:
    with peer(answering(response(404))) as server, pytest.raises(ReadFailed):
        jobs(server.url).read(Poll(id="j1"))


OURS: dict[str, JsonValue] = {"id": "j1", "options": {"key": "RUN-1/resync"}}
OTHERS: dict[str, JsonValue] = {"id": 77, "status": "succeeded", "job": {"name": "backup"}}


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (OURS, ""),
        ([OURS], ""),
        ({"items": [OURS]}, "/items"),
        ({"run": OURS}, "run"),
        ({"items": [OTHERS, OURS], "hasMore": True}, "/items"),
    ],
)
def test_look_up_finds_the_run_alone_or_in_a_list(body: JsonValue, at: str) -> None:
    with peer(answering_json(body)) as server:
        answer = jobs(server.url, lookup_at=at).look_up(KEY)
        assert answer is not None
        assert (answer.status, answer.body, answer.failure) == (200, OURS, None)
        assert sent(server.requests[0])[0] == "GET /jobs?idempotency_key=RUN-1%2Fresync HTTP/1.1"


@pytest.mark.parametrize("handler", [answering(response(404)), answering(response(200, b"[]"))])
def test_look_up_is_none_only_when_the_runner_says_so(handler: Any) -> None:
    with peer(handler) as server:
        connector = jobs(server.url)
        assert connector.look_up(KEY) is None
        assert connector.call(KEY).status == 404


@pytest.mark.parametrize(
    ("handler", "status", "failure"),
    [
        (answering(response(503)), 503, None),
        (answering(response(200, b'[{"id": 1}, {"id": 2}]')), 200, Failure.NOT_OURS),
        (answering_json([OURS, OURS]), 200, Failure.NOT_OURS),
        (answering_json(OTHERS), 200, Failure.NOT_OURS),
        (answering_json([OTHERS]), 200, Failure.NOT_OURS),
        (answering_json({**OTHERS, "query": {"key": "RUN-1/resync"}}), 200, Failure.NOT_OURS),
        (answering_json([OTHERS], 200, "X-Next-Page: 2"), 200, Failure.PARTIAL),
        (answering_json([], 200, 'Link: </jobs?page=2>; rel="next"'), 200, Failure.PARTIAL),
        (answering_json([1]), 200, Failure.NOT_JSON),
        (answering(response(200, b"null")), 200, Failure.NOT_JSON),
        (answering(response(200, b"")), 200, Failure.NOT_JSON),
        (answering(response(200, b'{"id')), 200, Failure.NOT_JSON),
    ],
)
def test_look_up_is_no_proof_when_the_answer_is_unclear(handler: Any, status: int, failure: Failure | None) -> None:
    with peer(handler) as server:
        answer = jobs(server.url).look_up(KEY)
        assert answer is not None
        assert (answer.status, answer.failure) == (status, failure)


@pytest.mark.parametrize(("at", "found"), [("/options/key", True), ("options.key", True), ("/key", False)])
def test_look_up_believes_the_key_only_where_it_is_configured_to_be(at: str, found: bool) -> None:
    with peer(answering_json([OURS])) as server:
        answer = jobs(server.url, key_at=at).look_up(KEY)
        assert answer is not None
        assert (answer.failure is None) is found


def test_call_refuses_an_operation_of_another_kind() -> None:
    with pytest.raises(Misconfigured):
        jobs("https://a.example").call(Get(path="/"))


def test_check_starts_nothing() -> None:
    with peer(answering(response(404))) as server:
        (finding,) = jobs(server.url).check()
        assert finding.ok
        assert [request[:3] for request in server.requests] == [b"GET"]
