"""What is not yours looks like what does not exist, on every route and verb; generated from the URL map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from django.http import HttpResponse
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.web import Web
from tests.integration.web.conftest import MISSING
from tests.integration.web.urlmap import VERBS, Route, inside
from tests.lanes import share

# The name of a lane is the installation's, and the same for all: test_scope.py of the API shows whose recalls they are.
NAMED = [route for route in inside() if route.parameters and "lane" not in route.parameters]
# Definitions and tokens are the workspace's, not one tenant's; so are passkeys, by which all can tell who signs.
OF_A_TENANT = [route for route in NAMED if not {"definition", "token"} & set(route.parameters)]
OF_A_TENANT = [route for route in OF_A_TENANT if not route.path.startswith("admin/members/<member>/keys")]
Enter = Callable[[User], Client]


def asked(routes: Sequence[Route]) -> list[tuple[Route, str]]:
    """Each route with every verb at night; by day with the two that pages use, and with one of the others by turns."""
    used, others = ("GET", "POST"), [verb for verb in VERBS if verb not in ("GET", "POST")]
    return [(route, verb) for number, route in enumerate(routes) for verb in (*used, *share(others, number, 1))]


pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    """One for the whole module: each test undoes what it does to it."""
    return Installation.named("Northwind").web


@pytest.fixture(scope="module")
def neighbour(module_db: None) -> Web:
    return Installation.named("Elsewhere").web


def answer(client: Client, verb: str, url: str) -> tuple[int, bytes, dict[str, str]]:
    response: HttpResponse = client.generic(verb, url)
    return response.status_code, response.content, dict(response.headers)


def test_url_map_names_only_parameters_that_these_tests_know() -> None:
    assert {name for route in NAMED for name in route.parameters} <= set(MISSING)
    assert len(NAMED) >= 7


@pytest.mark.parametrize(("route", "verb"), asked(NAMED), ids=lambda each: getattr(each, "path", each))
def test_foreign_answers_like_missing(house: Web, neighbour: Web, enter: Enter, route: Route, verb: str) -> None:
    client = enter(rows.member(house.workspace, *Role))
    foreign = answer(client, verb, route.url(neighbour.ids()))
    missing = answer(client, verb, route.url(MISSING))
    assert foreign == missing
    assert foreign[0] in {404, 405}
    assert not any(value.encode() in foreign[1] for value in neighbour.ids().values() if len(value) > 5)


@pytest.mark.parametrize("route", OF_A_TENANT, ids=lambda r: r.path)
def test_other_tenant_of_own_workspace_answers_like_missing(house: Web, enter: Enter, route: Route) -> None:
    other = rows.tenant(house.workspace, name="Another customer")
    client = enter(rows.member(house.workspace, *Role, tenants=[other]))
    for verb in ("GET", "POST"):
        hidden = answer(client, verb, route.url(house.ids()))
        assert hidden == answer(client, verb, route.url(MISSING))
        assert hidden[0] in {404, 405}


@pytest.mark.parametrize(("route", "verb"), asked(inside()), ids=lambda each: getattr(each, "path", each))
def test_anonymous_is_sent_to_log_in(house: Web, route: Route, verb: str) -> None:
    status, body, headers = answer(Client(), verb, route.url(house.ids()))
    assert (status, body) == (302, b"")
    assert headers["Location"].startswith("/accounts/login/")


def test_anonymous_poll_makes_the_browser_log_in(house: Web) -> None:
    response = Client().get(f"/admin/operations/{house.invoking.ref}/live", headers={"HX-Request": "true"})
    assert response.headers["HX-Redirect"] == "/accounts/login/"


@pytest.mark.parametrize("route", inside(), ids=lambda route: route.path)
def test_person_without_membership_sees_only_that(house: Web, enter: Enter, route: Route) -> None:
    user = User.objects.create_user("stranger@example.com", rows.PASSWORD)
    status, body, _ = answer(enter(user), "GET", route.url(house.ids()))
    assert status == (200 if route.path == "admin" else 404)
    assert house.workspace.name.encode() not in body


def test_removed_member_loses_everything_at_once(house: Web, enter: Enter) -> None:
    user = rows.member(house.workspace, *Role)
    client = enter(user)
    assert client.get("/admin/operations").status_code == 200
    user.membership_set.update(is_active=False)
    assert client.get("/admin/operations").status_code == 404
