"""Passkeys of signers take two people: to count, and to go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handrail.access import ceremonies, enrolment, factors, passkeys, proofs, queries
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.decisions import Proof
from handrail.access.models import LoginSession, User, Workspace
from handrail.access.proofs import ProofMethod
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, HandrailError, NotFound
from tests.factories import rows
from tests.factories.authenticator import SoftPasskey

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(db: None) -> Workspace:
    return rows.workspace()


@pytest.fixture
def signer(house: Workspace) -> User:
    return rows.member(house, Role.PACKET_SIGNER)


@pytest.fixture
def admin(house: Workspace) -> Actor:
    return of(rows.member(house, Role.WORKSPACE_ADMINISTRATOR), house)


def of(user: User, house: Workspace) -> Actor:
    return queries.actor_for(user, house.slug)


def code(act: object, **given: object) -> str:
    with pytest.raises(HandrailError) as caught:
        act(**given)  # type: ignore[operator]
    return caught.value.code


def test_signers_passkey_counts_once_a_second_person_has_confirmed_it(
    house: Workspace, signer: User, admin: Actor
) -> None:
    key = rows.passkey(signer)
    assert not passkeys.signing_keys(signer.pk, house.pk)[0].counts
    enrolment.confirm(ref=key.ref, by=admin)
    (found,) = passkeys.signing_keys(signer.pk, house.pk)
    assert (found.counts, found.confirmed_by) == (True, admin.name)


def test_key_of_somebody_else_is_not_enrolled_again(house: Workspace, signer: User) -> None:
    """An authenticator shows nothing of its key when it is enrolled: anybody could name a colleague's."""
    theirs, own = SoftPasskey("localhost", b""), rows.member(house, Role.ESCALATION_OWNER)
    rows.passkey(signer, key=theirs)
    again = ceremonies.NewPasskey(
        b"another id", theirs.public_key, -7, "0" * 8, "none", True, 1, "http://localhost", {}
    )
    assert code(enrolment.enrol, made=again, name="copy", by=of(own, house)) == "passkey-known"


def test_confirmation_counts_in_its_workspace_alone(house: Workspace, signer: User, admin: Actor) -> None:
    key, elsewhere = rows.passkey(signer), rows.workspace()
    enrolment.confirm(ref=key.ref, by=admin)
    assert not passkeys.signing_keys(signer.pk, elsewhere.pk)[0].counts


def test_nobody_confirms_or_removes_their_own(house: Workspace) -> None:
    both = rows.member(house, Role.PACKET_SIGNER, Role.WORKSPACE_ADMINISTRATOR)
    key = rows.passkey(both)
    me = replace(of(both, house), proven=proofs.just_now(ProofMethod.PASSKEY))
    assert code(enrolment.confirm, ref=key.ref, by=me) == "denied"
    assert code(enrolment.remove, ref=key.ref, reason="x", by=me) == "denied"


def test_process_confirms_nothing(house: Workspace, signer: User) -> None:
    key = rows.passkey(signer)
    assert code(enrolment.confirm, ref=key.ref, by=queries.command_line(house.slug)) == "not-a-person"


def test_passkey_of_somebody_elsewhere_is_not_found(house: Workspace, admin: Actor) -> None:
    key = rows.passkey(rows.member(rows.workspace(), Role.PACKET_SIGNER))
    assert code(enrolment.confirm, ref=key.ref, by=admin) == "not-found"
    assert code(enrolment.remove, ref=key.ref, reason="x", by=admin) == "not-found"


def test_signers_without_a_passkey_that_counts_are_named(house: Workspace, signer: User, admin: Actor) -> None:
    key = rows.passkey(signer)
    assert passkeys.signers_without_key(house.pk) == [signer.email]
    enrolment.confirm(ref=key.ref, by=admin)
    assert passkeys.signers_without_key(house.pk) == []


def test_confirmation_happens_once(house: Workspace, signer: User, admin: Actor) -> None:
    key = rows.passkey(signer, confirmed_in=house)
    assert code(enrolment.confirm, ref=key.ref, by=admin) == "passkey-confirmed"


def test_signer_alone_suspends_at_once_and_a_second_person_removes(
    house: Workspace, signer: User, admin: Actor
) -> None:
    key = rows.passkey(signer, confirmed_in=house)
    assert enrolment.end_own(ref=key.ref, by=of(signer, house)) == "suspended"
    assert not passkeys.signing_keys(signer.pk, house.pk)[0].counts
    assert [one.state for one in enrolment.list_own(of(signer, house))] == ["suspended"]
    assert code(enrolment.confirm, ref=key.ref, by=admin) == "passkey-ended"
    enrolment.remove(ref=key.ref, reason="lost", by=admin)
    assert [one.state for one in enrolment.list_own(of(signer, house))] == ["removed"]
    assert code(enrolment.remove, ref=key.ref, reason="lost", by=admin) == "passkey-ended"


def test_removal_by_an_administrator_ends_the_sessions_too(house: Workspace, signer: User, admin: Actor) -> None:
    key = rows.passkey(signer)
    LoginSession.objects.create(session_key="s", user=signer, ref="SES-1", session_data="", expire_date=key.at)
    enrolment.remove(ref=key.ref, reason="stolen", by=admin)
    assert not LoginSession.objects.filter(user=signer).exists()
    assert not queries.has_second_factor(signer.pk)
    assert set(AuditEvent.objects.values_list("event", flat=True)) == {"passkey.removed"}


def test_token_enrols_and_ends_nothing_of_its_own(house: Workspace, signer: User) -> None:
    key = rows.passkey(signer)
    token = replace(of(signer, house), proof=Proof.TOKEN, proven=None)
    assert code(enrolment.end_own, ref=key.ref, by=token) == "denied"


def test_somebody_elses_passkey_is_not_ones_own(house: Workspace, signer: User) -> None:
    key = rows.passkey(rows.member(house, Role.OPERATOR))
    with pytest.raises(NotFound):
        enrolment.end_own(ref=key.ref, by=of(signer, house))


def test_reset_of_a_signer_needs_that_a_second_person_removed_the_passkeys(
    house: Workspace, signer: User, admin: Actor
) -> None:
    key = rows.passkey(signer)
    operator = queries.operator()
    assert code(factors.reset, email=signer.email, by=operator) == "second-person-needed"
    enrolment.remove(ref=key.ref, reason="lost", by=admin)
    assert factors.reset(email=signer.email, by=operator) == 0


def test_reset_ends_every_factor_and_session(house: Workspace) -> None:
    user = rows.member(house, Role.OPERATOR)
    rows.passkey(user)
    assert factors.reset(email=user.email.upper(), by=queries.operator()) == 1
    assert not queries.has_second_factor(user.pk)
    event = AuditEvent.objects.get(event="factor.reset")
    assert (event.workspace_id, event.subject) == (house.pk, user.email)


def test_second_factor_is_not_required_by_who_has_none(house: Workspace, admin: Actor) -> None:
    with pytest.raises(Conflict):
        factors.require_second_factor(required=True, by=admin)
    factors.require_second_factor(required=True, by=queries.command_line(house.slug))
    with pytest.raises(Denied):
        factors.require_second_factor(required=False, by=of(rows.member(house, Role.AUDITOR), house))
