"""Workspaces, tenants and members: made by administrators, scoped for everybody."""

from __future__ import annotations

import dataclasses

import pytest
from django.test import Client

from handrail.access import actions, guards, queries
from handrail.access.actor import NOBODY, Actor
from handrail.access.capabilities import BUNDLES, Capability, Role, bundled
from handrail.access.models import User
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.kernel.scope import entered
from tests.factories.installation import Installation
from tests.factories.runs import Runs

EMAIL = "ann@example.com"


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation().runs


def ann(estate: Runs, *roles: Role, tenants: list[str] | None = None) -> Actor:
    actions.add_member(email=EMAIL, roles=roles, tenants=tenants, by=estate.worker, name="Ann")
    return queries.person(EMAIL)


def test_add_member_gives_the_roles_capabilities(estate: Runs) -> None:
    actor = ann(estate, Role.OPERATOR)
    assert actor.capabilities == BUNDLES[Role.OPERATOR]
    assert actor.tenant_ids is None


def test_add_member_for_some_tenants_sees_only_those(estate: Runs) -> None:
    actor = ann(estate, Role.OPERATOR, tenants=[estate.tenant.key])
    actions.create_tenant(key="ten_two", name="Two Ltd", by=estate.worker)
    assert [tenant.key for tenant in queries.list_tenants(actor)] == [estate.tenant.key]
    with pytest.raises(NotFound):
        guards.get_tenant(actor, "ten_two")


@pytest.mark.parametrize("roles", [[], ["captain"]])
def test_add_member_without_known_roles_is_invalid(estate: Runs, roles: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        actions.add_member(email=EMAIL, roles=roles, tenants=None, by=estate.worker)
    assert caught.value.faults[0].where == "roles"


def test_add_member_with_the_longest_address_is_recorded_whole(estate: Runs) -> None:
    longest = "a" * 242 + "@example.com"
    actions.add_member(email=longest, roles=[Role.OPERATOR], tenants=None, by=estate.worker)
    assert AuditEvent.objects.get(event="member.added").subject == longest


def test_add_member_twice_is_refused(estate: Runs) -> None:
    ann(estate, Role.OPERATOR)
    with pytest.raises(Conflict):
        actions.add_member(email=EMAIL.upper(), roles=[Role.AUDITOR], tenants=None, by=estate.worker)


def test_add_member_for_an_unknown_tenant_adds_nobody(estate: Runs) -> None:
    with pytest.raises(NotFound, match="ten_nowhere"):
        ann(estate, Role.OPERATOR, tenants=["ten_nowhere"])
    with pytest.raises(NotFound):
        queries.person(EMAIL)


def test_add_member_needs_the_capability(estate: Runs) -> None:
    operator = ann(estate, Role.OPERATOR)
    with pytest.raises(Denied):
        actions.add_member(email="x@example.com", roles=[Role.OPERATOR], tenants=None, by=operator)


def test_change_member_removes_and_audits(estate: Runs) -> None:
    ann(estate, Role.OPERATOR)
    actions.change_member(email=EMAIL, by=estate.worker, is_active=False)
    with pytest.raises(NotFound):
        queries.person(EMAIL)
    assert AuditEvent.objects.get(event="member.removed").subject == EMAIL


def test_change_member_sets_roles(estate: Runs) -> None:
    ann(estate, Role.OPERATOR)
    actions.change_member(email=EMAIL, by=estate.worker, roles=[Role.AUDITOR])
    assert queries.person(EMAIL).roles == {"auditor"}


def entitled(to: str = "") -> tuple[bool, tuple[str, ...]]:
    shown = queries.get_member(queries.command_line("acme"), to or EMAIL)
    return shown.all_tenants, shown.tenants


def test_change_member_sets_exactly_the_tenants_that_are_given(estate: Runs) -> None:
    ann(estate, Role.OPERATOR, tenants=[estate.tenant.key])
    actions.create_tenant(key="ten_two", name="Two Ltd", by=estate.worker)
    actions.change_member(email=EMAIL, by=estate.worker, tenants=["ten_two"])
    assert entitled() == (False, ("ten_two",))
    assert AuditEvent.objects.get(event="member.changed").context == {"roles": "operator", "tenants": "ten_two"}


def test_change_member_to_all_tenants_and_to_none(estate: Runs) -> None:
    ann(estate, Role.OPERATOR, tenants=[estate.tenant.key])
    actions.change_member(email=EMAIL, by=estate.worker, all_tenants=True)
    assert entitled() == (True, ())
    actions.change_member(email=EMAIL, by=estate.worker, tenants=[])
    assert entitled() == (False, ())


def test_change_member_for_an_unknown_tenant_changes_nothing(estate: Runs) -> None:
    ann(estate, Role.OPERATOR, tenants=[estate.tenant.key])
    with pytest.raises(NotFound, match="ten_nowhere"):
        actions.change_member(email=EMAIL, by=estate.worker, tenants=["ten_nowhere"], roles=[Role.AUDITOR])
    assert entitled() == (False, (estate.tenant.key,))
    assert queries.person(EMAIL).roles == {"operator"}


def test_change_member_of_roles_leaves_the_tenants(estate: Runs) -> None:
    ann(estate, Role.OPERATOR, tenants=[estate.tenant.key])
    actions.change_member(email=EMAIL, by=estate.worker, roles=[Role.AUDITOR])
    assert entitled() == (False, (estate.tenant.key,))


def test_set_password_ends_every_session(estate: Runs) -> None:
    ann(estate, Role.OPERATOR)
    user = User.objects.get(email=EMAIL)
    browser = Client()
    browser.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get("/admin").status_code == 200
    actions.set_password(email=EMAIL, password="another battery staple", by=estate.worker)
    assert browser.get("/admin").status_code == 302
    user.refresh_from_db()
    assert user.check_password("another battery staple")
    assert AuditEvent.objects.get(event="member.password_set").subject == EMAIL


def test_set_password_that_breaks_the_rules_is_invalid(estate: Runs) -> None:
    ann(estate, Role.OPERATOR)
    with pytest.raises(Invalid):
        actions.set_password(email=EMAIL, password="short", by=estate.worker)


def test_set_password_of_somebody_of_two_workspaces_is_the_operators(estate: Runs) -> None:
    administrator = ann(estate, Role.WORKSPACE_ADMINISTRATOR, Role.AUDITOR)
    other = Installation(workspace="other", tenant="ten_other").runs
    for of in (estate, other):
        actions.add_member(email="both@example.com", roles=[Role.AUDITOR], tenants=None, by=of.worker)
    new = {"email": "both@example.com", "password": "another battery staple"}
    # Also in the administrator's own scope, as every face enters it: row security hides the other membership.
    for scope in (None, administrator.scope):
        with entered(scope), pytest.raises(Conflict, match="another workspace"):
            actions.set_password(**new, by=administrator)
    actions.set_password(**new, by=queries.command_line("acme"))
    assert AuditEvent.objects.filter(event="member.password_set").count() == 1


def test_add_member_without_an_address_is_invalid(estate: Runs) -> None:
    with pytest.raises(Invalid, match="not an e-mail address"):
        actions.add_member(email="ann", roles=[Role.AUDITOR], tenants=None, by=estate.worker)


def test_create_tenant_twice_is_refused(estate: Runs) -> None:
    with pytest.raises(Conflict):
        actions.create_tenant(key=estate.tenant.key, name="Again", by=estate.worker)


def test_another_workspaces_tenant_is_not_found(estate: Runs) -> None:
    other = Installation(workspace="other", tenant="ten_other").runs
    with pytest.raises(NotFound):
        guards.get_tenant(estate.worker, other.tenant.key)


def test_in_scope_without_the_capability_is_denied(estate: Runs) -> None:
    blind = dataclasses.replace(estate.worker, capabilities=frozenset())
    with pytest.raises(Denied) as caught:
        guards.get_tenant(blind, estate.tenant.key)
    assert (caught.value.capability, caught.value.tenant_id) == (Capability.TENANT_VIEW, estate.tenant.pk)


def test_record_denial_writes_who_and_what(estate: Runs) -> None:
    denied = Denied("no", capability="run:start", tenant_id=estate.tenant.pk)
    actions.record_denial(denied, by=estate.worker, where="/admin/x")
    event = AuditEvent.objects.get(event="access.denied")
    assert (event.subject, event.outcome, event.context) == ("run:start", "denied", {"where": "/admin/x"})


def test_nobody_may_nothing() -> None:
    assert not any(NOBODY.may(capability) for capability in Capability)


def test_every_capability_is_in_some_role() -> None:
    assert bundled(Role) == frozenset(Capability)
