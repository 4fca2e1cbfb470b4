"""Legal holds: one person sets one, two lift it, and while it stands nothing is forgotten."""

from __future__ import annotations

import pytest

from handrail.access import erasures, holds, queries
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from tests.factories import rows
from tests.factories.installation import Installation

pytestmark = pytest.mark.django_db
KEY = "ten_one"


@pytest.fixture
def house(db: None) -> Installation:
    return Installation()


def somebody(house: Installation, role: Role = Role.GOVERNANCE_OWNER) -> Actor:
    return queries.actor_for(rows.member(house.workspace, role))


def test_a_hold_stands_from_when_it_is_set_and_is_audited(house: Installation) -> None:
    by = somebody(house)
    ref = holds.set_hold(key=KEY, reason="A court has asked for it.", by=by)
    assert holds.is_held(house.tenant.pk)
    event = AuditEvent.objects.get(event="hold.set")
    assert (event.subject, event.actor, event.tenant_id) == (ref, by.name, house.tenant.pk)
    assert "court" not in str(event.context)


def test_it_stands_until_another_person_confirms_that_it_is_lifted(house: Installation) -> None:
    by = somebody(house)
    ref = holds.set_hold(key=KEY, reason="court", by=by)
    holds.ask_to_lift(ref=ref, reason="The case is over.", by=by)
    with pytest.raises(Conflict) as caught:
        holds.lift(ref=ref, by=by)
    assert caught.value.code == "another-person"
    assert holds.is_held(house.tenant.pk)
    holds.lift(ref=ref, by=somebody(house))
    assert not holds.is_held(house.tenant.pk)


def test_nobody_lifts_what_nobody_asked_to_lift(house: Installation) -> None:
    ref = holds.set_hold(key=KEY, reason="court", by=somebody(house))
    with pytest.raises(Conflict) as caught:
        holds.lift(ref=ref, by=somebody(house))
    assert caught.value.code == "lift-not-asked"


def test_a_second_hold_goes_on_where_the_first_is_lifted(house: Installation) -> None:
    first = holds.set_hold(key=KEY, reason="court", by=somebody(house))
    holds.set_hold(key=KEY, reason="another court", by=somebody(house))
    holds.ask_to_lift(ref=first, reason="over", by=somebody(house))
    holds.lift(ref=first, by=somebody(house))
    assert holds.is_held(house.tenant.pk)
    assert [one.ref for one in holds.list_holds(somebody(house), KEY)][-1] == first


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ESCALATION_OWNER])
def test_other_roles_set_none(house: Installation, role: Role) -> None:
    with pytest.raises(Denied):
        holds.set_hold(key=KEY, reason="court", by=somebody(house, role))
    assert not holds.is_held(house.tenant.pk)


def test_a_hold_needs_a_reason_and_a_tenant(house: Installation) -> None:
    with pytest.raises(Invalid):
        holds.set_hold(key=KEY, reason=" ", by=somebody(house))
    with pytest.raises(NotFound):
        holds.set_hold(key="ten_none", reason="court", by=somebody(house))


def test_an_erasure_is_neither_asked_for_nor_confirmed_while_a_hold_stands(house: Installation) -> None:
    ref = erasures.ask(key=KEY, reason="The contract ended.", by=somebody(house))
    holds.set_hold(key=KEY, reason="court", by=somebody(house))
    with pytest.raises(Conflict) as caught:
        erasures.confirm(ref=ref, by=somebody(house))
    assert caught.value.code == "held"
    erasures.withdraw(ref=ref, by=somebody(house))
    with pytest.raises(Conflict) as caught:
        erasures.ask(key=KEY, reason="The contract ended.", by=somebody(house))
    assert caught.value.code == "held"
