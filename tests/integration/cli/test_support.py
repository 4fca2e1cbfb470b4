"""``handrail support`` and ``handrail desk``: what is typed, what is answered, and the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from handrail.audit.models import AuditEvent
from handrail.cli.entry import run as handrail
from handrail.connectors import desk as desks
from handrail.support.models import SupportRequest
from tests.factories.installation import Installation
from tests.factories.support import Support, desk_at
from tests.factories.switches import RUNBOOK
from tests.unit.connectors.peers import answering, answering_json, peer, response


@pytest.fixture
def house(db: None) -> Support:
    return Installation.named("Acme", RUNBOOK).support


@pytest.fixture(autouse=True)
def no_desk() -> Iterator[None]:
    with desks.use(None):
        yield


def ask(house: Support, *arguments: str) -> int:
    who = ["--as", house.operator.name, "--workspace", house.tenant.workspace.slug]
    return handrail(["support", *arguments, *who])


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_request_creates_a_ticket_and_prints_both_references(
    house: Support, capsys: pytest.CaptureFixture[str]
) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        given = ["--summary", "Roles are missing", "--mode", "create_external_ticket"]
        assert ask(house, "request", "--run", house.run.ref, *given) == 0
    shown = capsys.readouterr().out
    assert SupportRequest.objects.get().ref in shown
    assert "T-7" in shown


def test_request_on_a_failing_desk_keeps_the_request_and_tells_by_its_exit_code(
    house: Support, capsys: pytest.CaptureFixture[str]
) -> None:
    with desk_at("http://127.0.0.1:9"):
        given = ["--summary", "Roles are missing", "--mode", "create_external_ticket", "--json"]
        assert ask(house, "request", "--tenant", house.tenant.key, *given) == 6
    told = printed(capsys)
    assert (told["ref"], told["outcome"]) == (SupportRequest.objects.get().ref, "failed")


def test_request_again_with_its_key_gives_the_same_request(house: Support, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["request", "--tenant", house.tenant.key, "--summary", "Roles are missing", "--key", "one-form-1", "--json"]
    told = []
    for _ in range(2):
        assert ask(house, *given) == 0
        told.append(printed(capsys))
    assert told[0] == told[1]


def test_latest_shows_the_request(house: Support, capsys: pytest.CaptureFixture[str]) -> None:
    ref = house.submit().handoff.ref
    assert ask(house, "latest", "--tenant", house.tenant.key, "--json") == 0
    assert printed(capsys)["ref"] == ref
    assert ask(house, "latest", "--run", house.run.ref) == 0
    assert "No support request" in capsys.readouterr().out


def test_diagnostics_prints_what_would_be_attached(house: Support, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(house, "diagnostics", "--run", house.run.ref, "--json") == 0
    envelope = printed(capsys)
    house.submit(run=house.run.ref)
    assert SupportRequest.objects.get().context_envelope == envelope


@pytest.mark.parametrize("place", [[], ["--tenant", "ten_one", "--run", "RUN-0000000000"]])
def test_support_needs_exactly_one_place(house: Support, place: list[str]) -> None:
    assert ask(house, "latest", *place) == 2


def test_request_for_a_missing_tenant_is_not_found(house: Support) -> None:
    assert ask(house, "request", "--tenant", "ten_none", "--summary", "x") == 3


@pytest.mark.requirement("H-11")
@pytest.mark.parametrize("command", [["request", "--summary", "x"], ["latest"], ["diagnostics"]])
@pytest.mark.parametrize("place", ["tenant", "run"])
def test_support_without_the_capability_is_denied_and_audited(
    house: Support, capsys: pytest.CaptureFixture[str], command: list[str], place: str
) -> None:
    house.submit()
    ref = house.submit(run=house.run.ref).handoff.ref
    where = [f"--{place}", house.tenant.key if place == "tenant" else house.run.ref]
    who = ["--as", house.auditor.name, "--workspace", house.tenant.workspace.slug]
    assert handrail(["support", *command, *where, *who]) == 4
    told = "".join(capsys.readouterr())
    assert "one of the roles operator or senior-support" in told
    assert "support:request" not in told
    assert ref not in told
    assert SupportRequest.objects.count() == 2
    assert AuditEvent.objects.get(event="access.denied").actor == house.auditor.name


@pytest.mark.parametrize("command", [["request", "--summary", "x"], ["latest"], ["diagnostics"]])
@pytest.mark.parametrize("place", ["tenant", "run"])
def test_support_outside_the_scope_is_told_like_missing(
    house: Support, capsys: pytest.CaptureFixture[str], command: list[str], place: str
) -> None:
    house.submit()
    known, missing = (house.tenant.key, "ten_nobody") if place == "tenant" else (house.run.ref, "RUN-ZZZZZZZZZZ")
    who = ["--as", house.outsider().name, "--workspace", house.tenant.workspace.slug]
    told = []
    for key in (known, missing):
        assert handrail(["support", *command, f"--{place}", key, *who]) == 3
        told.append(capsys.readouterr())
    assert told[0] == told[1]
    assert SupportRequest.objects.count() == 1


def test_desk_check_tells_what_to_fix(capsys: pytest.CaptureFixture[str]) -> None:
    with peer(answering_json({"active": True})) as server, desk_at(server.url):
        assert handrail(["desk", "check"]) == 0
    with peer(answering(response(401))) as server, desk_at(server.url):
        assert handrail(["desk", "check", "--json"]) == 1
        assert all(request.startswith(b"GET ") for request in server.requests)


def test_check_of_the_installation_looks_at_the_desk(house: Support, capsys: pytest.CaptureFixture[str]) -> None:
    with peer(answering(response(401))) as server, desk_at(server.url):
        handrail(["check", "--json"])
        assert len(server.requests) == 1
    assert [f["ok"] for f in printed(capsys) if f["name"] == "desk"] == [False]
    handrail(["check", "--json"])
    assert [f["ok"] for f in printed(capsys) if f["name"] == "desk"] == [True]


@pytest.mark.parametrize("command", [["check"], ["try", "--contact-email", "a@example.com"]])
def test_desk_without_configuration_says_what_to_add(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert handrail(["desk", *command]) == 7
    assert "add [desk]" in capsys.readouterr().err


def test_desk_try_creates_one_ticket_and_stores_nothing(house: Support, capsys: pytest.CaptureFixture[str]) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        assert handrail(["desk", "try", "--contact-email", "a@example.com", "--json"]) == 0
        assert len(server.requests) == 1
    told = printed(capsys)
    assert (told["ticket"], told["failure"]) == ("T-7", None)
    assert not SupportRequest.objects.exists()


def test_desk_try_on_a_failing_desk_tells_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with desk_at("http://127.0.0.1:9"):
        assert handrail(["desk", "try", "--contact-email", "a@example.com"]) == 6
    assert "can't be reached" in capsys.readouterr().out.replace("\n", " ")
