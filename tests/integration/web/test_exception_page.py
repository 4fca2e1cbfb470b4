"""Taking over and resolving: once, by the right person, with a note."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.runbooks.states import Handling
from tests.factories import rows
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
NOTE = "Nothing had changed there. Delegated anew."


@pytest.fixture
def senior(house: Web, as_role: Callable[..., Client]) -> Client:
    return as_role(Role.SENIOR_SUPPORT)


def url(house: Web, action: str = "") -> str:
    return f"/admin/exceptions/{house.stopped.ref}{action}"


@pytest.mark.requirement("R2-10", "R2-18")
def test_packet_shows_why_what_and_what_was_tried(house: Web, senior: Client) -> None:
    text = senior.get(url(house)).content.decode()
    for told in (house.stopped.message, "no row of the table matches", "tenant-service", house.stopped.checkpoint):
        assert told.replace("'", "&#x27;") in text


def test_packet_of_a_job_that_did_not_end_in_time_says_that_it_may_still_end(house: Web, senior: Client) -> None:
    message = "The action was accepted but not decided within 8 s."
    waited = rows.exception(house.tenant, house.definition, reason="poll-window-over", message=message)
    text = senior.get(f"/admin/exceptions/{waited.ref}").content.decode()
    assert "may still be running" in text
    assert "recognise the answer" not in text


def test_take_twice_is_the_same_answer(house: Web, senior: Client) -> None:
    assert [senior.post(url(house, "/take")).status_code for _ in range(2)] == [302, 302]
    assert AuditEvent.objects.filter(event="exception.taken").count() == 1


def test_take_of_what_another_has_says_look_again(house: Web, senior: Client, as_role: Callable[..., Client]) -> None:
    as_role(Role.SENIOR_SUPPORT).post(url(house, "/take"))
    assert senior.post(url(house, "/take")).status_code == 409


def test_resolve_twice_with_the_same_note_is_the_same_answer(house: Web, senior: Client) -> None:
    senior.post(url(house, "/take"))
    assert [senior.post(url(house, "/resolve"), {"note": NOTE}).status_code for _ in range(2)] == [302, 302]
    assert senior.post(url(house, "/resolve"), {"note": "Something else."}).status_code == 409
    house.stopped.refresh_from_db()
    assert house.stopped.note == NOTE


def test_resolve_without_a_note_gives_the_form_back(house: Web, senior: Client) -> None:
    senior.post(url(house, "/take"))
    long = "x" * 4001
    for note, message in (("  ", "A resolution needs a note"), (long, "At most 4000 characters")):
        response = senior.post(url(house, "/resolve"), {"note": note})
        assert response.status_code == 422
        assert message in response.content.decode()
    assert long in response.content.decode()


def test_operator_is_told_who_may_take_over(house: Web, as_role: Callable[..., Client]) -> None:
    text = as_role(Role.OPERATOR).get(url(house)).content.decode()
    assert "You need the role senior-support." in text
    assert "Take over</button>" not in text


def test_packet_without_evidence_or_attempts_says_so(house: Web, senior: Client) -> None:
    from handrail.runbooks.models import ExceptionPacket

    other = rows.exception(house.tenant, house.definition)
    fields = {f.attname: getattr(other, f.attname) for f in ExceptionPacket._meta.concrete_fields}
    run = rows.run(house.tenant, house.definition)
    bare = ExceptionPacket(
        **fields | {"id": None, "ref": "EXC-BARE000000", "run_id": run.pk, "evidence": [], "attempts": []}
    )
    bare.save(force_insert=True)
    text = senior.get("/admin/exceptions/EXC-BARE000000").content.decode()
    assert "No authoritative state had been read" in text
    assert "Nothing was invoked" in text


def stop(house: Web, count: int, **values: Any) -> None:
    at = now() - timedelta(days=1)
    for number in range(count):
        rows.exception(house.tenant, house.definition, at=at - timedelta(minutes=number), **values)


def test_list_pages_back_to_the_oldest_packet(house: Web, as_role: Callable[..., Client]) -> None:
    stop(house, 51)
    client = as_role(Role.SENIOR_SUPPORT)
    first = client.get("/admin/exceptions").context["exceptions"]
    second = client.get("/admin/exceptions" + first.older_url).context["exceptions"]
    assert (len(first.packets), first.total, len(second.packets), second.older_url) == (50, 52, 2, None)
    assert {p.ref for p in first.packets} & {p.ref for p in second.packets} == set()


def test_list_of_the_unresolved_leaves_the_resolved_out(house: Web, as_role: Callable[..., Client]) -> None:
    stop(house, 1, handling=Handling.RESOLVED)
    shown = as_role(Role.SENIOR_SUPPORT).get("/admin/exceptions?handling=unresolved").context["exceptions"]
    assert [packet.ref for packet in shown.packets] == [house.stopped.ref]


def test_tenant_page_counts_what_waits_behind_fifty_resolved(house: Web, as_role: Callable[..., Client]) -> None:
    old = now() - timedelta(days=9)
    rows.exception(house.tenant, house.definition, at=old)
    stop(house, 50, handling=Handling.RESOLVED)
    page = as_role(Role.SENIOR_SUPPORT).get(f"/admin/t/{house.tenant.key}")
    assert b"2 stopped runs not resolved yet" in page.content


def test_home_counts_every_open_packet_and_ones_own(house: Web, enter: Callable[[User], Client]) -> None:
    person = rows.member(house.workspace, Role.SENIOR_SUPPORT)
    stop(house, 9)
    stop(house, 51, handling=Handling.TAKEN, taken_by="other@example.com")
    rows.exception(
        house.tenant, house.definition, at=now() - timedelta(days=9), handling=Handling.TAKEN, taken_by=person.email
    )
    home = enter(person).get("/admin").context["home"]
    assert (home.stopped_count, len(home.stopped), home.mine_count, len(home.mine)) == (10, 8, 1, 1)


def test_packet_that_somebody_left_behind_can_be_taken_over(
    house: Web, senior: Client, enter: Callable[[User], Client]
) -> None:
    senior.post(url(house, "/take"))
    house.stopped.refresh_from_db()
    person = rows.member(house.workspace, Role.SENIOR_SUPPORT)
    other = enter(person)
    page = other.get(url(house))
    assert f"Take over from {house.stopped.taken_by}".encode() in page.content
    assert other.post(url(house, "/take"), {"instead_of": house.stopped.taken_by}).status_code == 302
    house.stopped.refresh_from_db()
    assert house.stopped.taken_by == person.email
    assert b"Take over from" not in other.get(url(house)).content
