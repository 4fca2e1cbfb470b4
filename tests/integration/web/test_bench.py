"""What a person does from the page of an exception packet: reads now, starts a follow-up run, requests support."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.http import HttpResponse
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.runbooks.actions import exceptions, handover
from handrail.runbooks.models import ExceptionPacket, FollowUp, OperationRun, Rereading
from tests.factories import rows
from tests.factories.changes import COPIED, PANEL, senior, world
from tests.factories.runs import Runs
from tests.factories.switches import ODD, SwitchBoard

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R2-17")]

FOLLOWED = PANEL.replace(COPIED, f"{COPIED[:-1]}, follow_up: [{{runbook: flip-switch, by: [senior-support]}}]}}")


@dataclass(frozen=True, slots=True)
class Bench:
    estate: Runs
    board: SwitchBoard
    packet: ExceptionPacket
    client: Client
    operator: Client

    @property
    def address(self) -> str:
        return f"/admin/exceptions/{self.packet.ref}"

    def take(self) -> None:
        exceptions.take(ref=self.packet.ref, by=senior(self.estate))

    def post(self, act: str, **typed: str) -> HttpResponse:
        form = {"runbook": "flip-switch", "number": "1", "task.switch_id": "s1", "act": act} | typed
        return self.client.post(f"{self.address}/follow-up", {k.replace("task_", "task."): v for k, v in form.items()})


@pytest.fixture
def bench(db: None, enter: Callable[[User], Client]) -> Iterator[Bench]:
    with world(FOLLOWED) as (estate, board, _):
        board.script = [ODD]
        packet = ExceptionPacket.objects.get(run=estate.advance(estate.start()))
        board.switches["s1"]["state"] = "off"
        person = rows.member(estate.workspace, Role.SENIOR_SUPPORT, email="senior@example.com")
        operator = rows.member(estate.workspace, Role.OPERATOR, email="operator@example.com")
        yield Bench(estate, board, packet, enter(person), enter(operator))


def text(response: HttpResponse) -> str:
    return response.content.decode()


def test_read_now_shows_before_packet_now_and_required(bench: Bench) -> None:
    assert "Before, after and now" not in text(bench.client.get(bench.address))
    answer = bench.client.post(f"{bench.address}/read-again", follow=True)
    assert f"The sources of {bench.packet.ref} were read again." in text(answer)
    for part in ("Before, after and now", "In this packet", "Now", "Read again", "switch.state"):
        assert part in text(answer)


def test_read_now_that_fails_is_said_on_the_page(bench: Bench) -> None:
    bench.board.switches.clear()
    answer = bench.client.post(f"{bench.address}/read-again", follow=True)
    assert "could not be read: <bdi>board: status 404</bdi>" in text(answer)


def test_who_may_not_take_it_over_has_no_button_and_is_refused(bench: Bench) -> None:
    page = text(bench.operator.get(bench.address))
    assert "Read now" not in page
    assert "Follow-up run:" not in page
    assert bench.operator.post(f"{bench.address}/read-again").status_code == 403
    assert bench.operator.post(f"{bench.address}/follow-up", {"runbook": "flip-switch"}).status_code == 403
    assert "Only members with" not in page
    shown = bench.operator.get(f"{bench.address}/follow-up?runbook=flip-switch")
    assert (shown.status_code, "senior-support" in text(shown), "Preview</button>" in text(shown)) == (200, True, False)
    assert not Rereading.objects.exists()


def test_form_is_filled_in_previewed_and_started_once(bench: Bench) -> None:
    bench.take()
    page = text(bench.client.get(f"{bench.address}/follow-up?runbook=flip-switch"))
    assert 'name="task.switch_id" type="text" value="s1"' in page
    assert "tenant_id" not in page
    shown = bench.post("preview")
    assert "A run would invoke" in text(shown)
    assert not FollowUp.objects.exists()
    digest = OperationRun.objects.get().definition_digest
    answers = [bench.post("start", definition=digest) for _ in range(2)]
    run = OperationRun.objects.get(follow_up__packet=bench.packet)
    assert [answer["Location"] for answer in answers] == [f"/admin/operations/{run.ref}"] * 2
    assert OperationRun.objects.count() == 2
    assert "Follow-up of" in text(bench.client.get(f"/admin/operations/{run.ref}"))
    there = text(bench.client.get(bench.address))
    assert run.ref in there
    assert "stops before its next call" in there


def test_what_is_wrong_stands_beside_the_field_and_what_was_typed_stays(bench: Bench) -> None:
    bench.take()
    shown = bench.post("start", task_budget="-1")
    assert shown.status_code == 422
    assert "Expected at least 0" in text(shown)
    assert 'value="-1"' in text(shown)
    assert not FollowUp.objects.exists()


def test_field_that_is_emptied_is_not_filled_in_again(bench: Bench) -> None:
    bench.take()
    shown = bench.post("start", task_switch_id="")
    assert (shown.status_code, "This field is required" in text(shown)) == (422, True)


def test_handed_back_meanwhile_nothing_is_started(bench: Bench) -> None:
    bench.take()
    handover.hand_back(ref=bench.packet.ref, note="Not mine.", by=senior(bench.estate))
    shown = bench.post("start")
    assert (shown.status_code, "Take over this exception packet first" in text(shown)) == (409, True)
    assert not FollowUp.objects.exists()


@pytest.mark.parametrize("runbook", ["", "rotate", "x" * 300, "a\nb"])
def test_runbook_that_is_not_named_is_refused(bench: Bench, runbook: str) -> None:
    bench.take()
    assert bench.client.get(f"{bench.address}/follow-up", {"runbook": runbook}).status_code == 200
    shown = bench.post("start", runbook=runbook)
    assert (shown.status_code, "doesn&#x27;t name" in text(shown)) == (409, True)


def test_version_that_was_approved_meanwhile_is_previewed_first(bench: Bench) -> None:
    bench.take()
    shown = bench.post("start", definition="sha256:" + "0" * 64)
    assert (shown.status_code, "Another version was approved meanwhile" in text(shown)) == (409, True)


@pytest.mark.requirement("H-01")
def test_support_is_requested_in_the_runs_own_form_filled_in(bench: Bench) -> None:
    page = text(bench.client.get(bench.address))
    address = page.split('href="', 1)[1] and next(
        part.split('"')[0] for part in page.split('href="') if "support=" in part.split('"')[0]
    )
    assert address.startswith(f"/admin/operations/{bench.packet.run.ref}?support=")
    form = text(bench.client.get(address.replace("&amp;", "&")))
    assert f"{bench.packet.ref}: {bench.packet.message[:20]}" in form
    assert "Changed outside: " in form
    foreign = text(bench.client.get(address.split("&amp;")[0] + "&exception=EXC-ZZZZZZZZZZ"))
    assert "Changed outside: " not in foreign
