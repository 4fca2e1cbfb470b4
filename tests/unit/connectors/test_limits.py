"""What of a connector's limits is refused, by field and bound; and turns of the requests of one call."""

from __future__ import annotations

import time

import pytest

from handrail.connectors import registry
from handrail.connectors.http import Client, pacing
from handrail.connectors.rest import Get, RestConfig, RestConnector
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import answering, peer, response

REST = {"kind": "rest", "base_url": "https://x.example"}


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"limits": {"calls_at_once": 0}}, "limits.calls_at_once: Input should be greater than or equal to 1"),
        ({"limits": {"calls_at_once": 1001}}, "limits.calls_at_once: Input should be less than or equal to 1000"),
        ({"limits": {"calls_a_second": 0.05}}, "limits.calls_a_second: Input should be greater than or equal to 0.1"),
        ({"limits": {"calls_a_second": float("inf")}}, "limits.calls_a_second: Input should be"),
        ({"limits": {"burst": 3}}, "limits: burst means nothing without calls_a_second"),
        ({"limits": {"per_minute": 3}}, "limits.per_minute: Extra inputs are not permitted"),
        ({"breaker": {"failures": 0}}, "breaker.failures: Input should be greater than or equal to 1"),
        ({"breaker": {"share": 1.5}}, "breaker.share: Input should be less than or equal to 1"),
        ({"breaker": {"window_seconds": 0.1}}, "breaker.window_seconds: Input should be greater than or equal to 1"),
        ({"breaker": {"open_seconds": 90, "most_open_seconds": 9}}, "breaker: most_open_seconds must be at least"),
    ],
)
def test_refusal_names_field_and_bound(section: dict[str, object], fault: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.parse({"roles": {**REST, **section}})
    assert f"connectors.roles.{fault}" in caught.value.message


@pytest.mark.parametrize("section", [{}, {"limits": {}}])
def test_section_without_settings_has_no_gate(section: dict[str, object]) -> None:
    config = registry.parse({"roles": {**REST, **section}})["roles"]
    assert config.passage is None  # type: ignore[attr-defined]


def test_files_have_no_limits() -> None:
    with pytest.raises(Misconfigured, match=r"connectors\.m\.limits: Extra inputs"):
        registry.parse({"m": {"kind": "saml-file", "file": "/m.xml", "limits": {"calls_at_once": 1}}})


def test_every_request_of_a_call_but_the_first_waits_its_turn_outside_the_calls_time() -> None:
    waits: list[int] = []
    with pacing.paced(lambda: waits.append(1)):
        began = pacing.working()
        for _ in range(3):
            pacing.next_request()
        assert pacing.working() - began >= 0
    assert len(waits) == 2
    pacing.next_request()
    assert len(waits) == 2


def test_each_page_of_a_list_waits_its_turn_and_the_wait_is_not_the_lists_time() -> None:
    pages = [
        response(200, b'{"items": [{"id": 1}]}', 'Link: </list?page=2>; rel="next"'),
        response(200, b'{"items": [{"id": 2}]}', 'Link: </list?page=3>; rel="next"'),
        response(200, b'{"items": [{"id": 3}]}'),
    ]
    turns: list[float] = []

    def wait() -> None:
        turns.append(pacing.working())
        time.sleep(0.6)

    with peer(answering(*pages)) as server, pacing.paced(wait):
        config = RestConfig(kind="rest", base_url=server.url, deadline_seconds=1.0)
        reading = RestConnector("registry", Client(config, Secrets({}))).read(Get(path="/list"))
    assert reading.value == {"items": [{"id": 1}, {"id": 2}, {"id": 3}]}
    assert len(turns) == 2  # 1.2 s of waiting, of a call that may take one second
