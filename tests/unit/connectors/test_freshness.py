"""An answer out of a cache is not the state as it is now."""

from __future__ import annotations

import pytest

from handrail.connectors.http import Client
from handrail.connectors.http.freshness import is_from_before
from handrail.connectors.jobs import JobsConfig, JobsConnector, LookUp, Poll
from handrail.connectors.outcome import Failure, ReadFailed
from handrail.connectors.rest import Call, Get, RestConfig, RestConnector
from handrail.connectors.scim import Query, Read, ScimConfig, ScimConnector
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import answering, answering_json, client, peer, response


def rest(url: str) -> RestConnector:
    return RestConnector("registry", Client(RestConfig(kind="rest", base_url=url), Secrets({})))


@pytest.mark.parametrize(
    "headers",
    [
        {"age": "240"},
        {"age": "1"},
        {"age": "0, 30"},
        {"age": "0", "x-cache": "HIT"},
        {"x-cache": "Hit from cloudfront"},
        {"x-cache": "MISS, HIT"},
        {"x-cache": "TCP_MEM_HIT from a1.deploy.example (AkamaiGHost)"},
        {"x-cache": "TCP_REFRESH_FAIL_HIT from a1.deploy.example"},
        {"x-proxy-cache": "HIT"},
        {"x-cache-status": "STALE"},
        {"cf-cache-status": "HIT"},
        {"cf-cache-status": "UPDATING"},
        {"cdn-cache": "HIT"},
        {"x-from-cache": "true"},
        {"cache-status": "ExampleCache; hit; ttl=30"},
        {"cache-status": '"edge; one"; fwd=uri-miss, origin;hit'},
        {"warning": '110 - "Response is Stale"'},
        {"warning": '199 - "x", 111 - "Revalidation failed"'},
        {"warning": "199 Cache-control headers were ignored because the caller was unauthorized."},
    ],
)
def test_answer_of_a_cache_is_from_before(headers: dict[str, str]) -> None:
    assert is_from_before(headers, 0.05)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"age": "0"},
        {"age": "soon"},
        {"age": "-3"},
        {"x-cache": "MISS"},
        {"x-cache": "Miss from cloudfront"},
        {"x-cache": "RefreshHit from cloudfront"},
        {"x-cache": "TCP_REFRESH_HIT from a1.deploy.example"},
        {"x-cache-lookup": "HIT from squid.example:3128"},
        {"cf-cache-status": "DYNAMIC"},
        {"cf-cache-status": "REVALIDATED"},
        {"cache-status": '"hit"; fwd=stale; fwd-status=304'},
        {"cache-control": "public, max-age=300"},
        {"warning": '199 - "Something else"'},
        {"warning": '299 - "Deprecated API"'},
    ],
)
def test_answer_of_the_origin_is_from_now(headers: dict[str, str]) -> None:
    assert not is_from_before(headers, 0.05)


def test_age_within_the_call_is_from_now() -> None:
    assert not is_from_before({"age": "2"}, 2.5)


def test_reads_ask_for_the_origin_and_effects_do_not() -> None:
    with peer(answering(response())) as server:
        sender = client(server.url)
        sender.send("GET", "/")
        sender.send("POST", "/", content=b"{}")
        read, effect = (request.lower() for request in server.requests)
        assert b"cache-control: no-cache\r\n" in read
        assert b"pragma: no-cache\r\n" in read
        assert b"cache-control" not in effect


def test_read_refuses_a_stale_answer_and_says_when_the_cache_asks_again() -> None:
    kept = response(200, b'{"plan": "silver"}', "Age: 240", "Cache-Control: public, max-age=300")
    with peer(answering(kept)) as server:
        with pytest.raises(ReadFailed, match=r"out of a cache .* no-cache") as caught:
            rest(server.url).read(Get(path="/tenants/ten_a"))
        assert (caught.value.failure, caught.value.retryable) == (Failure.STALE, True)
        assert caught.value.retry_after_seconds == 60


def test_a_cached_404_says_nothing_either() -> None:
    with peer(answering(response(404, b"{}", "X-Cache: HIT"))) as server:
        with pytest.raises(ReadFailed) as caught:
            rest(server.url).read(Get(path="/groups/g77"))
        assert (caught.value.failure, caught.value.http_status, caught.value.retryable) == (Failure.STALE, 404, True)


def test_effect_is_not_judged_by_its_age() -> None:
    with peer(answering(response(200, b"{}", "Age: 9"))) as server:
        assert rest(server.url).call(Call(method="POST", path="/")).failure is None


def test_scim_refuses_stale_resources_and_stale_pages() -> None:
    config = ScimConfig(kind="scim", base_url="http://127.0.0.1")
    page = {"totalResults": 0, "Resources": [], "id": "u1"}
    with peer(answering_json(page, 200, "Age: 30")) as server:
        connector = ScimConnector(
            "idp", Client(config.model_copy(update={"base_url": server.url}), Secrets({})), config
        )
        for operation in (Query(resource="Users"), Read(resource="Users", id="u1")):
            with pytest.raises(ReadFailed) as caught:
                connector.read(operation)
            assert caught.value.failure is Failure.STALE


def test_jobs_take_no_stale_poll_and_no_stale_absence() -> None:
    with peer(answering(response(404, b"{}", "Age: 30"))) as server:
        config = JobsConfig(kind="jobs", base_url=server.url)
        connector = JobsConnector("sync", Client(config, Secrets({})), config)
        absent = connector.look_up(LookUp(idempotency_key="k"))
        assert absent is not None
        assert absent.failure is Failure.STALE
        assert connector.call(Poll(id="1")).failure is Failure.STALE


def test_check_advises_against_a_cache() -> None:
    with peer(answering(response(200, b"{}", "Age: 30"))) as server:
        (finding,) = rest(server.url).check()
        assert finding.ok
        assert "no-cache" in finding.fix
