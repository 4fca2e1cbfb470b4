"""What is asked before there is a scope leads to one workspace, and shows no row of it or of any other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from handrail.access import actions, directory, passwords, queries, tokens
from handrail.access.actor import NOBODY
from handrail.access.capabilities import Role
from handrail.access.models import AccessToken, Membership, Workspace
from handrail.access.rights import scoped_tables
from handrail.kernel.errors import Conflict, NotFound
from handrail.kernel.scope import NOTHING, current, entered
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.people import secret_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def two() -> Iterator[tuple[Installation, Installation]]:
    """Two workspaces; then everything runs as the serving role, in the scope of nothing."""
    here, there = Installation(workspace="acme"), Installation(workspace="other")
    for place in (here, there):
        rows.member(place.workspace, Role.OPERATOR)
    with entered(NOTHING):
        yield here, there


def shown() -> dict[str, int]:
    """The rows that the current scope shows, of the tables of workspaces."""
    found = {}
    with connection.cursor() as cursor:
        for table in scoped_tables():
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table] = cursor.fetchone()[0]
    return {table: count for table, count in found.items() if count}


def member_of(place: Installation) -> Membership:
    with entered(None):
        return Membership.objects.select_related("user").filter(workspace=place.workspace).latest("pk")


def test_directory_shows_no_row_of_any_table(two: tuple[Installation, Installation]) -> None:
    assert [slug for _, slug in directory.workspaces()] == ["acme", "other"]
    assert shown() == {}


def test_member_is_found_in_their_workspace_and_in_no_other(two: tuple[Installation, Installation]) -> None:
    here, there = two
    user = member_of(here).user
    actor = queries.actor_for(user)
    assert (actor.workspace_id, actor.roles) == (here.workspace.pk, frozenset({"operator"}))
    assert queries.actor_for(user, "acme") == actor
    assert queries.actor_for(user, "other") is NOBODY
    assert [one.slug for one in queries.workspaces_of(user)] == ["acme"]
    assert not queries.belongs_elsewhere(user, here.workspace.pk)
    assert queries.belongs_elsewhere(user, there.workspace.pk)
    assert {"acme", here.workspace.name} <= set(passwords.words_of(user))
    assert there.workspace.name not in set(passwords.words_of(user)) - {here.workspace.name}
    assert (current(), shown()) == (NOTHING, {})


def test_removed_member_is_nobody(two: tuple[Installation, Installation]) -> None:
    member = member_of(two[0])
    with entered(None):
        Membership.objects.filter(pk=member.pk).update(is_active=False)
    assert queries.actor_for(member.user) is NOBODY
    assert queries.workspaces_of(member.user) == []


def test_token_acts_in_its_workspace_and_its_use_is_written_down(two: tuple[Installation, Installation]) -> None:
    here, there = two
    member = member_of(here)
    with entered(None):
        secret, other = secret_of(member.user.email, here.workspace.pk), rows.token(there.workspace)
    assert tokens.bearer(secret, address="203.0.113.7").workspace_id == here.workspace.pk
    assert tokens.bearer("hrt_" + "0" * 43) is NOBODY
    assert shown() == {}
    with entered(None):
        used = dict(AccessToken.objects.values_list("pk", "last_used_from"))
    assert used.pop(other.pk) in ("", None)
    assert list(used.values()) == ["203.0.113.7"]


def test_workspace_is_found_by_its_slug_alone(two: tuple[Installation, Installation]) -> None:
    assert queries.get_workspace("other").pk == two[1].workspace.pk
    with pytest.raises(NotFound):
        queries.get_workspace("nowhere")
    with pytest.raises(NotFound, match="Name the workspace"):
        queries.get_workspace()
    assert [one.slug for one in queries.list_workspaces()] == ["acme", "other"]


def test_new_workspace_is_made_in_a_scope_of_its_own(two: tuple[Installation, Installation]) -> None:
    made = actions.create_workspace(slug="third", name="Third", by=queries.operator())
    assert [slug for _, slug in directory.workspaces()] == ["acme", "other", "third"]
    assert shown() == {}
    with entered(None):
        assert Workspace.objects.get(slug="third").pk == made.pk
    with pytest.raises(Conflict):
        actions.create_workspace(slug="third", name="Third", by=queries.operator())


def test_workspace_that_is_made_at_the_same_moment_is_a_conflict(
    two: tuple[Installation, Installation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "workspace_id", lambda slug: None)
    with pytest.raises(Conflict):
        actions.create_workspace(slug="acme", name="Acme", by=queries.operator())


def test_odd_keys_of_every_workspace_are_named(two: tuple[Installation, Installation]) -> None:
    with entered(None):
        for place in two:
            rows.tenant(place.workspace, key="ten/odd")
    found = queries.odd_identifiers()
    assert [one.split(":")[0] for one in found] == ["tenant 'ten/odd' of acme", "tenant 'ten/odd' of other"]
    assert shown() == {}
