"""Nobody raises themselves: a grant stays within what the granter has, at every sequence and at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.access import actions, queries
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability, Role, bundled
from handrail.access.models import Membership, Tenant, User
from handrail.access.scopes import narrowed
from handrail.definitions import actions as definitions
from handrail.kernel.errors import Conflict, Denied, HandrailError, NotFound
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.switches import RUNBOOK
from tests.lanes import examples

ADMIN, OWNER = Role.WORKSPACE_ADMINISTRATOR, Role.GOVERNANCE_OWNER
PASSWORD = "another battery staple"
NEXT = RUNBOOK.replace("version: 1", "version: 2")


@pytest.fixture
def house(db: None) -> Installation:
    return Installation()


def member(house: Installation, *roles: Role, tenants: list[Tenant] | None = None, name: str = "") -> Actor:
    user = rows.member(house.workspace, *roles, tenants=tenants, email=f"{name}@example.com" if name else "")
    return queries.actor_for(user)


def limited(house: Installation, *roles: Role) -> Actor:
    return member(house, ADMIN, *roles, tenants=[house.tenant])


def held(email: str) -> tuple[list[str], bool, bool]:
    row = Membership.objects.get(user__email=email)
    return row.roles, row.all_tenants, row.is_active


@pytest.mark.parametrize(
    "change",
    [{"all_tenants": True}, {"roles": [ADMIN, OWNER]}, {"tenants": []}, {"is_active": False}, {"groups": ["identity"]}],
    ids=str,
)
def test_change_of_ones_own_membership_is_denied(house: Installation, change: dict[str, object]) -> None:
    for own in (limited(house), member(house, ADMIN)):
        before = held(own.name)
        with pytest.raises(Denied, match="your own membership"):
            actions.change_member(email=own.name, by=own, **change)  # type: ignore[arg-type]
        assert held(own.name) == before


@pytest.mark.parametrize("role", [role for role in Role if role is not ADMIN])
def test_limited_administrator_gives_no_role_that_they_have_not(house: Installation, role: Role) -> None:
    own = limited(house)
    grant = {"email": "new@example.com", "roles": [role], "tenants": [house.tenant.key]}
    with pytest.raises(Denied), transaction.atomic():
        actions.add_member(**grant, by=own)  # type: ignore[arg-type]
    assert not User.objects.filter(email="new@example.com").exists()
    actions.add_member(**grant, by=limited(house, role))  # type: ignore[arg-type]


def test_limited_administrator_gives_only_their_tenants_and_groups(house: Installation) -> None:
    own = limited(house)
    foreign = rows.tenant(house.workspace, name="Two")
    give = partial(actions.add_member, email="new@example.com", roles=[ADMIN], by=own)
    with pytest.raises(Denied), transaction.atomic():
        give(tenants=None)
    with pytest.raises(NotFound), transaction.atomic():
        give(tenants=[house.tenant.key, foreign.key])
    with pytest.raises(Denied), transaction.atomic():
        give(tenants=[house.tenant.key], groups=["identity-owner"])
    assert give(tenants=[house.tenant.key]).roles == [ADMIN]


@pytest.mark.parametrize("change", [{"roles": [ADMIN]}, {"is_active": False}, {"tenants": ["ten_one"]}], ids=str)
def test_limited_administrator_leaves_alone_who_has_more(house: Installation, change: dict[str, object]) -> None:
    own = limited(house)
    whole, other_role = member(house, ADMIN), member(house, OWNER, tenants=[house.tenant])
    wider = member(house, ADMIN, tenants=[house.tenant, rows.tenant(house.workspace)])
    for target in (whole, other_role, wider):
        before = held(target.name)
        with pytest.raises(Denied), transaction.atomic():
            actions.change_member(email=target.name, by=own, **change)  # type: ignore[arg-type]
        assert held(target.name) == before


def test_member_of_other_tenants_looks_like_none_to_a_limited_administrator(house: Installation) -> None:
    own, hidden = limited(house), member(house, ADMIN, tenants=[rows.tenant(house.workspace)])
    both = member(house, ADMIN, tenants=[house.tenant, rows.tenant(house.workspace)])
    with pytest.raises(NotFound):
        actions.change_member(email=hidden.name, by=own, is_active=False)
    shown = {one.email: one.tenants for one in queries.list_members(own)}
    assert hidden.name not in shown
    assert shown[both.name] == (house.tenant.key,)


def test_whoever_has_every_tenant_gives_every_role(house: Installation) -> None:
    own = member(house, ADMIN)
    actions.add_member(email="new@example.com", roles=list(Role), tenants=None, by=own)
    assert queries.person("new@example.com").capabilities == frozenset(Capability)


def test_password_that_an_administrator_chooses_opens_no_more_than_they_have(house: Installation) -> None:
    own = member(house, ADMIN)
    with pytest.raises(Denied, match="password"), transaction.atomic():
        actions.add_member(email="new@example.com", roles=[OWNER], tenants=None, by=own, password=PASSWORD)
    owner, peer = member(house, OWNER), member(house, ADMIN, tenants=[house.tenant])
    with pytest.raises(Denied, match="password"):
        actions.set_password(email=owner.name, password=PASSWORD, by=own)
    actions.set_password(email=peer.name, password=PASSWORD, by=own)
    actions.set_password(email=owner.name, password=PASSWORD, by=queries.command_line("acme"))
    assert User.objects.get(email=owner.name).check_password(PASSWORD)


def test_password_of_somebody_in_a_group_is_chosen_only_by_one_of_the_group(house: Installation) -> None:
    own, peer = member(house, ADMIN), member(house, ADMIN)
    Membership.objects.filter(user__email=peer.name).update(roles=[ADMIN, "support-privacy"])
    with pytest.raises(Denied, match="password"):
        actions.set_password(email=peer.name, password=PASSWORD, by=own)
    Membership.objects.filter(user__email=own.name).update(roles=[ADMIN, "support-privacy"])
    actions.set_password(email=peer.name, password=PASSWORD, by=queries.person(own.name))


def test_password_chosen_with_a_token_opens_no_more_than_the_token(house: Installation) -> None:
    own, peer = member(house, ADMIN), member(house, ADMIN)
    token = narrowed(own, token="TOK-1", scopes=[Capability.MEMBER_MANAGE])
    with pytest.raises(Denied, match="password"):
        actions.set_password(email=peer.name, password=PASSWORD, by=token)
    actions.set_password(email=peer.name, password=PASSWORD, by=own)


@pytest.mark.parametrize("by_operator", [True, False])
@pytest.mark.parametrize("change", [{"is_active": False}, {"roles": [OWNER]}, {"tenants": []}], ids=str)
def test_last_administrator_stays(house: Installation, change: dict[str, object], *, by_operator: bool) -> None:
    last = member(house, ADMIN)
    other = limited(house) if by_operator else member(house, ADMIN)
    by = queries.command_line("acme") if by_operator else other
    act = partial(actions.change_member, email=last.name, by=by, **change)  # type: ignore[arg-type]
    if by_operator:
        with pytest.raises(Conflict) as caught, transaction.atomic():
            act()
        assert caught.value.code == "last-administrator"
        assert held(last.name) == ([ADMIN], True, True)
        member(house, ADMIN)
    act()
    assert held(last.name) != ([ADMIN], True, True)


def test_administrator_who_was_demoted_meanwhile_changes_nobody(house: Installation) -> None:
    stale, target = member(house, ADMIN), member(house, OWNER)
    member(house, ADMIN)
    actions.change_member(email=stale.name, by=queries.command_line("acme"), roles=[Role.AUDITOR])
    with pytest.raises(Denied):
        actions.change_member(email=target.name, by=stale, roles=[ADMIN])


def test_limited_governance_owner_neither_proposes_nor_decides_for_all(house: Installation) -> None:
    own, whole = member(house, OWNER, tenants=[house.tenant]), member(house, OWNER)
    with pytest.raises(Denied, match="whole workspace"), transaction.atomic():
        definitions.propose(text=NEXT, by=own)
    found = definitions.propose(text=NEXT, by=whole)
    acts: list[Callable[[], object]] = [
        partial(definitions.approve, definition_id=found.id, by=own),
        partial(definitions.reject, definition_id=found.id, reason="no", by=own),
        partial(definitions.deprecate, definition_id=house.runbook.pk, reason="no", by=own),  # type: ignore[union-attr]
    ]
    for act in acts:
        with pytest.raises(Denied, match="whole workspace"), transaction.atomic():
            act()
    definitions.approve(definition_id=found.id, by=member(house, OWNER))


def test_limited_administrator_adds_no_tenant(house: Installation) -> None:
    with pytest.raises(Denied, match="whole workspace"):
        actions.create_tenant(key="ten_new", name="New", by=limited(house))


class Power(NamedTuple):
    capabilities: frozenset[Capability]
    groups: frozenset[str]
    tenants: frozenset[str]

    def within(self, other: Power) -> bool:
        return all(mine <= theirs for mine, theirs in zip(self, other, strict=True))


KEYS = ["ten_one", "ten_two", "ten_three"]
PEOPLE = [f"p{n}@example.com" for n in range(4)]
_roles = st.sets(st.sampled_from(list(Role)), min_size=1, max_size=3)
_held = st.tuples(_roles.map(lambda roles: roles | {ADMIN}) | _roles, st.sets(st.sampled_from(KEYS)))
_act = st.tuples(
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.sampled_from(["add", "roles", "tenants", "all", "remove", "restore", "group", "password"]),
    _roles,
    st.sets(st.sampled_from(KEYS)),
)


def power(email: str) -> Power:
    row = Membership.objects.filter(user__email=email).prefetch_related("tenants").first()
    if row is None:
        return Power(frozenset(), frozenset(), frozenset())
    tenants = {*KEYS, "*"} if row.all_tenants else {tenant.key for tenant in row.tenants.all()}
    return Power(bundled(row.roles), frozenset(set(row.roles) - set(Role)), frozenset(tenants))


def perform(step: tuple[str, str, str, set[Role], set[str]]) -> None:
    by, on, verb, roles, keys = step
    changes: dict[str, dict[str, object]] = {
        "roles": {"roles": roles},
        "tenants": {"tenants": keys},
        "all": {"all_tenants": True},
        "remove": {"is_active": False},
        "restore": {"is_active": True},
        "group": {"groups": ["identity-owner"]},
    }
    who = queries.person(by)
    if verb == "add":
        actions.add_member(email=on, roles=list(roles), tenants=list(keys), by=who)
    elif verb == "password":
        actions.set_password(email=on, password=PASSWORD, by=who)
    else:
        actions.change_member(email=on, by=who, **changes[verb])  # type: ignore[arg-type]


@settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(start=st.lists(_held, min_size=3, max_size=3), steps=st.lists(_act, min_size=1, max_size=12))
@pytest.mark.django_db
def test_no_sequence_of_grants_gives_more_than_one_administrator_had(
    start: list[tuple[set[Role], set[str]]], steps: list[tuple[str, str, str, set[Role], set[str]]]
) -> None:
    with transaction.atomic():
        house = Installation()
        tenants = {key: rows.tenant(house.workspace, key=key) for key in KEYS[1:]} | {KEYS[0]: house.tenant}
        for email, (roles, keys) in zip(PEOPLE, start, strict=False):
            rows.member(house.workspace, *sorted(roles), tenants=[tenants[key] for key in keys], email=email)
        before = {email: power(email) for email in PEOPLE}
        givers = [had for had in before.values() if Capability.MEMBER_MANAGE in had.capabilities]
        for step in steps:
            with suppress(HandrailError), transaction.atomic():
                perform(step)
            for email in PEOPLE:
                now = power(email)
                assert now.within(before[email]) or any(now.within(had) for had in givers), (step, email)
        transaction.set_rollback(True)
