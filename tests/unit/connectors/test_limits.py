"""What of a connector's limits is refused, by field and bound; and turns of the requests of one call."""

from __future__ import annotations

import json
import re
import socket
import time

import pytest

from handrail.connectors import registry
from handrail.connectors.http import Client, pacing
from handrail.connectors.outcome import Failure
from handrail.connectors.rest import Get, RestConfig, RestConnector
from handrail.connectors.scim import Holders, ScimConfig, ScimConnector
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import Peer, answering, peer, response

REST = {"kind": "rest", "base_url": "https://x.example"}
PAGES = (
    response(200, b'{"items": [{"id": 1}]}', 'Link: </list?page=2>; rel="next"'),
    response(200, b'{"items": [{"id": 2}]}', 'Link: </list?page=3>; rel="next"'),
    response(200, b'{"items": [{"id": 3}]}'),
)


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
    turns: list[float] = []

    def wait() -> None:
        turns.append(pacing.working())
        time.sleep(0.6)

    with peer(answering(*PAGES)) as server, pacing.paced(wait):
        config = RestConfig(kind="rest", base_url=server.url, deadline_seconds=1.0)
        reading = RestConnector("registry", Client(config, Secrets({}))).read(Get(path="/list"))
    assert reading.value == {"items": [{"id": 1}, {"id": 2}, {"id": 3}]}
    assert len(turns) == 2  # 1.2 s of waiting, of a call that may take one second


@pytest.mark.parametrize("hangs", [False, True])
def test_where_waits_are_the_calls_time_it_ends_in_time_and_as_a_part(hangs: bool) -> None:
    """Its third page comes too late: because the second took its time, or because there is no turn."""

    def wait() -> None:
        if waits:
            if not hangs:
                raise pacing.NoTurn
            time.sleep(2.0)
        waits.append(1)

    waits: list[int] = []
    with peer(answering(*PAGES)) as server, pacing.paced(wait, counts=True):
        config = RestConfig(kind="rest", base_url=server.url, deadline_seconds=1.0)
        answer = RestConnector("registry", Client(config, Secrets({}))).call(Get(path="/list"))
    assert answer.body is None
    assert answer.failure == (Failure.TIMEOUT_BEFORE_SEND if hangs else Failure.PARTIAL)
    assert (answer.reason == pacing.NO_TURN) is not hangs
    assert len(server.requests) == 2


def test_roles_that_are_asked_for_one_by_one_wait_their_turns_outside_the_calls_time() -> None:
    """A service that shows roles only with each user: that its limit is low is not its fault."""

    def serve(server: Peer, conn: socket.socket) -> None:
        while request := server.hear(conn):
            one = re.match(rb"GET /Users/(u[0-9])", request)
            if one:
                found: dict[str, object] = {"id": one[1].decode(), "roles": [{"value": "admin"}]}
            else:
                found = {"totalResults": 3, "Resources": [{"id": f"u{n}"} for n in range(3)]}
            time.sleep(0.1)
            conn.sendall(response(200, json.dumps(found).encode()))

    with peer(serve) as server, pacing.paced(lambda: time.sleep(0.4)):
        config = ScimConfig(kind="scim", base_url=server.url, deadline_seconds=1.0)
        reading = ScimConnector("people", Client(config, Secrets({})), config).read(Holders(role="admin"))
    assert [user["id"] for user in reading.value] == ["u0", "u1", "u2"]  # type: ignore[union-attr, call-overload, index]
