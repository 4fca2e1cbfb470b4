"""Identities at the identity provider: which account each opens, and who may part or move them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from handrail.access import actions, queries
from handrail.access.capabilities import Role
from handrail.access.identities import NoEntry, NotAdmitted
from handrail.access.models import Identity, Membership, User, Workspace
from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.kernel.scope import NOTHING, entered
from tests.factories import rows

pytestmark = pytest.mark.django_db

ISSUER, OTHER = "https://login.example.com", "https://id.example.com"


@pytest.fixture
def acme() -> Workspace:
    return rows.workspace()


@pytest.fixture
def olivia(acme: Workspace) -> User:
    return rows.member(acme, Role.OPERATOR, email="olivia@example.com")


def admit(user: User, **otherwise: Any) -> User:
    return actions.admit(
        **{"issuer": ISSUER, "subject": "olivia", "email": user.email, "email_verified": True, **otherwise}
    )


def refusal(user: User, **otherwise: Any) -> NoEntry:
    with pytest.raises(NotAdmitted) as refused:
        admit(user, **otherwise)
    return refused.value.cause


def test_first_log_in_joins_the_account_and_is_audited(olivia: User) -> None:
    assert admit(olivia) == olivia
    event = AuditEvent.objects.get(event="identity.joined")
    assert (event.actor, event.subject, event.context) == (
        olivia.email,
        olivia.email,
        {"issuer": ISSUER, "identity": "olivia"},
    )
    admit(olivia)
    assert AuditEvent.objects.filter(event="identity.joined").count() == 1


def test_nobodys_scope_shows_the_memberships_of_who_logs_in(olivia: User) -> None:
    with entered(NOTHING):  # as the pages enter it before somebody has logged in
        assert admit(olivia) == olivia
    assert Identity.objects.get().user == olivia


def test_first_log_in_changes_nothing_else_of_the_account(olivia: User) -> None:
    before = User.objects.values().get(pk=olivia.pk)
    admit(olivia)
    assert User.objects.values().get(pk=olivia.pk) == before
    assert User.objects.get(pk=olivia.pk).check_password(rows.PASSWORD)


@pytest.mark.parametrize("address", ["olivia@example.com", "OLIVIA@example.com", "Olivia@Example.COM"])
def test_second_subject_never_joins_an_account_that_is_joined(olivia: User, address: str) -> None:
    admit(olivia)
    assert refusal(olivia, subject="recycled", email=address) is NoEntry.JOINED
    assert refusal(olivia, subject="Olivia", email=address) is NoEntry.JOINED
    assert Identity.objects.get().subject == "olivia"


def test_same_subject_of_another_issuer_is_somebody_else(olivia: User) -> None:
    admit(olivia)
    assert refusal(olivia, issuer=OTHER) is NoEntry.JOINED
    assert refusal(olivia, issuer=OTHER, email="eve@example.com") is NoEntry.STRANGER


def test_two_people_with_one_subject_at_two_issuers_stay_two(acme: Workspace, olivia: User) -> None:
    peter = rows.member(acme, Role.OPERATOR, email="peter@example.com")
    assert admit(olivia, subject="1") == olivia
    assert admit(peter, subject="1", issuer=OTHER) == peter
    assert (admit(peter, subject="1"), admit(olivia, subject="1", issuer=OTHER)) == (olivia, peter)


@pytest.mark.parametrize("joined", [False, True])
def test_closed_account_stays_closed(olivia: User, joined: bool) -> None:
    if joined:
        admit(olivia)
    User.objects.filter(pk=olivia.pk).update(is_active=False)
    assert refusal(olivia) is NoEntry.CLOSED
    assert Identity.objects.exists() is joined


@pytest.mark.parametrize("joined", [False, True])
def test_removed_member_stays_out(olivia: User, joined: bool) -> None:
    if joined:
        admit(olivia)
    Membership.objects.filter(user=olivia).update(is_active=False)
    assert refusal(olivia) is NoEntry.REMOVED
    assert Identity.objects.exists() is joined


def test_subject_that_is_known_needs_no_address(olivia: User) -> None:
    admit(olivia)
    assert admit(olivia, email=None, email_verified=False) == olivia


def test_removed_identity_makes_room_for_the_next(acme: Workspace, olivia: User) -> None:
    admit(olivia)
    browser = Client()
    browser.force_login(olivia, backend="allauth.account.auth_backends.AuthenticationBackend")
    actions.remove_identity(email=olivia.email, by=queries.command_line(acme.slug))
    assert browser.get("/admin").status_code == 302
    event = AuditEvent.objects.get(event="identity.removed")
    assert (event.subject, event.context["identity"], event.context["sessions"]) == (olivia.email, "olivia", 1)
    assert admit(olivia, subject="olivia-2") == olivia
    assert refusal(olivia) is NoEntry.JOINED


def test_administrator_removes_the_identity_of_a_member_but_not_their_own(acme: Workspace, olivia: User) -> None:
    chief = rows.member(acme, Role.WORKSPACE_ADMINISTRATOR, email="chief@example.com")
    by = queries.actor_for(chief)
    admit(olivia)
    admit(chief, subject="chief")
    actions.remove_identity(email=olivia.email, by=by)
    with pytest.raises(Denied):
        actions.remove_identity(email=chief.email, by=by)
    assert Identity.objects.get().user == chief


def test_removing_an_identity_needs_the_role_the_workspace_and_an_identity(acme: Workspace, olivia: User) -> None:
    chief = rows.member(acme, Role.WORKSPACE_ADMINISTRATOR, email="chief@example.com")
    stranger = rows.member(rows.workspace(), Role.WORKSPACE_ADMINISTRATOR)
    by = queries.actor_for(chief)
    with pytest.raises(NotFound, match="no identity"):
        actions.remove_identity(email=olivia.email, by=by)
    admit(olivia)
    with pytest.raises(Denied):
        actions.remove_identity(email=chief.email, by=queries.actor_for(olivia))
    with pytest.raises(NotFound, match="not a member"):
        actions.remove_identity(email=olivia.email, by=queries.actor_for(stranger))
    Membership.objects.create(
        workspace=rows.workspace(), user=olivia, roles=["operator"], created_at=olivia.date_joined
    )
    for scope in (None, by.scope):  # row security hides the other membership in the administrator's own
        with entered(scope), pytest.raises(Conflict):
            actions.remove_identity(email=olivia.email, by=by)
    assert Identity.objects.exists()


def test_operator_moves_identities_to_the_new_address(olivia: User) -> None:
    admit(olivia)
    assert actions.move_identities(old=ISSUER + "/", new=OTHER, by=queries.operator()) == 1
    assert admit(olivia, issuer=OTHER, email=None) == olivia
    event = AuditEvent.objects.get(event="identity.moved")
    assert (event.subject, event.context) == (olivia.email, {"before": ISSUER, "issuer": OTHER})


def test_only_the_operator_moves_identities(acme: Workspace, olivia: User) -> None:
    admit(olivia)
    chief = queries.actor_for(rows.member(acme, Role.WORKSPACE_ADMINISTRATOR))
    with pytest.raises(Denied):
        actions.move_identities(old=ISSUER, new=OTHER, by=chief)


@pytest.mark.parametrize(
    "new",
    [
        *("", ISSUER, ISSUER + "/", "http://id.example.com", "id.example.com", "https://" + "x" * 500),
        *(
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "https://",
            "https://a b",
            "https://u@example.com",
        ),
    ],
)
def test_identities_move_only_to_another_address(olivia: User, new: str) -> None:
    admit(olivia)
    with pytest.raises(Invalid):
        actions.move_identities(old=ISSUER, new=new, by=queries.operator())


def test_identities_do_not_move_onto_others(acme: Workspace, olivia: User) -> None:
    admit(olivia)
    admit(rows.member(acme, Role.OPERATOR, email="peter@example.com"), issuer=OTHER)
    with pytest.raises(Conflict):
        actions.move_identities(old=ISSUER, new=OTHER, by=queries.operator())
    with pytest.raises(NotFound):
        actions.move_identities(old="https://nowhere.example.com", new=OTHER, by=queries.operator())


def test_list_shows_the_identities_of_the_members_one_may_see(acme: Workspace, olivia: User) -> None:
    admit(olivia)
    admit(rows.member(rows.workspace(), Role.OPERATOR, email="peter@example.com"), subject="peter")
    found = queries.list_identities(queries.command_line(acme.slug))
    assert [(one.email, one.issuer, one.subject) for one in found] == [(olivia.email, ISSUER, "olivia")]
