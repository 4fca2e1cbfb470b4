"""Submitting a request: what is stored, what is told, and what is written to the audit log."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from handrail.access import queries as access
from handrail.access.capabilities import Role
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.support import settings
from handrail.support.input import new_key
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffMode, HandoffOutcome
from tests.factories import rows
from tests.factories.support import Support, desk_at
from tests.unit.connectors.peers import Peer, answering, answering_json, hear_then_hang, peer, response


def events(ref: str) -> list[tuple[str, str, dict[str, Any]]]:
    rows = AuditEvent.objects.filter(subject=ref).order_by("pk")
    return [(row.event, row.outcome, {k: v for k, v in row.context.items() if k != "finalization"}) for row in rows]


def body_of(server: Peer) -> dict[str, str]:
    value: dict[str, str] = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    return value


@pytest.mark.requirement("H-03")
def test_submit_internal_only_stores_the_request(house: Support) -> None:
    handoff = house.submit(notes="1. Log in\n2. Look", severity="high").handoff
    row = SupportRequest.objects.get()
    assert re.fullmatch(r"SR-[0-9A-Z]{10}", row.ref)
    assert (row.workspace_id, row.tenant_id, row.run_id) == (house.tenant.workspace_id, house.tenant.pk, None)
    assert (row.summary, row.reproduction_notes, row.severity) == ("Roles are missing", "1. Log in\n2. Look", "high")
    assert (row.initiator, row.contact_email) == (house.operator.name, house.operator.name)
    assert (row.created_at, row.handoff_deadline_at) == (row.updated_at, None)
    assert (handoff.ref, handoff.outcome, handoff.tenant) == (row.ref, HandoffOutcome.NOT_ASKED, house.tenant.key)


def test_submit_from_a_run_stores_the_run_and_its_tenant(house: Support) -> None:
    handoff = house.submit(run=house.run.ref).handoff
    row = SupportRequest.objects.get()
    assert (row.run, row.tenant, row.primary_context) == (house.run, house.tenant, "operation_run")
    assert (handoff.run, handoff.tenant) == (house.run.ref, house.tenant.key)


@pytest.mark.requirement("H-10")
def test_submit_internal_only_writes_one_audit_event(house: Support) -> None:
    ref = house.submit().handoff.ref
    assert events(ref) == [
        ("support_request.created", "done", {"primary_context": "tenant", "mode": "internal_only"}),
    ]
    event = AuditEvent.objects.get(subject=ref)
    assert (event.workspace_id, event.tenant_id) == (house.tenant.workspace_id, house.tenant.pk)
    assert (event.actor, event.subject_kind) == (house.operator.name, "support_request")


@pytest.mark.requirement("H-05")
def test_submit_create_stores_reference_and_proven_url(house: Support) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        handoff = house.submit(mode="create_external_ticket", run=house.run.ref).handoff
        assert len(server.requests) == 1
    assert (handoff.outcome, handoff.external_reference) == (HandoffOutcome.CREATED, "T-7")
    assert handoff.external_url == f"{server.url}/t/T-7"
    assert events(handoff.ref) == [
        (
            "support_request.created",
            "done",
            {"primary_context": "operation_run", "mode": "create_external_ticket"},
        ),
        (
            "support_request.external_ticket_created",
            "done",
            {"primary_context": "operation_run", "mode": "create_external_ticket", "external_reference": "T-7"},
        ),
    ]


def test_submit_create_tells_the_desk_reference_words_context_and_page(house: Support) -> None:
    pages = settings.SupportSettings("https://h.example/admin/t/{key}", "https://h.example/admin/operations/{key}")
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url), settings.use(pages):
        handoff = house.submit(mode="create_external_ticket", run=house.run.ref, notes="Look here").handoff
        sent = body_of(server)
    page = f"https://h.example/admin/operations/{house.run.ref}"
    assert sent["title"] == f"[{handoff.ref}] Roles are missing"
    assert (sent["key"], sent["page"]) == (handoff.ref, page)
    for words in ("Look here", handoff.ref, house.run.ref, "Last checkpoint: Looked", page, house.operator.name):
        assert words in sent["text"]


def test_submit_create_with_reference_only_keeps_the_envelope_inside(house: Support) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        handoff = house.submit(mode="create_external_ticket", attachment="reference_only").handoff
        sent = body_of(server)
    assert handoff.ref in sent["text"]
    assert house.tenant.key not in sent["text"]
    assert SupportRequest.objects.get().context_envelope["tenant"]["key"] == house.tenant.key


@pytest.mark.requirement("H-08")
def test_submit_create_on_a_failing_desk_keeps_the_request(house: Support) -> None:
    with peer(answering(response(500, b"canary"))) as server, desk_at(server.url):
        handoff = house.submit(mode="create_external_ticket").handoff
        assert len(server.requests) == 1
    row = SupportRequest.objects.get()
    assert (row.external_handoff_mode, row.external_ticket_reference, row.external_ticket_url) == (
        "create_external_ticket",
        None,
        None,
    )
    assert row.external_handoff_failure_summary == handoff.failure
    assert row.updated_at > row.created_at
    assert events(row.ref)[1:] == [
        (
            "support_request.external_handoff_failed",
            "failed",
            {"primary_context": "tenant", "mode": "create_external_ticket"},
        )
    ]


def test_submit_create_beyond_the_slots_is_told_without_a_call(house: Support) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url, at_once=1):
        settings.current().calls.acquire()
        handoff = house.submit(mode="create_external_ticket").handoff
        assert server.requests == []
    assert handoff.outcome is HandoffOutcome.FAILED
    assert "No ticket was created" in (handoff.failure or "")


def test_submit_create_frees_its_slot(house: Support) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url, at_once=1):
        came = [house.submit(mode="create_external_ticket").handoff.outcome for _ in range(3)]
    assert came == [HandoffOutcome.CREATED] * 3


@pytest.mark.requirement("H-06")
def test_submit_link_stores_without_a_call(house: Support) -> None:
    with peer(hear_then_hang) as server, desk_at(server.url):
        handoff = house.submit(mode="link_existing_ticket", external_reference=f"{server.url}/t/T-9#note").handoff
        assert server.connections == 0
    assert (handoff.outcome, handoff.external_reference) == (HandoffOutcome.LINKED, "T-9")
    assert handoff.external_url == f"{server.url}/t/T-9"
    context = {"primary_context": "tenant", "mode": "link_existing_ticket", "external_reference": "T-9"}
    assert events(handoff.ref) == [
        ("support_request.created", "done", context),
        ("support_request.external_ticket_linked", "done", context),
    ]


@pytest.mark.requirement("H-06")
def test_submit_link_by_reference_alone_invents_no_url(house: Support) -> None:
    with desk_at("http://127.0.0.1:9"):
        handoff = house.submit(mode="link_existing_ticket", external_reference="#T-9").handoff
    assert (handoff.external_reference, handoff.external_url) == ("T-9", None)


@pytest.mark.requirement("H-06")
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"external_reference": "nonsense"}, "external_reference"),
        ({}, "external_reference"),
        ({"external_reference": "T-9", "external_url": "https://evil.example/t/T-9"}, "external_url"),
        ({"external_reference": "T-9", "external_url": "javascript:alert(1)"}, "external_url"),
        ({"external_reference": "T-9", "external_url": "http://127.0.0.1:9/t/T-8"}, "external_url"),
    ],
)
def test_submit_link_that_can_not_be_stores_nothing(house: Support, given: dict[str, str], field: str) -> None:
    with desk_at("http://127.0.0.1:9"), pytest.raises(Invalid) as caught:
        house.submit(mode="link_existing_ticket", **given)
    assert [fault.where for fault in caught.value.faults] == [field]
    assert not SupportRequest.objects.exists()


@pytest.mark.requirement("H-02")
@pytest.mark.parametrize("mode", ["create_external_ticket", "link_existing_ticket"])
def test_submit_without_a_desk_takes_only_internal_requests(house: Support, mode: str) -> None:
    reference = "T-9" if mode == "link_existing_ticket" else ""
    with pytest.raises(Invalid, match="No external support desk is configured") as caught:
        house.submit(mode=mode, external_reference=reference)
    assert [fault.where for fault in caught.value.faults] == ["mode"]
    assert not SupportRequest.objects.exists()


# 80 characters a line, its break counted as the one character that a browser's form counts.
LONGEST_NOTES = ("x" * 79 + "\n") * 49 + "x" * 80


def test_submit_takes_the_longest_notes_as_a_browser_sends_them(house: Support) -> None:
    assert len(LONGEST_NOTES) == 4000
    house.submit(notes=LONGEST_NOTES.replace("\n", "\r\n"))
    assert SupportRequest.objects.get().reproduction_notes == LONGEST_NOTES


def test_submit_refuses_notes_that_are_a_character_longer(house: Support) -> None:
    with pytest.raises(Invalid) as caught:
        house.submit(notes=LONGEST_NOTES.replace("\n", "\r\n") + "x")
    assert [fault.message for fault in caught.value.faults] == ["at most 4000 characters; these are 4001"]


def test_submit_again_with_other_line_breaks_is_the_same_request(house: Support) -> None:
    first, second = (house.submit(notes=notes, submission_key="one-form-1") for notes in ("a\r\nb", "a\nb"))
    assert second.handoff == first.handoff


@pytest.mark.requirement("H-24")
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"summary": " \u200b\n"}, "summary"),
        ({"summary": "x" * 201}, "summary"),
        ({"notes": "x" * 4001}, "notes"),
        ({"severity": "catastrophic"}, "severity"),
        ({"mode": "email"}, "mode"),
        ({"attachment": "everything"}, "attachment"),
        ({"contact_name": "x" * 121}, "contact_name"),
        ({"contact_email": "not an address"}, "contact_email"),
        ({"contact_email": "a@example.com\nBcc: b@example.com"}, "contact_email"),
        ({"external_reference": "T-9"}, "external_reference"),
        ({"external_url": "http://127.0.0.1:9/t/T-9"}, "external_url"),
        ({"external_url": "x" * 2001}, "external_url"),
        ({"contact_email": "x" * 250 + "@example.com"}, "contact_email"),
        ({"contact_email": "ünï@example.com"}, "contact_email"),
        ({"submission_key": "short"}, "submission_key"),
        ({"submission_key": "with a space"}, "submission_key"),
        ({"submission_key": "x" * 129}, "submission_key"),
    ],
)
def test_submit_names_the_wrong_field_and_stores_nothing(house: Support, given: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        house.submit(**given)
    assert [fault.where for fault in caught.value.faults] == [field]
    assert not SupportRequest.objects.exists()


def test_new_key_is_taken_and_fresh_for_each_form(house: Support) -> None:
    assert len({house.submit(submission_key=new_key()).handoff.ref for _ in range(2)}) == 2


def test_submit_again_with_the_same_key_gives_the_same_request(house: Support) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        first = house.submit(mode="create_external_ticket", submission_key="one-form-1")
        second = house.submit(mode="create_external_ticket", submission_key="one-form-1")
        assert len(server.requests) == 1
    assert (first.repeated, second.repeated) == (False, True)
    assert first.handoff == second.handoff


def test_submit_again_after_the_desk_was_removed_gives_the_same_request(house: Support) -> None:
    with desk_at("http://127.0.0.1:9"):
        first = house.submit(mode="link_existing_ticket", external_reference="T-9", submission_key="one-form-1")
    second = house.submit(mode="link_existing_ticket", external_reference="T-9", submission_key="one-form-1")
    assert second.handoff == first.handoff


@pytest.mark.parametrize("other", [{"summary": "Other words"}, {"severity": "urgent"}, {"notes": "more"}])
def test_submit_again_with_other_content_is_refused(house: Support, other: dict[str, str]) -> None:
    house.submit(submission_key="one-form-1")
    with pytest.raises(Conflict) as caught:
        house.submit(submission_key="one-form-1", **other)
    assert caught.value.code == "submission-key-reused"
    assert SupportRequest.objects.count() == 1


def test_submit_again_from_another_place_is_refused(house: Support) -> None:
    house.submit(submission_key="one-form-1")
    with pytest.raises(Conflict):
        house.submit(submission_key="one-form-1", run=house.run.ref)


def test_submit_with_a_key_that_somebody_else_used_is_a_request_of_ones_own(house: Support) -> None:
    theirs = house.submit(submission_key="one-form-1").handoff
    elsewhere = rows.tenant(house.tenant.workspace, name="Neighbour Ltd")
    colleague = access.actor_for(rows.member(house.tenant.workspace, Role.OPERATOR, tenants=[elsewhere]))
    mine = house.submit(submission_key="one-form-1", by=colleague, tenant=elsewhere.key)
    assert not mine.repeated
    assert (mine.handoff.tenant, mine.handoff.ref != theirs.ref) == (elsewhere.key, True)


def test_submit_by_a_process_needs_a_contact(house: Support) -> None:
    operator = access.command_line(house.tenant.workspace.slug)
    with pytest.raises(Invalid) as caught:
        house.submit(by=operator)
    assert [fault.where for fault in caught.value.faults] == ["contact_name", "contact_email"]
    assert house.submit(by=operator, contact_name="Ana", contact_email="ana@example.com").handoff.ref


@pytest.mark.requirement("H-23", "H-43")
@pytest.mark.parametrize("place", ["tenant", "run"])
def test_submit_outside_the_scope_is_not_found(house: Support, place: str) -> None:
    key = house.tenant.key if place == "tenant" else house.run.ref
    for given in (key, "nowhere"):
        with pytest.raises(NotFound) as caught:
            house.submit(by=house.outsider(), **{place: given})
        assert caught.value.message == NotFound().message
    assert not SupportRequest.objects.exists()


@pytest.mark.parametrize("place", ["tenant", "run"])
def test_submit_without_the_capability_is_denied(house: Support, place: str) -> None:
    key = house.tenant.key if place == "tenant" else house.run.ref
    with pytest.raises(Denied) as caught:
        house.submit(by=house.auditor, **{place: key})
    assert caught.value.capability == "support:request"
    assert not SupportRequest.objects.exists()


def test_submit_when_the_audit_log_refuses_leaves_nothing(house: Support, refusing_audit: None) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        with pytest.raises(Exception, match="audit is down"):
            house.submit(mode="create_external_ticket")
        assert server.connections == 0
    assert not SupportRequest.objects.exists()


def test_submit_keeps_a_ticket_unknown_when_its_finalization_is_refused(
    house: Support, refusing_second_event: None
) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url):
        with pytest.raises(Exception, match="audit is down"):
            house.submit(mode="create_external_ticket")
        assert len(server.requests) == 1
    row = SupportRequest.objects.get()
    assert row.external_ticket_reference is None
    assert row.external_handoff_failure_summary is None


def test_submit_create_has_a_deadline_a_little_after_the_budget(house: Support) -> None:
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url, budget_seconds=3.0):
        house.submit(mode=HandoffMode.CREATE)
    row = SupportRequest.objects.get()
    assert row.handoff_deadline_at == row.created_at + timedelta(seconds=5)
