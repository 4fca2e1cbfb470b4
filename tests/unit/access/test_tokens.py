"""Access tokens: one's own, no more than their scope, for a time, and gone for good with the membership."""

from __future__ import annotations

import dataclasses
import importlib
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handrail.access import actions, queries, tokens
from handrail.access.actor import NOBODY, Actor
from handrail.access.capabilities import Capability, Role
from handrail.access.models import AccessToken, Membership, User
from handrail.access.scopes import EVERYTHING, READING, narrowed
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.people import secret_of
from tests.factories.runs import Runs

OWNER = "olga@example.com"


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation().runs


@pytest.fixture
def owner(estate: Runs) -> Actor:
    """A member with the role operator, who has logged in."""
    return queries.actor_for(rows.member(estate.workspace, Role.OPERATOR, email=OWNER))


@pytest.fixture
def operator(estate: Runs) -> Actor:
    return queries.command_line("acme")


def issued(by: Actor, *scopes: str) -> Actor:
    return tokens.bearer(tokens.issue(name="ci", scopes=scopes or ("read",), by=by).secret)


def test_a_token_reads_if_nothing_is_said(owner: Actor) -> None:
    acting = issued(owner)
    assert acting.capabilities == owner.capabilities & READING
    assert (acting.name, acting.user_id, acting.workspace_id) == (OWNER, owner.user_id, owner.workspace_id)


def test_a_token_may_the_acts_that_it_names_and_no_others(owner: Actor) -> None:
    assert issued(owner, "run:start", "run:view").capabilities == {Capability.RUN_START, Capability.RUN_VIEW}


@pytest.mark.parametrize("capability", sorted(set(Capability) - READING))
def test_a_token_that_only_reads_is_refused_every_other_act(owner: Actor, capability: Capability) -> None:
    mighty = dataclasses.replace(owner, capabilities=frozenset(Capability))
    with pytest.raises(Denied):
        narrowed(mighty, token="TOK-1", scopes=["read"]).require(capability)


def test_a_refusal_for_the_scope_names_the_act_and_not_the_roles(owner: Actor) -> None:
    with pytest.raises(Denied, match="scope doesn't include run:cancel") as caught:
        issued(owner).require(Capability.RUN_CANCEL)
    assert caught.value.code == "token-scope"


def test_a_scope_gives_nothing_that_the_roles_have_lost(owner: Actor, operator: Actor) -> None:
    secret = tokens.issue(name="ci", scopes=["run:start"], by=owner).secret
    actions.change_member(email=OWNER, by=operator, roles=["auditor"])
    assert tokens.bearer(secret).capabilities == frozenset()


@pytest.mark.parametrize("scopes", [[], ["everything"], ["run:fly"], ["read", "packet:release"]])
def test_a_scope_that_is_unknown_or_beyond_the_roles_is_refused(owner: Actor, scopes: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        tokens.issue(name="ci", scopes=scopes, by=owner)
    assert [fault.where for fault in caught.value.faults] == ["scopes"]


def test_a_token_lasts_90_days_if_nothing_is_said(owner: Actor) -> None:
    assert tokens.issue(name="ci", by=owner).expires_at - now() > timedelta(days=89, hours=23)
    assert tokens.issue(name="ci", by=owner).expires_at - now() <= timedelta(days=90)


def test_no_token_lasts_longer_than_the_installation_allows(owner: Actor) -> None:
    with tokens.settings.use(tokens.TokenSettings(days=7, max_days=30)):
        assert tokens.issue(name="ci", by=owner).expires_at - now() <= timedelta(days=7)
        with pytest.raises(Invalid, match="can't be made") as caught:
            tokens.issue(name="ci", days=31, by=owner)
    assert str(caught.value.faults[0]) == "days: 1 to 30"


@pytest.mark.parametrize("name", ["", "  ", "\u202e", "n" * 81])
def test_a_name_that_shows_nothing_or_is_too_long_is_refused(owner: Actor, name: str) -> None:
    with pytest.raises(Invalid):
        tokens.issue(name=name, by=owner)


def test_nobody_makes_a_token_for_another(operator: Actor, owner: Actor) -> None:
    with pytest.raises(Denied) as caught:
        tokens.issue(name="ci", by=operator)
    assert caught.value.code == "not-a-person"
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize("scope", ["read", "run:start", "everything"])
def test_no_token_makes_a_token(owner: Actor, scope: str) -> None:
    secret = tokens.issue(name="ci", by=owner).secret
    AccessToken.objects.update(scopes=[scope])
    with pytest.raises(Denied) as caught:
        tokens.issue(name="more", by=tokens.bearer(secret))
    assert caught.value.code == "token-by-token"


def test_a_member_has_only_so_many_tokens(owner: Actor) -> None:
    for _ in range(tokens.ACTIVE_LIMIT):
        tokens.issue(name="ci", by=owner)
    with pytest.raises(Conflict, match="50 tokens"):
        tokens.issue(name="ci", by=owner)


def test_a_token_from_before_scopes_may_what_its_member_may(owner: Actor) -> None:
    secret = tokens.issue(name="old", by=owner).secret
    AccessToken.objects.update(scopes=[EVERYTHING])
    assert tokens.bearer(secret).capabilities == owner.capabilities


@pytest.mark.parametrize("scopes", [[], ["gone:act"]])
def test_words_that_mean_nothing_allow_nothing(owner: Actor, scopes: list[str]) -> None:
    secret = tokens.issue(name="old", by=owner).secret
    AccessToken.objects.update(scopes=scopes)
    assert tokens.bearer(secret).capabilities == frozenset()


def test_removing_a_member_ends_their_tokens_for_good(owner: Actor, operator: Actor) -> None:
    secrets = [tokens.issue(name=name, by=owner).secret for name in ("one", "two")]
    actions.change_member(email=OWNER, by=operator, is_active=False)
    assert [tokens.bearer(secret) for secret in secrets] == [NOBODY, NOBODY]
    actions.change_member(email=OWNER, by=operator, is_active=True)
    assert [tokens.bearer(secret) for secret in secrets] == [NOBODY, NOBODY]
    events = AuditEvent.objects.filter(event="token.revoked")
    assert {(e.actor, e.context["why"]) for e in events} == {("handrail-cli", "member removed")}
    assert events.count() == 2


def test_removing_a_member_ends_no_token_of_anybody_else(owner: Actor, operator: Actor, estate: Runs) -> None:
    rows.member(estate.workspace, Role.AUDITOR, email="ann@example.com")
    kept = secret_of("ann@example.com", estate.workspace.pk)
    elsewhere = rows.workspace("Elsewhere")
    rows.member(elsewhere, Role.OPERATOR, email=OWNER)
    other = secret_of(OWNER, elsewhere.pk)
    actions.change_member(email=OWNER, by=operator, is_active=False)
    assert tokens.bearer(kept).name == "ann@example.com"
    assert tokens.bearer(other).workspace_id == elsewhere.pk


def test_a_person_whose_account_is_off_uses_no_token(owner: Actor) -> None:
    secret = tokens.issue(name="ci", by=owner).secret
    User.objects.filter(email=OWNER).update(is_active=False)
    assert tokens.bearer(secret) is NOBODY
    with pytest.raises(NotFound):
        tokens.issue(name="ci", by=owner)


def test_somebody_removed_meanwhile_makes_no_token(owner: Actor) -> None:
    Membership.objects.filter(user__email=OWNER).update(is_active=False)
    with pytest.raises(NotFound):
        tokens.issue(name="ci", by=owner)


def test_the_last_use_says_when_and_from_where(owner: Actor) -> None:
    secret = tokens.issue(name="ci", by=owner).secret
    assert tokens.list_own(owner)[0].last_used_at is None
    tokens.bearer(secret, address="203.0.113.7")
    (seen,) = tokens.list_own(owner)
    assert seen.last_used_from == "203.0.113.7"
    assert seen.last_used_at is not None


def test_a_hundred_uses_within_a_minute_are_written_down_once(owner: Actor) -> None:
    secret = tokens.issue(name="ci", by=owner).secret
    with CaptureQueriesContext(
        connection,
    ) as seen:
        for _ in range(100):
            tokens.bearer(secret, address="203.0.113.7")
    assert sum("UPDATE" in query["sql"] for query in seen) == 1


def test_a_use_a_minute_later_is_written_down_again(owner: Actor) -> None:
    secret = tokens.issue(name="ci", by=owner).secret
    tokens.bearer(secret, address="203.0.113.7")
    AccessToken.objects.update(last_used_at=now() - timedelta(seconds=61))
    tokens.bearer(secret, address="203.0.113.8")
    assert tokens.list_own(owner)[0].last_used_from == "203.0.113.8"


def test_a_token_ends_itself_but_no_other(owner: Actor) -> None:
    one, two = (tokens.issue(name=name, by=owner) for name in ("one", "two"))
    with pytest.raises(Denied):
        tokens.revoke(ref=two.ref, by=tokens.bearer(one.secret))
    tokens.revoke(ref=one.ref, by=tokens.bearer(one.secret))
    assert tokens.bearer(one.secret) is NOBODY
    assert tokens.bearer(two.secret) is not NOBODY


def test_a_member_revokes_only_their_own(owner: Actor, estate: Runs) -> None:
    theirs = rows.token(estate.workspace).ref
    with pytest.raises(Denied):
        tokens.revoke(ref=theirs, by=owner)
    tokens.revoke(ref=tokens.issue(name="ci", by=owner).ref, by=owner)
    assert tokens.list_own(owner)[0].revoked_by == OWNER


def test_an_event_of_a_token_names_it(owner: Actor, operator: Actor, estate: Runs) -> None:
    rows.member(estate.workspace, Role.WORKSPACE_ADMINISTRATOR, email="ada@example.com")
    ada = tokens.bearer(secret_of("ada@example.com", estate.workspace.pk))
    actions.create_tenant(key="ten_new", name="New", by=ada)
    assert AuditEvent.objects.get(event="tenant.created").context["token"] == ada.token


def test_the_upgrade_keeps_what_tokens_may_and_ends_those_of_removed_members(owner: Actor, estate: Runs) -> None:
    kept = tokens.issue(name="kept", by=owner)
    gone = queries.actor_for(rows.member(estate.workspace, Role.AUDITOR, email="gone@example.com"))
    left = tokens.issue(name="left", by=gone)
    AccessToken.objects.update(scopes=[])
    Membership.objects.filter(user__email="gone@example.com").update(is_active=False)
    events = AuditEvent.objects.filter(event="token.revoked")
    migration = importlib.import_module("handrail.access.migrations.0003_token_scopes")
    for _ in range(2):  # a second run, as after a failure in between, changes nothing
        migration.carry_over(apps, None)
        assert tokens.bearer(kept.secret).capabilities == owner.capabilities
        assert [(e.subject, e.actor, e.workspace_id) for e in events] == [
            (left.ref, "handrail-migrate", estate.workspace.pk)
        ]
    assert {token.expires_at for token in tokens.list_own(owner)} == {kept.expires_at}
    Membership.objects.filter(user__email="gone@example.com").update(is_active=True)
    assert tokens.bearer(left.secret) is NOBODY


def test_an_administrator_of_one_tenant_ends_no_token_of_a_member_who_has_more(owner: Actor, estate: Runs) -> None:
    mine = rows.tenant(estate.workspace)
    limited = queries.actor_for(
        rows.member(estate.workspace, Role.WORKSPACE_ADMINISTRATOR, tenants=[mine], email="lim@example.com")
    )
    ref = tokens.issue(name="ci", by=owner).ref
    with pytest.raises(Denied):
        tokens.revoke(ref=ref, by=limited)
    assert tokens.list_others(limited) == []


def test_an_administrator_of_one_tenant_knows_nothing_of_members_of_another(estate: Runs) -> None:
    mine, theirs = rows.tenant(estate.workspace), rows.tenant(estate.workspace)
    limited = queries.actor_for(
        rows.member(estate.workspace, Role.WORKSPACE_ADMINISTRATOR, tenants=[mine], email="lim@example.com")
    )
    other = queries.actor_for(
        rows.member(estate.workspace, Role.WORKSPACE_ADMINISTRATOR, tenants=[theirs], email="oth@example.com")
    )
    ref = tokens.issue(name="ci", by=other).ref
    assert [one.ref for one in tokens.list_tokens(limited)] == []
    with pytest.raises(NotFound):
        tokens.revoke(ref=ref, by=limited)


def test_an_administrator_of_one_tenant_ends_the_token_of_a_member_of_it(estate: Runs) -> None:
    mine = rows.tenant(estate.workspace)
    limited, other = (
        queries.actor_for(rows.member(estate.workspace, Role.WORKSPACE_ADMINISTRATOR, tenants=[mine], email=email))
        for email in ("lim@example.com", "oth@example.com")
    )
    ref = tokens.issue(name="ci", by=other).ref
    assert [one.ref for one in tokens.list_others(limited)] == [ref]
    tokens.revoke(ref=ref, by=limited)
    assert tokens.list_others(limited) == []
