"""Exception packets through the API: notes, handing back, assigning, filters, groups."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.kernel.clock import now
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.states import Handling
from tests.factories import rows
from tests.factories.changes import COPIED, PANEL, world
from tests.factories.people import secret_of
from tests.factories.runs import Runs
from tests.factories.switches import ODD, SwitchBoard
from tests.integration.api.conftest import Caller

pytestmark = pytest.mark.requirement("R2-17")
FOLLOWED = PANEL.replace(COPIED, f"{COPIED[:-1]}, follow_up: [{{runbook: flip-switch, by: [senior-support]}}]}}")


@pytest.fixture
def packet(estate: Runs) -> ExceptionPacket:
    return rows.exception(estate.tenant, estate.definition)


def test_packet_is_noted_on_handed_back_and_assigned(packet: ExceptionPacket, caller: Caller) -> None:
    first, path = caller("senior-support"), f"/api/v1/exceptions/{packet.ref}"
    caller("senior-support")
    json = {"content_type": "application/json"}
    assert first.post(f"{path}/take").status_code == 204
    assert first.post(f"{path}/notes", {"note": "Looked."}, **json).status_code == 204
    assert first.post(f"{path}/hand-back", {"note": "Not mine."}, **json).status_code == 204
    assert first.post(f"{path}/assign", {"to": "member1@example.com"}, **json).status_code == 204
    told = first.get(path).json()
    assert [(one["by"], one["kind"], one["text"]) for one in told["notes"]] == [
        ("member0@example.com", "interim", "Looked."),
        ("member0@example.com", "handed-back", "Not mine."),
    ]
    assert (told["summary"]["handling"], told["summary"]["taken_by"]) == ("taken", "member1@example.com")
    assert told["why_not_hand_back"]["code"] == "exception-taken"
    refused = first.post(f"{path}/assign", {"to": "x@example.com", "instead_of": "member1@example.com"}, **json)
    assert (refused.status_code, "no active member" in refused.content.decode()) == (422, True)


@pytest.mark.parametrize("asked", ["handling=x", "owner=x", "older_than=x", "cause=x", "sort=x", "tenant=x", "after=x"])
def test_unknown_filter_is_refused_in_words(packet: ExceptionPacket, caller: Caller, asked: str) -> None:
    answer = caller("senior-support").get(f"/api/v1/exceptions?{asked}")
    assert (answer.status_code, asked.partition("=")[0] in answer.content.decode()) == (422, True)


def test_list_is_paged_by_reference_and_counted_in_groups(estate: Runs, caller: Caller) -> None:
    at, client = now(), caller("senior-support")
    for _ in range(5):
        rows.exception(estate.tenant, estate.definition, at=at)
    rows.exception(estate.tenant, estate.definition, at=at, handling=Handling.RESOLVED)
    seen: list[str] = []
    while page := client.get(
        "/api/v1/exceptions", {"limit": 2, "handling": "open", "after": seen[-1] if seen else ""}
    ).json():
        seen += [one["ref"] for one in page]
    assert (len(seen), len(set(seen))) == (5, 5)
    (group,) = client.get("/api/v1/exceptions/groups?handling=unresolved").json()
    assert (group["reason"], group["count"], group["unassigned"]) == ("ambiguous-result", 5, 5)


def test_like_packets_are_taken_over_and_resolved_together(estate: Runs, caller: Caller) -> None:
    refs = [rows.exception(estate.tenant, estate.definition).ref for _ in range(3)]
    client, json = caller("senior-support"), {"content_type": "application/json"}
    taken = client.post("/api/v1/exceptions/take", {"refs": refs[:2]}, **json)
    assert [one["code"] for one in taken.json()] == ["", ""]
    ended = client.post("/api/v1/exceptions/resolve", {"refs": refs, "outcome": "not-needed", "note": "Done."}, **json)
    assert [(one["ref"], one["code"]) for one in ended.json()] == [
        (refs[0], ""),
        (refs[1], ""),
        (refs[2], "exception-open"),
    ]


@pytest.fixture
def bench(db: None) -> Iterator[tuple[Runs, SwitchBoard, ExceptionPacket]]:
    """A packet of a runbook that names itself, its board, and the switch off again."""
    with world(FOLLOWED) as (estate, board, _):
        board.script = [ODD]
        stopped = ExceptionPacket.objects.get(run=estate.advance(estate.start()))
        board.switches["s1"]["state"] = "off"
        yield estate, board, stopped


def test_sources_are_read_again_and_a_follow_up_run_is_previewed_and_started(
    bench: tuple[Runs, SwitchBoard, ExceptionPacket],
) -> None:
    estate, _, packet = bench
    rows.member(estate.workspace, Role.SENIOR_SUPPORT, email="senior@example.com")
    secret = secret_of("senior@example.com", estate.workspace.pk)
    client, path = Client(headers={"authorization": f"Bearer {secret}"}), f"/api/v1/exceptions/{packet.ref}"
    json = {"content_type": "application/json"}
    read = client.post(f"{path}/read-again").json()
    state = next(one for one in read["rows"] if one["name"] == "switch.state")
    assert (state["before"], state["packet"], state["now"], read["unread"]) == ("off", "on", "off", {})
    assert client.post(f"{path}/follow-ups", {"runbook": "flip-switch"}, **json).json()["code"] == "exception-open"
    assert client.post(f"{path}/take").status_code == 204
    form = client.get(f"{path}/follow-ups/form?runbook=flip-switch").json()
    assert (form["number"], form["inputs"]["switch_id"], form["why_not"]) == (1, "s1", None)
    seen = client.post(f"{path}/follow-ups/preview", {"runbook": "flip-switch"}, **json).json()
    assert seen["would_invoke"]["step"] == "flip"
    wanted = {"runbook": "flip-switch", "definition": form["definition"], "inputs": {"budget": 2}}
    started = [client.post(f"{path}/follow-ups", wanted, **json) for _ in range(2)]
    assert [one.status_code for one in started] == [201, 200]
    run = started[0].json()["ref"]
    told = client.get(path).json()
    assert [(one["run"], one["number"], one["state"]) for one in told["follow_ups"]] == [(run, 1, "received")]
    assert client.get(f"/api/v1/runs/{run}").json()["follow_up_of"]["exception"] == packet.ref
    resolved = client.post(f"{path}/resolve", {"outcome": "lost", "note": "Done."}, **json)
    assert (resolved.status_code, resolved.json()["errors"][0]["where"]) == (422, "outcome")
    assert client.post(f"{path}/resolve", {"outcome": "not-needed", "note": "Done."}, **json).status_code == 204
    assert client.get(path).json()["outcome_title"] == "Not needed"
    assert [one["ref"] for one in client.get("/api/v1/exceptions?due=none&sort=due").json()] == [packet.ref]
