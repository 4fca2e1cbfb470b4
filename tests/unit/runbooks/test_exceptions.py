"""Taking exception packets over, and resolving them."""

from __future__ import annotations

import dataclasses

import pytest
from django.db import IntegrityError, connection, transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.audit.models import AuditEvent
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound, Stale
from handrail.runbooks.actions import exceptions
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.queries import exceptions as exception_queries
from handrail.runbooks.queries import runs as queries
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import ODD, SwitchBoard


@pytest.fixture
def packet(estate: Runs, board: SwitchBoard) -> ExceptionPacket:
    board.script = [ODD]
    return ExceptionPacket.objects.get(run=estate.advance(estate.start()))


@pytest.fixture
def senior(estate: Runs) -> Actor:
    return as_person(estate.worker, "senior@example.com", capabilities=bundled([Role.SENIOR_SUPPORT]))


@pytest.mark.requirement("R2-17")
def test_take_records_who_and_when(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    packet.refresh_from_db()
    assert (packet.handling, packet.taken_by) == ("taken", "senior@example.com")
    assert AuditEvent.objects.get(event="exception.taken").subject == packet.ref


def test_take_a_taken_packet_is_refused(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    other = dataclasses.replace(senior, name="other@example.com")
    with pytest.raises(Conflict, match=r"senior@example\.com has taken"):
        exceptions.take(ref=packet.ref, by=other)


def test_take_from_whoever_has_it_is_recorded_with_their_name(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    other = dataclasses.replace(senior, name="other@example.com")
    exceptions.take(ref=packet.ref, by=other, instead_of=senior.name)
    assert AuditEvent.objects.filter(event="exception.taken").latest("pk").context == {"instead_of": senior.name}
    with pytest.raises(Conflict, match=r"Only other@example\.com"):
        exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=senior)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=other)


def test_take_from_somebody_who_has_it_no_more_is_stale(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    other = dataclasses.replace(senior, name="other@example.com")
    with pytest.raises(Stale):
        exceptions.take(ref=packet.ref, by=other, instead_of="third@example.com")


@pytest.mark.parametrize("handling", ["open", "taken", "resolved"])
def test_take_from_somebody_is_refused_where_there_is_nothing_to_take(
    packet: ExceptionPacket, senior: Actor, handling: str
) -> None:
    if handling != "open":
        exceptions.take(ref=packet.ref, by=senior)
    if handling == "resolved":
        exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=senior)
    with pytest.raises(Conflict):
        exceptions.take(ref=packet.ref, by=senior, instead_of=senior.name)


def test_resolve_puts_the_notes_digest_into_the_event(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done by hand.", by=senior)
    expected = {"note": digest_bytes(b"Done by hand."), "result": "fixed-by-hand"}
    assert AuditEvent.objects.get(event="exception.resolved").context == expected


@pytest.mark.parametrize(
    "change",
    [
        "note = 'Nothing to see.'",
        "resolved_by = 'other@example.com'",
        "taken_by = 'other@example.com', taken_at = now() + interval '1 hour'",
        "handling = 'open', taken_at = NULL, taken_by = NULL, resolved_at = NULL, resolved_by = NULL, note = ''",
        "handling = 'taken', resolved_at = NULL, resolved_by = NULL, note = ''",
        "reason = 'another'",
    ],
)
def test_the_database_refuses_to_rewrite_how_a_packet_was_resolved(
    packet: ExceptionPacket, senior: Actor, change: str
) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done by hand.", by=senior)
    with pytest.raises(IntegrityError, match=r"handling|frozen"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE runbooks_exceptionpacket SET {change} WHERE ref = %s", [packet.ref])


def test_the_database_refuses_to_resolve_for_somebody_else(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    change = "handling = 'resolved', resolved_at = now(), resolved_by = 'x', note = 'n', taken_by = 'x'"
    with pytest.raises(IntegrityError, match="handling"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE runbooks_exceptionpacket SET {change}")


def test_take_without_the_capability_is_denied(packet: ExceptionPacket, senior: Actor) -> None:
    operator = dataclasses.replace(senior, capabilities=bundled([Role.OPERATOR]))
    with pytest.raises(Denied):
        exceptions.take(ref=packet.ref, by=operator)


def test_take_another_tenants_packet_finds_nothing(packet: ExceptionPacket, senior: Actor) -> None:
    foreign = dataclasses.replace(senior, tenant_ids=frozenset())
    with pytest.raises(NotFound):
        exceptions.take(ref=packet.ref, by=foreign)


@pytest.mark.requirement("R2-19")
def test_resolve_keeps_the_note_and_leaves_the_run_ended(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done by hand.\u202e", by=senior)
    detail = exception_queries.get_exception(senior, packet.ref)
    assert (detail.note, detail.resolved_by) == ("Done by hand.", "senior@example.com")
    assert queries.get_run(senior, detail.summary.run).summary.state == "exception"


def test_resolve_an_open_packet_is_refused(packet: ExceptionPacket, senior: Actor) -> None:
    with pytest.raises(Conflict, match="Take over this exception packet first"):
        exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="x", by=senior)


def test_resolve_somebody_elses_packet_is_refused(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    with pytest.raises(Conflict, match=r"Only senior@example\.com"):
        exceptions.resolve(
            ref=packet.ref, outcome="fixed-by-hand", note="x", by=dataclasses.replace(senior, name="other@example.com")
        )


def test_resolve_takes_the_longest_note_as_a_browser_sends_it(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="x\r\n" * 1999 + "xx", by=senior)
    assert exception_queries.get_exception(senior, packet.ref).note == "x\n" * 1999 + "xx"


@pytest.mark.parametrize("note", ["", "  \n", "\u200b", "x" * 4001])
def test_resolve_without_a_usable_note_is_invalid(packet: ExceptionPacket, senior: Actor, note: str) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    with pytest.raises(Invalid) as caught:
        exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note=note, by=senior)
    assert caught.value.faults[0].where == "note"
