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
    assert [
        senior.post(url(house, "/resolve"), {"outcome": "not-needed", "note": NOTE}).status_code for _ in range(2)
    ] == [302, 302]
    assert senior.post(url(house, "/resolve"), {"outcome": "not-needed", "note": "Something else."}).status_code == 409
    house.stopped.refresh_from_db()
    assert house.stopped.note == NOTE


def test_resolve_without_a_note_gives_the_form_back(house: Web, senior: Client) -> None:
    senior.post(url(house, "/take"))
    long = "x" * 4001
    for note, message in (("  ", "A resolution needs a note"), (long, "At most 4000 characters")):
        response = senior.post(url(house, "/resolve"), {"outcome": "not-needed", "note": note})
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
    groups = enter(person).get("/admin").context["home"].group
    shown = {slug: (len(groups[slug].rows), groups[slug].count) for slug in ("unassigned", "mine")}
    assert shown == {"unassigned": (8, 10), "mine": (1, 1)}


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


@pytest.mark.requirement("R2-17")
def test_notes_are_a_thread_on_the_page(house: Web, senior: Client, as_role: Callable[..., Client]) -> None:
    for client, note in ((senior, "Asked the vendor."), (as_role(Role.SENIOR_SUPPORT), "They <b>answered</b>.")):
        assert client.post(url(house, "/note"), {"note": note}).status_code == 302
        assert client.post(url(house, "/note"), {"note": note}).status_code == 302  # a second click
    text = senior.get(url(house)).content.decode()
    assert (text.count("Asked the vendor."), text.count("They &lt;b&gt;answered&lt;/b&gt;.")) == (1, 1)
    assert AuditEvent.objects.filter(event="exception.noted").count() == 2


@pytest.mark.parametrize(
    ("form", "told"), [("/note", "A note needs a text"), ("/hand-back", "Handing back needs a note")]
)
def test_empty_note_gives_the_form_back(house: Web, senior: Client, form: str, told: str) -> None:
    senior.post(url(house, "/take"))
    response = senior.post(url(house, form), {"note": " "})
    assert (response.status_code, told in response.content.decode()) == (422, True)
    long = senior.post(url(house, form), {"note": "y" * 4001})
    assert (long.status_code, "y" * 4001 in long.content.decode()) == (422, True)


def test_handed_back_twice_is_the_same_answer_and_others_can_take_it(
    house: Web, senior: Client, as_role: Callable[..., Client]
) -> None:
    senior.post(url(house, "/take"))
    posted = [senior.post(url(house, "/hand-back"), {"note": "Not mine."}).status_code for _ in range(2)]
    assert posted == [302, 302]
    assert senior.post(url(house, "/hand-back"), {"note": "Another."}).status_code == 409
    other = as_role(Role.SENIOR_SUPPORT)
    text = other.get(url(house)).content.decode()
    assert "Not mine." in text
    assert "Take over</button>" in text
    assert other.post(url(house, "/take")).status_code == 302
    assert senior.post(url(house, "/hand-back"), {"note": "Not mine."}).status_code == 409


def test_packet_is_assigned_to_who_may_have_it(house: Web, senior: Client, enter: Callable[[User], Client]) -> None:
    able = rows.member(house.workspace, Role.SENIOR_SUPPORT)
    unable = rows.member(house.workspace, Role.OPERATOR)
    text = senior.get(url(house)).content.decode()
    assert f'<option value="{able.email}">' in text
    assert unable.email not in text
    refused = senior.post(url(house, "/assign"), {"to": unable.email})
    assert refused.status_code == 422
    assert "take over exception packets" in refused.content.decode()
    assert senior.post(url(house, "/assign"), {"to": able.email}).status_code == 302
    house.stopped.refresh_from_db()
    assert house.stopped.taken_by == able.email
    assert b"What was done" in enter(able).get(url(house)).content


def test_operator_is_offered_none_of_it(house: Web, as_role: Callable[..., Client]) -> None:
    text = as_role(Role.OPERATOR).get(url(house)).content.decode()
    assert not [word for word in ("Add note", "Hand back</button>", "Assign</button>") if word in text]


def test_list_pages_through_packets_of_one_moment(house: Web, as_role: Callable[..., Client]) -> None:
    at = now() - timedelta(days=1)
    for _ in range(60):
        rows.exception(house.tenant, house.definition, at=at)
    client = as_role(Role.SENIOR_SUPPORT)
    seen, address = [], "?sort=oldest"
    while address:
        shown = client.get("/admin/exceptions" + address).context["exceptions"]
        seen += [packet.ref for packet in shown.packets]
        address = shown.older_url
    assert (len(seen), len(set(seen))) == (61, 61)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("handling=done", "one of: unresolved, open, taken, resolved"),
        ("owner=me", "mine, unassigned or a member"),
        ("older_than=old", "30m, 4h or 7d"),
        ("cause=weather", "one of: prerequisite"),
        ("sort=random", "one of: newest, oldest"),
        ("tenant=ten_none", "the key of a tenant that you have access to"),
        ("after=EXC-NONE000000", "the reference of the last"),
    ],
)
def test_unknown_filter_is_refused_in_words_and_lists_nothing(
    house: Web, as_role: Callable[..., Client], asked: str, told: str
) -> None:
    response = as_role(Role.SENIOR_SUPPORT).get(f"/admin/exceptions?{asked}")
    body = response.content.decode()
    assert (response.status_code, told in body, house.stopped.ref in body) == (422, True, False)


def test_list_answers_which_are_mine(house: Web, enter: Callable[[User], Client]) -> None:
    person = rows.member(house.workspace, Role.SENIOR_SUPPORT)
    mine = rows.exception(house.tenant, house.definition, handling=Handling.TAKEN, taken_by=person.email)
    for _ in range(2):
        rows.exception(house.tenant, house.definition, at=now() - timedelta(days=2), reason="tier-differs")
    client = enter(person)
    shown = client.get("/admin/exceptions").context["exceptions"]
    assert [(name, count) for name, _, count, _ in shown.shortcuts] == [
        ("Mine", 1),
        ("Mine and late", 0),
        ("Unassigned", 3),
        ("Late", 0),
        ("Older than a day", 2),
    ]
    listed = client.get("/admin/exceptions" + shown.shortcuts[0][1]).context["exceptions"]
    assert [packet.ref for packet in listed.packets] == [mine.ref]
    (group, address) = shown.groups[0]
    assert (group.reason, group.count) == ("ambiguous-result", 2)
    assert len(client.get("/admin/exceptions" + address).context["exceptions"].packets) == 2


@pytest.mark.requirement("R2-17")
def test_like_packets_are_taken_over_and_resolved_together(house: Web, enter: Callable[[User], Client]) -> None:
    person = rows.member(house.workspace, Role.SENIOR_SUPPORT)
    stop(house, 3, reason="tier-differs")
    client, address = enter(person), "/admin/exceptions?reason=tier-differs"
    shown = client.get(address).context["exceptions"]
    assert (len(shown.may_take), len(shown.may_resolve)) == (3, 0)
    refs = sorted(shown.may_take)
    enter(rows.member(house.workspace, Role.SENIOR_SUPPORT)).post(f"/admin/exceptions/{refs[0]}/take")
    answer = client.post("/admin/exceptions/take", {"ref": refs, "reason": "tier-differs"}, follow=True)
    assert answer.redirect_chain == [(address, 302)]
    body = answer.content.decode()
    assert "2 exception packets were taken over." in body
    assert f"{refs[0]} was not taken over" in body
    assert answer.context["exceptions"].may_resolve == frozenset(refs[1:])
    answer = client.post(
        "/admin/exceptions/resolve", {"outcome": "not-needed", "ref": refs[1:], "note": NOTE}, follow=True
    )
    assert "2 exception packets were resolved." in answer.content.decode()
    assert client.get("/admin/exceptions").context["exceptions"].may_take == frozenset()  # not all alike


def test_resolving_together_without_a_note_says_so(house: Web, senior: Client) -> None:
    senior.post(url(house, "/take"))
    answer = senior.post(
        "/admin/exceptions/resolve", {"outcome": "not-needed", "ref": [house.stopped.ref], "note": " "}, follow=True
    )
    assert "Say what was done. A resolution needs a note." in answer.content.decode()
    answer = senior.post("/admin/exceptions/take", {}, follow=True)
    assert "1 to 50 exception packets" in answer.content.decode()
