"""The JSON connector against a real HTTP peer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from handrail.connectors.http import Client
from handrail.connectors.jobs import Poll
from handrail.connectors.outcome import Failure, ReadFailed
from handrail.connectors.rest import Call, Get, RestConfig, RestConnector
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import Handler, answering, answering_json, hear_then_hang, peer, response


def rest(url: str, **settings: Any) -> RestConnector:
    config = RestConfig(kind="rest", base_url=url, **{"deadline_seconds": 5.0, **settings})
    return RestConnector("registry", Client(config, Secrets({})), check_path=config.check_path)


def test_read_keeps_the_etag_as_version() -> None:
    with peer(answering_json({"id": "ten_1"}, 200, 'ETag: W/"7"')) as server:
        reading = rest(server.url).read(Get(path="/tenants/ten_1", query={"expand": "plan"}))
        assert (reading.value, reading.version, reading.status) == ({"id": "ten_1"}, 'W/"7"', 200)
        assert reading.digest == digest_bytes(b'{"id": "ten_1"}')
        assert reading.read_at.tzinfo is not None
        assert server.requests[0].startswith(b"GET /tenants/ten_1?expand=plan HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("handler", "failure", "status", "retryable", "after"),
    [
        (answering(response(404)), None, 404, False, None),
        (answering(response(403)), None, 403, False, None),
        (answering(response(503, b"", "Retry-After: 7")), None, 503, True, 7.0),
        (answering(response(429, b"", "Retry-After: 2")), None, 429, True, 2.0),
        (answering(response(204, b"")), None, 204, False, None),
        (answering(response(200, b"")), None, 200, False, None),
        (answering(response(302, b"", "Location: /login")), Failure.REDIRECT, 302, False, None),
        (answering(response(200, b'{"id": "ten')), Failure.NOT_JSON, 200, False, None),
        (answering(response(200, b"<html/>", content_type="text/html")), Failure.NOT_JSON, 200, False, None),
        (answering(response(200, b"[" * 5000)), Failure.NOT_JSON, 200, False, None),
        (answering(response(200, b"1" * 2000)), Failure.TOO_LARGE, 200, False, None),
        (hear_then_hang, Failure.TIMEOUT_AFTER_SEND, None, True, None),
    ],
)
def test_read_fails_when_the_answer_is_no_state(
    handler: Handler, failure: Failure | None, status: int | None, retryable: bool, after: float | None
) -> None:
    with peer(handler) as server:
        with pytest.raises(ReadFailed) as caught:
            rest(server.url, max_bytes=1999 if failure is Failure.TOO_LARGE else 10_000).read(
                Get(path="/"), deadline_seconds=1 if failure is Failure.TIMEOUT_AFTER_SEND else 20
            )
        error = caught.value
        assert (error.failure, error.http_status, error.retryable) == (failure, status, retryable)
        assert error.retry_after_seconds == after
        assert error.message.startswith("registry could not be read: ")


def test_call_sends_json_and_the_idempotency_key() -> None:
    with peer(answering_json({"id": 1}, 201, "Location: /things/1")) as server:
        call = Call(method="POST", path="/things", json_body={"name": "Zoë"}, idempotency_key="RUN-1/step/1")
        answer = rest(server.url).call(call)
        assert (answer.status, answer.body, answer.failure, answer.sent) == (201, {"id": 1}, None, True)
        assert answer.headers["location"] == "/things/1"
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert b"idempotency-key: run-1/step/1" in head.lower()
        assert json.loads(body) == {"name": "Zoë"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_call_sends_no_body_when_none_is_given(method: Any) -> None:
    with peer(answering(response(204, b""))) as server:
        answer = rest(server.url).call(Call(method=method, path="/things/1"))
        assert (answer.status, answer.body, answer.failure) == (204, None, None)
        assert server.requests[0].endswith(b"\r\n\r\n")
        assert b"content-length: 0" in server.requests[0].lower()


def test_call_sends_null_when_null_is_given() -> None:
    with peer(answering(response())) as server:
        rest(server.url).call(Call(method="PUT", path="/things/1", json_body=None))
        assert server.requests[0].endswith(b"\r\n\r\nnull")


def test_call_returns_what_failed_instead_of_raising() -> None:
    with peer(hear_then_hang) as server:
        answer = rest(server.url).call(Call(method="POST", path="/"), deadline_seconds=1)
        assert (answer.failure, answer.status, answer.sent) == (Failure.TIMEOUT_AFTER_SEND, None, True)


def test_call_refuses_an_operation_of_another_kind() -> None:
    with pytest.raises(Misconfigured) as caught:
        rest("https://a.example").call(Poll(id="1"))
    assert caught.value.code == "wrong-connector"


def test_read_refuses_an_effect() -> None:
    with pytest.raises(Misconfigured):
        rest("https://a.example").read(Call(method="POST", path="/"))


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "GET", "path": "/"},
        {"method": "POST", "path": "no-slash"},
        {"method": "POST", "path": "/a b"},
        {"method": "POST", "path": "/", "idempotency_key": "a\r\nb"},
        {"method": "POST", "path": "/", "idempotency_key": ""},
        {"method": "POST", "path": "/", "surplus": 1},
    ],
)
def test_operations_refuse_what_they_do_not_know(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Call.model_validate(fields)


@pytest.mark.parametrize(
    ("handler", "ok", "fix"),
    [
        (answering(response()), True, ""),
        (answering(response(404)), True, ""),
        (answering(response(200, b"1" * 20_000)), True, ""),
        (answering(response(401)), False, "auth"),
        (answering(response(403)), False, "auth"),
        (answering(response(500)), False, "operator"),
        (answering(response(302, b"", "Location: /x")), False, "base_url"),
    ],
)
def test_check_says_what_to_fix(handler: Handler, ok: bool, fix: str) -> None:
    with peer(handler) as server:
        (finding,) = rest(server.url, max_bytes=10_000).check()
        assert finding.ok is ok
        assert fix in finding.fix
        assert bool(finding.fix) is not ok


def test_check_wants_check_path_to_exist() -> None:
    with peer(answering(response(404))) as server:
        (finding,) = rest(server.url, check_path="/health").check()
        assert (finding.ok, finding.message) == (False, "GET /health answered with status 404.")


def test_check_names_the_reason_when_nobody_answers() -> None:
    with peer(answering(response())) as server:
        url = server.url
    (finding,) = rest(url).check()
    assert not finding.ok
    assert "port in base_url" in finding.fix
