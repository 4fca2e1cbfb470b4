"""What is decided about a row after it was sealed leaves the log whole; what contradicts the sealed events is named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handrail.audit.models import AuditEvent, AuditLeaf
from handrail.audit.signing import Signing
from handrail.audit.sources import SOURCES, Source
from handrail.audit.verification import verify
from handrail.definitions import actions as definitions
from handrail.kernel.clock import now
from handrail.runbooks.actions import exceptions, handover
from tests.factories.log import event, run
from tests.factories.sealed import as_owner, decided, sealed, sealed_world
from tests.factories.support import unfinished

pytestmark = pytest.mark.django_db
NOTES = "runbooks_exceptionnote"
DEFINITIONS, REQUESTS, PACKETS = "definitions_definition", "support_supportrequest", "runbooks_exceptionpacket"


def named() -> list[tuple[str, str | None, int | None]]:
    found = verify()
    assert not found.whole
    return [(d.kind.value, d.source, d.row_id) for d in found.differences]


def test_row_that_is_decided_after_it_was_sealed_verifies_whole(signer: Signing) -> None:
    world = decided()
    found = verify()
    assert (found.whole, found.unsealed, found.differences) == (True, 0, ())
    sealed_rows = set(AuditLeaf.objects.values_list("source", "row_id"))
    assert {
        ("definitions.definition", world.definition.pk),
        ("support.request", world.request.pk),
        ("runbooks.exception_packet", world.packet.pk),
    } <= sealed_rows


def test_row_that_is_decided_and_not_yet_sealed_again_verifies_whole(signer: Signing) -> None:
    world = sealed_world()
    definitions.reject(definition_id=world.definition.pk, reason="Not this one.", by=world.person)
    assert verify().whole


@pytest.mark.parametrize(
    "change",
    [
        "state = 'proposed', decided_at = NULL, decided_by = NULL",
        "state = 'rejected', reason = 'no'",
        "decided_by = 'somebody.else@example.com'",
        "decided_at = decided_at - interval '1 day'",
        "decided_at = decided_at + interval '1 second'",
        "reason = 'because'",
        "deprecated_at = now(), deprecated_by = 'x', state = 'deprecated'",
    ],
)
def test_definition_that_contradicts_its_events_is_named(signer: Signing, change: str) -> None:
    world = decided()
    as_owner(f"UPDATE {DEFINITIONS} SET {change} WHERE id = {world.definition.pk}", tables=(DEFINITIONS,))
    assert named() == [("decision", "definitions.definition", world.definition.pk)]


@pytest.mark.parametrize(
    "change",
    [
        "external_ticket_reference = NULL, external_ticket_url = NULL",
        "external_ticket_reference = 'T-8'",
        "external_ticket_url = 'https://elsewhere.example/T-7'",
        "external_ticket_reference = NULL, external_ticket_url = NULL, external_handoff_failure_summary = 'It failed.'",
        "external_handoff_mode = 'link_existing_ticket', handoff_deadline_at = NULL",
    ],
)
def test_support_request_that_contradicts_its_events_is_named(signer: Signing, change: str) -> None:
    world = decided()
    as_owner(f"UPDATE {REQUESTS} SET {change} WHERE id = {world.request.pk}", tables=(REQUESTS,))
    assert [(source, pk) for _, source, pk in named()] == [("support.request", world.request.pk)]


@pytest.mark.parametrize(
    "change",
    [
        "handling = 'open', taken_at = NULL, taken_by = NULL, resolved_at = NULL, resolved_by = NULL, note = '',"
        " outcome = NULL",
        "handling = 'taken', resolved_at = NULL, resolved_by = NULL, note = '', outcome = NULL",
        "resolved_by = 'somebody.else@example.com'",
        "taken_by = 'somebody.else@example.com'",
        "note = 'Nothing was done.'",
        "taken_at = taken_at - interval '1 day'",
        "resolved_at = resolved_at + interval '1 hour'",
        "outcome = 'defect'",
        "overdue_at = now()",
    ],
)
def test_exception_packet_that_contradicts_its_events_is_named(signer: Signing, change: str) -> None:
    world = decided()
    as_owner(f"UPDATE {PACKETS} SET {change} WHERE id = {world.packet.pk}", tables=(PACKETS,))
    assert named() == [("decision", "runbooks.exception_packet", world.packet.pk)]


@pytest.mark.requirement("R2-17", "R2-21")
@pytest.mark.parametrize(
    "change",
    [
        f"UPDATE {PACKETS} SET handling = 'taken', taken_at = now(), taken_by = 'person@example.com'",
        f"UPDATE {NOTES} SET text = 'Nothing was seen.'",
        f"UPDATE {NOTES} SET by = 'somebody.else@example.com'",
        f"DELETE FROM {NOTES} WHERE id = (SELECT max(id) FROM {NOTES})",
        f"INSERT INTO {NOTES} (workspace_id, tenant_id, packet_id, at, by, kind, text)"
        f" SELECT workspace_id, tenant_id, packet_id, now(), by, 'interim', 'More.' FROM {NOTES} LIMIT 1",
    ],
)
def test_packet_whose_notes_or_way_back_contradict_its_events_is_named(signer: Signing, change: str) -> None:
    world = sealed_world()
    handover.add_note(ref=world.packet.ref, note="Looked.", by=world.person)
    exceptions.take(ref=world.packet.ref, by=world.person)
    handover.hand_back(ref=world.packet.ref, note="Not mine.", by=world.person)
    sealed()
    assert verify().whole
    as_owner(change, tables=(PACKETS, NOTES))
    assert named() == [("decision", "runbooks.exception_packet", world.packet.pk)]


@pytest.mark.parametrize(
    ("table", "source", "change"),
    [
        (DEFINITIONS, "definitions.definition", "text = text || ' ', digest = 'sha256:1'"),
        (DEFINITIONS, "definitions.definition", "proposed_by = 'somebody.else@example.com'"),
        (REQUESTS, "support.request", "summary = 'Something else'"),
        (REQUESTS, "support.request", "contact_email = 'somebody.else@example.com'"),
        (REQUESTS, "support.request", "created_at = created_at - interval '1 day'"),
    ],
)
def test_what_never_changes_of_a_row_is_sealed(signer: Signing, table: str, source: str, change: str) -> None:
    world = decided()
    pk = world.definition.pk if table == DEFINITIONS else world.request.pk
    as_owner(f"UPDATE {table} SET {change} WHERE id = {pk}", tables=(table,))
    assert ("altered", source, pk) in named()


def old_request(world: object) -> int:
    """A support request that says it is of last week."""
    at = now() - timedelta(days=7)
    request = world.request  # type: ignore[attr-defined]
    return unfinished(request.tenant, created_at=at, updated_at=at, handoff_deadline_at=at).pk


def test_rows_older_than_the_log_knows_their_source_are_no_insertion(
    signer: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that was sealed by a version which did not seal support requests, until ``SOURCES`` rises."""
    with monkeypatch.context() as before:
        before.setattr("handrail.audit.actions.SOURCES", 1)
        world = sealed_world()
        event()
        sealed()
    old_request(world)
    assert verify().whole
    sealed()
    assert verify().whole
    seals = AuditEvent.objects.filter(event="audit.sealed").order_by("pk")
    assert [one.context["sources"] for one in seals] == [1, 1, 1, SOURCES]


def test_row_put_in_after_the_log_knew_its_source_is_named(signer: Signing) -> None:
    world = sealed_world()
    event()
    sealed()
    put_in = old_request(world)
    assert named() == [("extra", "support.request", put_in)]
    sealed()
    assert named() == [("extra", "support.request", put_in)]


@pytest.mark.parametrize(
    ("columns", "renamed", "since"),
    [
        (("at",), {}, 1),
        (("id",), {}, 1),
        (("id", "at"), {"id": "number"}, 1),
        (("id", "created_at"), {}, 1),
        (("id", "at"), {}, 0),
        (("id", "at"), {}, SOURCES + 1),
    ],
)
def test_source_that_no_leaf_can_be_made_of_is_refused(
    columns: tuple[str, ...], renamed: dict[str, str], since: int
) -> None:
    with pytest.raises(ValueError, match="the source"):
        Source("x", "x", columns, renamed=renamed, since=since)


def test_events_of_before_are_compared_without_a_digest(signer: Signing) -> None:
    world = decided()
    run("ALTER TABLE audit_auditevent DISABLE TRIGGER USER")
    run("UPDATE audit_auditevent SET context = context - 'decision' - 'finalization'")
    run("ALTER TABLE audit_auditevent ENABLE ALWAYS TRIGGER handrail_append_only")
    as_owner(f"UPDATE {DEFINITIONS} SET decided_by = 'x' WHERE id = {world.definition.pk}", tables=(DEFINITIONS,))
    as_owner(f"UPDATE {REQUESTS} SET external_ticket_reference = 'x'", tables=(REQUESTS,))
    decisions = [(source, pk) for kind, source, pk in named() if kind == "decision"]
    assert sorted(decisions) == [
        ("definitions.definition", world.definition.pk),
        ("support.request", world.request.pk),
    ]
