"""A connector's circuit breaker on the pages, in the API and on the command line; and closing it by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.audit.models import AuditEvent
from handrail.cli import entry, installation
from handrail.connectors import registry
from handrail.connectors.outcome import ReadFailed
from handrail.kernel.canonical import digest_bytes
from handrail.runbooks import metrics
from handrail.runbooks.models import OperationRun
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.limits import guarded, open_breaker
from tests.factories.people import secret_of
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard

Enter = Callable[..., Client]


@pytest.fixture
def board() -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    with guarded(world):
        yield world


@pytest.fixture
def waiting(db: None, board: SwitchBoard) -> tuple[Runs, OperationRun]:
    """A run whose first read failed, so that the breaker opened and the run waits."""
    estate = Installation().runs
    board.add("s1", owner=estate.tenant.key)
    board.read_failures = [ReadFailed("board: status 503", status=503, retryable=True)]
    return estate, estate.advance(estate.start())


def browser(estate: Runs, enter: Enter, *roles: Role, **member: object) -> Client:
    return enter(rows.member(estate.workspace, *roles, **member))  # type: ignore[arg-type]


def test_page_of_the_run_says_what_it_waits_for(waiting: tuple[Runs, OperationRun], enter: Enter) -> None:
    estate, run = waiting
    page = browser(estate, enter, Role.OPERATOR).get(f"/admin/operations/{run.ref}").content.decode()
    assert "Waits for the connector <bdi>board</bdi>" in page
    assert "It is tried again at" in page


def test_page_of_brakes_shows_breakers_beside_brakes_and_closes_them(
    waiting: tuple[Runs, OperationRun], enter: Enter
) -> None:
    estate, run = waiting
    client = browser(estate, enter, Role.SENIOR_SUPPORT)
    page = client.get("/admin/brakes").content.decode()
    assert "status 503" in page
    assert "Nothing is paused." in page
    assert "2 at once" in page
    answer = client.post("/admin/brakes/close", {"target": "board", "reason": "It works."}, follow=True)
    assert "Closed. 1 run goes on." in answer.content.decode()
    assert estate.advance(run).state == "completed"
    event = AuditEvent.objects.get(event="breaker.closed")
    assert (event.subject, event.actor_kind) == ("board", "person")
    assert event.context["reason"] == digest_bytes(b"It works.")


def test_closing_needs_a_reason_a_breaker_and_one_that_is_open(
    waiting: tuple[Runs, OperationRun], enter: Enter
) -> None:
    client = browser(waiting[0], enter, Role.SENIOR_SUPPORT)
    assert client.post("/admin/brakes/close", {"target": "board", "reason": ""}).status_code == 422
    assert client.post("/admin/brakes/close", {"target": "other", "reason": "x"}).status_code == 422
    assert client.post("/admin/brakes/close", {"target": "board", "reason": "x"}).status_code == 302
    assert client.post("/admin/brakes/close", {"target": "board", "reason": "x"}).status_code == 409


def test_member_of_some_tenants_sees_breakers_and_closes_none(waiting: tuple[Runs, OperationRun], enter: Enter) -> None:
    estate, _ = waiting
    client = browser(estate, enter, Role.SENIOR_SUPPORT, tenants=[estate.tenant])
    assert "status 503" in client.get("/admin/brakes").content.decode()
    assert client.post("/admin/brakes/close", {"target": "board", "reason": "x"}).status_code == 403


def test_api_lists_and_closes(waiting: tuple[Runs, OperationRun]) -> None:
    estate, run = waiting
    email = "s@example.com"
    rows.member(estate.workspace, Role.SENIOR_SUPPORT, email=email)
    client = Client(headers={"authorization": f"Bearer {secret_of(email, estate.workspace.pk)}"})
    (found,) = client.get("/api/v1/breakers").json()
    assert (found["connector"], found["breaker"], found["why"]) == ("board", "open", "status 503")
    assert (found["calls_at_once"], found["calls_a_second"], found["waiting"]) == (2, None, 1)
    seen = client.get(f"/api/v1/runs/{run.ref}").json()
    assert seen["summary"]["waits_for_connector"]["cause"] == "breaker"
    body = {"target": "board", "reason": "It works."}
    assert client.post("/api/v1/breakers/close", body, "application/json").json() == {"runs": 1}
    assert client.get(f"/api/v1/runs/{run.ref}").json()["summary"]["waits_for_connector"] is not None  # until it looks
    assert client.get("/api/v1/breakers").json()[0]["breaker"] == "closed"


def test_command_line_lists_breakers_with_brakes_and_shows_what_a_run_waits_for(
    waiting: tuple[Runs, OperationRun], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = waiting
    monkeypatch.setattr(installation, "start", installation.configuration)
    assert entry.run(["brakes", "list"]) == 0
    listed = capsys.readouterr().out
    assert "Nothing is paused." in listed
    assert "status 503" in listed
    assert entry.run(["brakes", "breakers", "--json"]) == 0
    assert '"open"' in capsys.readouterr().out
    assert entry.run(["runs", "show", run.ref]) == 0
    assert "The circuit breaker of board is open" in capsys.readouterr().out
    assert entry.run(["runs", "list"]) == 0
    assert "waits for board: breaker" in capsys.readouterr().out


def test_metrics_say_that_a_breaker_is_open_and_how_many_wait(waiting: tuple[Runs, OperationRun]) -> None:
    found = {metric.name: dict(metric.values) for metric in metrics.read()}
    assert found["handrail_breaker_open"] == {"board": 1}
    assert found["handrail_connector_runs_waiting"] == {"board": 1}
    assert found["handrail_connector_calls_refused"] == {"board": 0}
    assert found["handrail_runs_paused"] == {"": 0}


def test_breaker_is_shown_closed_before_anybody_called(db: None, board: SwitchBoard, enter: Enter) -> None:
    estate = Installation().runs
    page = browser(estate, enter, Role.OPERATOR).get("/admin/brakes").content.decode()
    assert "Closed" in page
    assert registry.passage("board") is not None


def test_closed_breaker_opens_again_where_the_service_still_fails(
    waiting: tuple[Runs, OperationRun], enter: Enter
) -> None:
    client = browser(waiting[0], enter, Role.SENIOR_SUPPORT)
    client.post("/admin/brakes/close", {"target": "board", "reason": "It works."})
    open_breaker()
    assert "status 503" in client.get("/admin/brakes").content.decode()
    assert AuditEvent.objects.filter(event="breaker.opened").count() == 2
