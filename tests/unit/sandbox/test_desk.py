"""The practice service desk, well and badly behaved."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlsplit

import httpx2
import pytest

from handrail.sandbox.services import desk

TICKET = {"subject": "SR-1: role lost", "correlation": "SR-1", "severity": "high", "description": "<b>notes</b>"}


def create(client, fault: str = "", **changes: str) -> httpx2.Response:
    if fault:
        assert client("control").post("/desk/faults", json={"next": [fault]}).status_code == 201
    return client("desk").post("/desk/api/tickets", json=TICKET | changes)


def tickets(client) -> int:
    return len(client("desk").get("/desk/api/tickets", params={"correlation": "SR-1"}).json()["items"])


def test_ticket_is_created_found_and_shown(client, sandbox) -> None:
    ticket = create(client).json()
    assert ticket["id"] == "T-1001"
    assert client("desk").get("/desk/api/tickets/T-1001").json() == ticket
    assert tickets(client) == 1
    page = httpx2.get(ticket["url"])
    assert page.headers["content-type"].startswith("text/html")
    assert "&lt;b&gt;notes&lt;/b&gt;" in page.text


def test_ticket_needs_the_token(sandbox) -> None:
    assert httpx2.post(sandbox.url + "/desk/api/tickets", json=TICKET).status_code == 401


def test_unknown_ticket_is_404_as_json_and_as_page(client, sandbox) -> None:
    assert client("desk").get("/desk/api/tickets/T-9").status_code == 404
    assert httpx2.get(sandbox.url + "/desk/tickets/T-9").status_code == 404


@pytest.mark.parametrize(
    ("fault", "status", "made"),
    [
        ("unauthorised", 401, 0),
        ("unprocessable-html", 422, 0),
        ("throttled", 429, 0),
        ("server-error", 500, 0),
        ("markup-error", 400, 0),
        ("redirect", 302, 0),
        ("html", 200, 0),
        ("no-reference", 201, 0),
        ("truncated", 201, 1),
    ],
)
def test_fault_answers_at_once(client, fault: str, status: int, made: int) -> None:
    assert create(client, fault).status_code == status
    assert tickets(client) == made
    assert create(client).status_code == 201


@pytest.mark.parametrize(("fault", "made"), [("cut-before", 0), ("cut-after", 1)])
def test_cut_connection_loses_the_answer(client, fault: str, made: int) -> None:
    with pytest.raises(httpx2.TransportError):
        create(client, fault)
    assert tickets(client) == made


@pytest.mark.parametrize(("fault", "made"), [("hang", 0), ("hang-after", 1)])
def test_answer_that_does_not_come_in_time(client, fault: str, made: int) -> None:
    client("control").post("/desk/faults", json={"next": [fault]})
    with pytest.raises(httpx2.ReadTimeout):
        client("desk").post("/desk/api/tickets", json=TICKET, timeout=0.5)
    assert tickets(client) == made


def test_headers_that_drip_outlive_any_timeout_between_two_bytes(client, sandbox) -> None:
    client("control").post("/desk/faults", json={"next": ["drip-headers"]})
    body = json.dumps(TICKET)
    head = "POST /desk/api/tickets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer practice-desk\r\n"
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.url).port), timeout=2) as connection:
        began = time.monotonic()
        connection.sendall(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
        got = b"".join(connection.recv(1) for _ in range(9))
    assert got == b"HTTP/1.1 "
    assert time.monotonic() - began >= 4 * desk.DRIP_SECONDS


def test_body_that_drips_takes_longer_than_anybody_waits(client) -> None:
    client("control").post("/desk/faults", json={"next": ["drip-body"]})
    got, began = b"", time.monotonic()
    with client("desk").stream("POST", "/desk/api/tickets", json=TICKET) as answer:
        assert answer.status_code == 201
        for piece in answer.iter_raw():
            got += piece
            if time.monotonic() - began > 1:
                break
    assert 0 < len(got) < 20


def test_huge_answer_is_sent_without_being_held(client) -> None:
    client("control").post("/desk/faults", json={"next": ["huge"]})
    with client("desk").stream("POST", "/desk/api/tickets", json=TICKET) as answer:
        assert int(answer.headers["content-length"]) == desk.HUGE_BYTES
        assert len(next(answer.iter_raw())) > 0


def test_fault_is_chosen_by_the_subject(client) -> None:
    assert create(client, subject="SR-1: x [fault:server-error]").status_code == 500


def test_calls_are_counted(client) -> None:
    create(client, "server-error")
    create(client)
    told = client("control").get("/desk/counts").json()
    assert told == {"creations": 2, "tickets": 1, "faults_left": 0}


def test_unknown_fault_is_refused(client) -> None:
    assert client("control").post("/desk/faults", json={"next": ["odd"]}).status_code == 400
