"""Notes on exception packets, handing them back, and giving them to somebody else."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.decisions import Proof
from handrail.access.models import Membership, Tenant, Workspace
from handrail.access.proofs import just_now
from handrail.access.queries import member_actor
from handrail.audit.models import AuditEvent
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Denied, HandrailError, Invalid, NotFound, Stale
from handrail.runbooks.actions import exceptions, handover
from handrail.runbooks.handling import contradictions
from handrail.runbooks.models import ExceptionNote, ExceptionPacket
from handrail.runbooks.queries import exceptions as queries
from handrail.runbooks.states import HANDLING, Handling, NoteKind
from tests.factories import rows
from tests.lanes import rounds

pytestmark = pytest.mark.requirement("R2-17")


def acting(of: Workspace, *roles: Role, email: str, tenants: list[Tenant] | None = None) -> Actor:
    user = rows.member(of, *roles, email=email, tenants=tenants)
    return member_actor(Membership.objects.get(user=user, workspace=of), Proof.SESSION, just_now())


@pytest.fixture
def tenant(db: None) -> Tenant:
    return rows.tenant(rows.workspace())


@pytest.fixture
def packet(tenant: Tenant) -> ExceptionPacket:
    return rows.exception(tenant, rows.definition(tenant.workspace))


@pytest.fixture
def senior(tenant: Tenant) -> Actor:
    return acting(tenant.workspace, Role.SENIOR_SUPPORT, email="senior@example.com")


@pytest.fixture
def other(tenant: Tenant) -> Actor:
    return acting(tenant.workspace, Role.SENIOR_SUPPORT, email="other@example.com")


def test_note_is_kept_cleaned_and_its_digest_is_in_the_event(packet: ExceptionPacket, senior: Actor) -> None:
    handover.add_note(ref=packet.ref, note="The job is gone.\u202e\r\nAsked the vendor. ", by=senior)
    (note,) = queries.get_exception(senior, packet.ref).notes
    assert (note.by, note.kind, note.text) == (senior.name, NoteKind.INTERIM, "The job is gone.\nAsked the vendor.")
    event = AuditEvent.objects.get(event="exception.noted")
    assert (event.subject, event.tenant_id) == (packet.ref, packet.tenant_id)
    assert event.context == {"note": digest_bytes(note.text.encode())}


def test_notes_are_a_thread_of_all_who_may_take_it_over(packet: ExceptionPacket, senior: Actor, other: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    for number, by in enumerate((senior, other, senior)):
        handover.add_note(ref=packet.ref, note=f"Note {number}", by=by)
    told = [(note.by, note.text) for note in queries.get_exception(other, packet.ref).notes]
    assert told == [(senior.name, "Note 0"), (other.name, "Note 1"), (senior.name, "Note 2")]


def test_note_that_is_sent_twice_is_written_once(packet: ExceptionPacket, senior: Actor, other: Actor) -> None:
    for by in (senior, senior, other, senior):
        handover.add_note(ref=packet.ref, note="Looked.", by=by)
    assert [one.by for one in ExceptionNote.objects.order_by("pk")] == [senior.name, other.name, senior.name]
    assert AuditEvent.objects.filter(event="exception.noted").count() == 3


@pytest.mark.parametrize("note", ["", " \n", "\u200b", "x" * 4001])
@pytest.mark.parametrize("act", [handover.add_note, handover.hand_back])
def test_note_without_a_usable_text_is_invalid(packet: ExceptionPacket, senior: Actor, note: str, act: object) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    with pytest.raises(Invalid) as caught:
        act(ref=packet.ref, note=note, by=senior)  # type: ignore[operator]
    assert caught.value.faults[0].where == "note"
    assert not ExceptionNote.objects.exists()


def test_note_on_a_resolved_packet_is_refused(packet: ExceptionPacket, senior: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=senior)
    with pytest.raises(Conflict, match="has resolved this"):
        handover.add_note(ref=packet.ref, note="One more.", by=senior)


def test_notes_of_one_packet_have_an_end(
    packet: ExceptionPacket, senior: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "NOTES_LIMIT", 2)
    for number in range(2):
        handover.add_note(ref=packet.ref, note=str(number), by=senior)
    with pytest.raises(Conflict) as caught:
        handover.add_note(ref=packet.ref, note="2", by=senior)
    assert caught.value.code == "exception-notes"


@pytest.mark.parametrize("act", ["add_note", "hand_back", "assign"])
def test_acts_need_the_capability_and_the_tenant(
    packet: ExceptionPacket, senior: Actor, other: Actor, act: str
) -> None:
    given = {"to": other.name} if act == "assign" else {"note": "Looked."}
    exceptions.take(ref=packet.ref, by=senior)
    operator = acting(packet.workspace, Role.OPERATOR, email="operator@example.com")
    with pytest.raises(Denied):
        getattr(handover, act)(ref=packet.ref, by=operator, **given)
    for changes in ({"tenant_ids": frozenset()}, {"workspace_id": packet.workspace_id + 1}):
        with pytest.raises(NotFound):
            getattr(handover, act)(ref=packet.ref, by=dataclasses.replace(senior, **changes), **given)
    with pytest.raises(Denied):  # a process decides nothing
        getattr(handover, act)(ref=packet.ref, by=dataclasses.replace(senior, proof=Proof.NONE), **given)


def test_handed_back_is_open_again_with_the_note(packet: ExceptionPacket, senior: Actor, other: Actor) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    handover.hand_back(ref=packet.ref, note="The sync service is not mine.", by=senior)
    found = queries.get_exception(other, packet.ref)
    assert (found.summary.handling, found.summary.taken_by, found.taken_at) == (Handling.OPEN, None, None)
    assert [(one.kind, one.text) for one in found.notes] == [(NoteKind.HANDED_BACK, "The sync service is not mine.")]
    assert found.why_not_take is None
    event = AuditEvent.objects.get(event="exception.handed_back")
    assert (event.actor, event.context) == (senior.name, {"note": digest_bytes(b"The sync service is not mine.")})
    exceptions.take(ref=packet.ref, by=other)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=other)
    assert contradictions([packet.pk]) == {}


def test_hand_back_of_what_one_does_not_have_is_refused(packet: ExceptionPacket, senior: Actor, other: Actor) -> None:
    with pytest.raises(Conflict, match="Nobody has taken over"):
        handover.hand_back(ref=packet.ref, note="x", by=senior)
    exceptions.take(ref=packet.ref, by=senior)
    with pytest.raises(Conflict, match=r"Only senior@example\.com"):
        handover.hand_back(ref=packet.ref, note="x", by=other)
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=senior)
    with pytest.raises(Conflict, match="has resolved this"):
        handover.hand_back(ref=packet.ref, note="x", by=senior)
    assert not ExceptionNote.objects.exists()


def test_assigned_is_theirs_and_the_event_names_both(packet: ExceptionPacket, senior: Actor, other: Actor) -> None:
    handover.assign(ref=packet.ref, to=other.name.upper(), by=senior)
    packet.refresh_from_db()
    assert (packet.handling, packet.taken_by) == ("taken", other.name)
    event = AuditEvent.objects.get(event="exception.assigned")
    assert (event.actor, event.context) == (senior.name, {"assigned_to": other.name})
    exceptions.resolve(ref=packet.ref, outcome="fixed-by-hand", note="Done.", by=other)
    assert contradictions([packet.pk]) == {}


def test_what_somebody_has_is_given_away_by_its_owner_or_by_who_names_them(
    packet: ExceptionPacket, senior: Actor, other: Actor
) -> None:
    third = acting(packet.workspace, Role.SENIOR_SUPPORT, email="third@example.com")
    exceptions.take(ref=packet.ref, by=senior)
    handover.assign(ref=packet.ref, to=other.name, by=senior)
    with pytest.raises(Conflict, match=r"other@example\.com has taken this over"):
        handover.assign(ref=packet.ref, to=third.name, by=senior)
    with pytest.raises(Stale):
        handover.assign(ref=packet.ref, to=third.name, instead_of=senior.name, by=senior)
    handover.assign(ref=packet.ref, to=third.name, instead_of=other.name, by=senior)
    told = list(AuditEvent.objects.filter(event="exception.assigned").order_by("pk").values_list("context", flat=True))
    assert told == [
        {"assigned_to": other.name, "instead_of": senior.name},
        {"assigned_to": third.name, "instead_of": other.name},
    ]
    assert contradictions([packet.pk]) == {}


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("nobody@example.com", "no active member"),
        ("operator@example.com", r"can't take over exception packets. Those can who have the role senior-support"),
        ("elsewhere@example.com", "has no access to this tenant"),
        ("gone@example.com", "no active member"),
        ("stranger@example.com", "no active member"),
        ("senior@example.com", "that is you"),
        ("other@example.com", "has it already"),
        ("", "no active member"),
    ],
)
def test_assign_to_who_can_not_have_it_says_why(
    packet: ExceptionPacket, senior: Actor, other: Actor, to: str, why: str
) -> None:
    house = packet.workspace
    acting(house, Role.OPERATOR, email="operator@example.com")
    acting(house, Role.SENIOR_SUPPORT, email="elsewhere@example.com", tenants=[rows.tenant(house, key="ten_two")])
    acting(house, Role.SENIOR_SUPPORT, email="gone@example.com")
    Membership.objects.filter(user__email="gone@example.com").update(is_active=False)
    acting(rows.workspace("Another"), Role.SENIOR_SUPPORT, email="stranger@example.com")
    exceptions.take(ref=packet.ref, by=other)
    with pytest.raises(Invalid) as caught:
        handover.assign(ref=packet.ref, to=to, instead_of=other.name, by=senior)
    assert caught.value.faults[0].where == "to"
    assert why in caught.value.faults[0].message
    assert queries.get_exception(senior, packet.ref).summary.taken_by == other.name


def test_packet_lists_to_whom_it_can_be_assigned(packet: ExceptionPacket, senior: Actor, other: Actor) -> None:
    house = packet.workspace
    acting(house, Role.OPERATOR, email="operator@example.com")
    acting(house, Role.SENIOR_SUPPORT, email="elsewhere@example.com", tenants=[rows.tenant(house, key="ten_two")])
    acting(house, Role.SENIOR_SUPPORT, email="here@example.com", tenants=[packet.tenant])
    assert queries.get_exception(senior, packet.ref).assignable == ["here@example.com", other.name]
    exceptions.take(ref=packet.ref, by=other)
    assert queries.get_exception(senior, packet.ref).assignable == ["here@example.com"]
    operator = acting(house, Role.OPERATOR, email="second@example.com")
    assert queries.get_exception(operator, packet.ref).assignable == []


@pytest.mark.parametrize("change", ["text = 'Nothing.'", "by = 'x'", "at = now()", "kind = 'interim'"])
def test_the_database_refuses_to_rewrite_a_note(packet: ExceptionPacket, senior: Actor, change: str) -> None:
    handover.add_note(ref=packet.ref, note="Looked.", by=senior)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE runbooks_exceptionnote SET {change}")


@pytest.mark.parametrize(
    "change",
    [
        "handling = 'open', taken_at = NULL, taken_by = NULL, resolved_at = now(), resolved_by = 'x', note = 'n'",
        "handling = 'open'",
    ],
)
def test_the_database_refuses_to_hand_back_half(packet: ExceptionPacket, senior: Actor, change: str) -> None:
    exceptions.take(ref=packet.ref, by=senior)
    with pytest.raises(IntegrityError, match="handling"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE runbooks_exceptionpacket SET {change} WHERE ref = %s", [packet.ref])


PEOPLE = st.sampled_from(["ada", "ben"])


class Handled(RuleBasedStateMachine):
    """Two people and everything that they can do about one packet, beside what should have come of it."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        tenant = rows.tenant(rows.workspace())
        self.packet = rows.exception(tenant, rows.definition(tenant.workspace))
        self.people = {
            name: acting(tenant.workspace, Role.SENIOR_SUPPORT, email=f"{name}@example.com") for name in ("ada", "ben")
        }
        self.handling, self.has_it = Handling.OPEN, ""
        self.notes: list[tuple[str, str, str]] = []

    def teardown(self) -> None:
        self.stack.close()

    def tried(self, may: bool, then: tuple[Handling, str], act: object, by: str, **given: str) -> bool:
        """Whether it was done, which must be so exactly when the model says that it may."""
        try:
            with transaction.atomic():
                act(ref=self.packet.ref, by=self.people[by], **given)  # type: ignore[operator]
        except HandrailError:
            assert not may
            return False
        assert may
        assert then[0] in {self.handling, *HANDLING.transitions[self.handling]}
        self.handling, self.has_it = then
        return True

    def mail(self, name: str) -> str:
        return self.people[name].name if name else ""

    @rule(by=PEOPLE, instead_of=st.sampled_from(["", "ada", "ben"]))
    def take(self, by: str, instead_of: str) -> None:
        unowned = self.handling is Handling.OPEN and not instead_of
        from_them = self.handling is Handling.TAKEN and instead_of == self.has_it != by
        given = {"instead_of": self.mail(instead_of)}
        self.tried(unowned or from_them, (Handling.TAKEN, by), exceptions.take, by, **given)

    @rule(by=PEOPLE, to=PEOPLE, instead_of=st.sampled_from(["", "ada", "ben"]))
    def assign(self, by: str, to: str, instead_of: str) -> None:
        unresolved = self.handling is not Handling.RESOLVED
        named = instead_of == self.has_it or (not instead_of and self.has_it == by)
        given = {"to": self.mail(to), "instead_of": self.mail(instead_of)}
        may = unresolved and named and to not in {by, self.has_it}
        self.tried(may, (Handling.TAKEN, to), handover.assign, by, **given)

    @rule(by=PEOPLE, text=st.sampled_from(["one", "two", " "]))
    def note(self, by: str, text: str) -> None:
        may = self.handling is not Handling.RESOLVED and bool(text.strip())
        written = (self.mail(by), "interim", text)
        if self.tried(may, (self.handling, self.has_it), handover.add_note, by, note=text):
            self.notes += [] if self.notes[-1:] == [written] else [written]

    @rule(by=PEOPLE, text=st.sampled_from(["far", " "]))
    def hand_back(self, by: str, text: str) -> None:
        may = self.handling is Handling.TAKEN and self.has_it == by and bool(text.strip())
        if self.tried(may, (Handling.OPEN, ""), handover.hand_back, by, note=text):
            self.notes.append((self.mail(by), "handed-back", text))

    @rule(by=PEOPLE, luck=st.integers(0, 4))
    def resolve(self, by: str, luck: int) -> None:
        if not luck:
            may = self.handling is Handling.TAKEN and self.has_it == by
            self.tried(may, (Handling.RESOLVED, by), exceptions.resolve, by, outcome="other", note="Done.")

    @invariant()
    def is_as_the_model_says(self) -> None:
        found = queries.get_exception(self.people["ada"], self.packet.ref)
        assert found.summary.handling is self.handling
        assert (found.summary.taken_by or "") == self.mail(self.has_it)
        assert [(one.by, one.kind.value, one.text) for one in found.notes] == self.notes

    @invariant()
    def events_say_the_same(self) -> None:
        assert contradictions([self.packet.pk]) == {}


@pytest.mark.django_db
def test_whatever_people_do_the_packet_is_as_its_events_say() -> None:
    quiet = settings(
        max_examples=rounds(4, 200),
        stateful_step_count=rounds(16, 25),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Handled, settings=quiet)
