"""The filter of each query is taken away in turn, then all of them: what is not yours still looks like nothing.

Besides, the tests of isolation run once more with row security as the only guard, and each table is read as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.test import Client

from handrail.access import queries as access
from handrail.access.actor import NOBODY, Actor
from handrail.access.capabilities import Role
from handrail.access.guards import tenants_of
from handrail.access.models import User
from handrail.access.rights import RIGHTS, Shown, scoped_tables
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.scope import entered
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.openapi import description
from tests.factories.unguarded import looking, unguarded
from tests.factories.web import Web
from tests.integration.web import test_isolation as isolation
from tests.integration.web.conftest import MISSING
from tests.integration.web.urlmap import VERBS, Route, inside
from tests.lanes import swept

Enter = Callable[[User], Client]
Look = tuple[str, str, str]

pytestmark = pytest.mark.django_db


@dataclass(frozen=True, slots=True)
class Place:
    """Two workspaces, two customers in the first. ``whole`` may see all of it, ``part`` only the empty customer."""

    house: Web
    neighbour: Web
    whole: User
    part: User

    def members(self) -> dict[str, User]:
        return {"whole": self.whole, "part": self.part}

    def foreign(self, name: str) -> dict[str, str]:
        """Of what the member named so must not see."""
        return (
            self.neighbour.ids()
            if name == "whole"
            else {**self.house.ids(), **{kind: MISSING[kind] for kind in ("definition", "token", "key")}}
        )


@pytest.fixture(scope="module")
def place(module_db: None) -> Place:
    one, other = Installation.named("Northwind"), Installation.named("Elsewhere")
    house, neighbour = one.web, other.web
    empty = rows.tenant(house.workspace, name="Another customer")
    for web in (house, neighbour):
        by = access.worker("worker-1", web.workspace.pk)
        record(EventName.RUN_CANCELLED, by=by, tenant_id=web.tenant.pk, subject_kind="run", subject=web.completed.ref)
    rows.member(neighbour.workspace, *Role)
    whole, part = rows.member(house.workspace, *Role), rows.member(house.workspace, *Role, tenants=[empty])
    return Place(house, neighbour, whole, part)


@pytest.fixture(scope="module")
def house(place: Place) -> Web:
    return place.house


@pytest.fixture(scope="module")
def neighbour(place: Place) -> Web:
    return place.neighbour


# What the API's addresses call something, and what pages do.
OTHERWISE_CALLED = {"notification": "notice", "passkey": "key"}


def looks(place: Place) -> Iterator[Look]:
    """Every page and every operation of the API, as each member, on what that member must not see."""
    for name in place.members():
        foreign = place.foreign(name)
        for route in inside():
            for verb in ("GET", "POST") if route.parameters else ("GET",):
                yield name, verb, route.url(foreign)
        for path, verbs in description()["paths"].items():
            for verb in sorted({"get", "post"} & set(verbs)):
                if verb == "get" or "{" in path:
                    yield name, verb.upper(), in_api(path, foreign)


def in_api(path: str, ids: dict[str, str]) -> str:
    kind, _, after = path.partition("{")
    if not after:
        return path
    singular = kind.rstrip("/").rsplit("/", 1)[-1].removesuffix("s")
    return kind + ids[OTHERWISE_CALLED.get(singular, singular)] + after.partition("}")[2].replace("{number}", "1")


def look(client: Client, verb: str, url: str) -> tuple[int, bytes]:
    with transaction.atomic():
        response = client.generic(verb, url, b"{}", "application/json")
        body = b"".join(response.streaming_content) if response.streaming else response.content
        transaction.set_rollback(True)
    return response.status_code, body


def words(place: Place, name: str) -> list[bytes]:
    """What stands on no page of this member."""
    return [
        value.encode() for value in place.foreign(name).values() if len(value) > 5 and value not in MISSING.values()
    ]


def leaks(place: Place, name: str, url: str, before: tuple[int, bytes], after: tuple[int, bytes]) -> list[str]:
    shown = [word.decode() for word in words(place, name) if word in after[1] and word.decode() not in url]
    wrong = [f"{name} {url} shows {word}" for word in shown]
    return wrong if before[0] == after[0] else [*wrong, f"{name} {url}: {before[0]} became {after[0]}"]


def test_nothing_leaks_whichever_filter_is_taken_away(
    place: Place, enter: Enter, counted: Callable[[str], None]
) -> None:
    clients = {name: enter(user) for name, user in place.members().items()}
    used: dict[str, list[tuple[Look, tuple[int, bytes]]]] = defaultdict(list)
    everything = list(looks(place))
    for one in everything:
        name, verb, url = one
        sites: set[str] = set()
        with looking(sites.add):
            before = look(clients[name], verb, url)
        for site in sites:
            used[site].append((one, before))
    found, looked = [], 0
    for site in swept(sorted(used)):
        for (name, verb, url), before in used[site]:
            with unguarded(site):
                after = look(clients[name], verb, url)
            found += [f"without {site}: {leak}" for leak in leaks(place, name, url, before, after)]
            looked += 1
    assert found == []
    assert len(used) > 15
    line = f"{len(everything)} looks pass {len(used)} filters; {looked} looks without one of {len(swept(sorted(used)))}"
    counted(f"{line}: nothing leaked")


def test_nothing_leaks_without_any_filter(place: Place, enter: Enter, counted: Callable[[str], None]) -> None:
    clients = {name: enter(user) for name, user in place.members().items()}
    everything = list(swept(list(looks(place))))
    found = []
    for name, verb, url in everything:
        before = look(clients[name], verb, url)
        with unguarded():
            after = look(clients[name], verb, url)
        found += leaks(place, name, url, before, after)
    assert found == []
    counted(f"{len(everything)} looks without any filter: nothing leaked")


def test_filters_are_really_taken_away(place: Place) -> None:
    """Where no row security binds, the same page shows what is not the actor's: the tests above can fail."""
    actor = access.actor_for(place.whole)
    foreign = place.neighbour.tenant
    assert foreign not in tenants_of(actor)
    with unguarded():
        assert foreign in tenants_of(actor)
        with entered(actor.scope):
            assert foreign not in tenants_of(actor)


@pytest.mark.parametrize(
    ("route", "verb"),
    swept([(route, verb) for route in isolation.NAMED for verb in VERBS]),
    ids=str,
)
def test_foreign_answers_like_missing_by_rows_alone(
    house: Web, neighbour: Web, enter: Enter, route: Route, verb: str
) -> None:
    with unguarded():
        isolation.test_foreign_answers_like_missing(house, neighbour, enter, route, verb)


@pytest.mark.parametrize("route", swept(isolation.OF_A_TENANT), ids=lambda route: route.path)
def test_other_tenant_answers_like_missing_by_rows_alone(house: Web, enter: Enter, route: Route) -> None:
    with unguarded():
        isolation.test_other_tenant_of_own_workspace_answers_like_missing(house, enter, route)


def actors(place: Place) -> list[Actor]:
    worker = partial(access.worker, "worker-1")
    members = [access.actor_for(place.whole), access.actor_for(place.part)]
    return [*members, worker(place.house.workspace.pk), worker(place.neighbour.workspace.pk), NOBODY]


def keys_of(table: str) -> list[tuple[int, int | None, int | None]]:
    """Id, workspace and tenant of all rows of ``table``, or of those that the current scope shows."""
    shown = RIGHTS[table].shown
    workspace, tenant = {
        Shown.TENANT: ("workspace_id", "tenant_id"),
        Shown.COMMON: ("workspace_id", "tenant_id"),
        Shown.WORKSPACE: ("workspace_id", "NULL"),
        Shown.IS_TENANT: ("workspace_id", "id"),
        Shown.IS_WORKSPACE: ("id", "NULL"),
        Shown.MEMBERSHIP: ("(SELECT workspace_id FROM access_membership m WHERE m.id = membership_id)", "NULL"),
    }[shown]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {workspace}, {tenant} FROM {table} ORDER BY id")
        return list(cursor.fetchall())


def test_each_table_shows_each_actor_their_own_rows(place: Place, counted: Callable[[str], None]) -> None:
    wrong, compared, filled = [], 0, 0
    for table in scoped_tables():
        everything = keys_of(table)
        filled += bool(everything)
        for actor in actors(place):
            by_tenant = RIGHTS[table].shown in {Shown.TENANT, Shown.IS_TENANT, Shown.COMMON}
            common = {None} if RIGHTS[table].shown is Shown.COMMON else set()
            expected = [
                (pk, workspace, tenant)
                for pk, workspace, tenant in everything
                if (workspace or 0) == actor.workspace_id
                and (actor.tenant_ids is None or not by_tenant or tenant in actor.tenant_ids | common)
            ]
            with entered(actor.scope):
                shown = keys_of(table)
            compared += len(everything)
            if shown != expected:
                wrong.append((table, actor.name, actor.workspace_id, len(shown), len(expected)))
    assert wrong == []
    assert filled > 10
    line = f"{len(scoped_tables())} tables, {filled} of them filled, as {len(actors(place))} actors"
    counted(f"{line}: {compared} rows are shown to whom they belong")


def _execute(statement: str, values: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_nobody_writes_into_another_scope(place: Place, counted: Callable[[str], None]) -> None:
    """A foreign row is neither changed nor deleted, and none can be put there."""
    part = access.actor_for(place.part)
    tried = 0
    for table in scoped_tables():
        foreign = [pk for pk, workspace, _ in keys_of(table) if workspace == place.neighbour.workspace.pk]
        if not foreign:
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE id = %s", [foreign[0]])
            columns, row = [one[0] for one in cursor.description], cursor.fetchone()
        kept = [(name, value) for name, value in zip(columns, row, strict=True) if name != "id"]
        names = ", ".join(f'"{name}"' for name, _ in kept)
        marks = ", ".join(["%s"] * len(kept))
        values = [connection.ops.adapt_json_value(v, None) if isinstance(v, dict) else v for _, v in kept]
        insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"
        with (
            pytest.raises(Error, match=r"row-level security|permission denied"),
            transaction.atomic(),
            entered(part.scope),
        ):
            _execute(insert, values)
        for column in RIGHTS[table].update[:1]:
            with entered(part.scope), connection.cursor() as cursor:
                cursor.execute(f'UPDATE {table} SET "{column}" = "{column}" WHERE id = ANY(%s)', [foreign])
                assert cursor.rowcount == 0
        tried += 1
    assert tried > 10
    counted(f"{tried} tables refuse a row of another workspace")
