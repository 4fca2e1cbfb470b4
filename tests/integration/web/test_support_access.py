"""Who may request support, by role, surface, verb and known reference; generated from the URL map."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from handrail.access import capabilities
from handrail.access.capabilities import BUNDLES, Capability, Role
from handrail.access.models import User
from handrail.audit.models import AuditEvent
from handrail.support.models import SupportRequest
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.web import Web
from tests.integration.web.conftest import MISSING
from tests.integration.web.test_support_form import KEY, LATEST, fields
from tests.integration.web.urlmap import VERBS, Route, inside
from tests.lanes import crossed

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    """One for the whole module: each test undoes what it does to it."""
    return Installation.named("Northwind").web


@pytest.fixture(scope="module")
def neighbour(module_db: None) -> Web:
    return Installation.named("Elsewhere").web


Enter = Callable[[User], Client]
As = Callable[..., Client]
C = Capability

# The pages on which support is requested: those of one tenant and of one run.
SURFACES = [route for route in inside() if route.path in {"admin/t/<tenant>", "admin/operations/<run>"}]
VIEW = {"admin/t/<tenant>": C.TENANT_VIEW, "admin/operations/<run>": C.RUN_VIEW}
by_path = pytest.mark.parametrize("route", SURFACES, ids=lambda route: route.path)
# Asked with every verb, for what is there and for what is not.
by_role_and_path = pytest.mark.parametrize(
    ("role", "route"), crossed(Role, SURFACES), ids=lambda each: getattr(each, "path", str(each))
)


def ask(client: Client, verb: str, url: str) -> tuple[int, bytes, dict[str, str]]:
    """A request that carries a whole and valid form, whatever its verb."""
    asked = f"{url}?support={KEY}"
    if verb == "POST":
        response: HttpResponse = client.post(asked, fields())
    else:
        response = client.generic(verb, asked)
    return response.status_code, response.content, dict(response.headers)


def known(house: Web) -> dict[str, str]:
    """What the house's own people know: its keys, and a support request that was raised there."""
    insider = Client()
    insider.force_login(
        rows.member(house.workspace, Role.OPERATOR), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    for route in SURFACES:
        assert insider.post(route.url(house.ids()), fields(submission_key=f"insider {route.path}".replace(" ", "-")))
    assert SupportRequest.objects.filter(workspace=house.workspace).count() == len(SURFACES)
    return house.ids()


@pytest.mark.requirement("H-01")
def test_url_map_has_both_surfaces_and_no_other_place() -> None:
    assert {route.path for route in SURFACES} == set(VIEW)
    assert not [route.path for route in inside() if "support" in route.path]


@pytest.mark.requirement("H-11", "H-43", "H-45")
@by_role_and_path
def test_foreign_workspace_answers_like_missing_on_every_verb(
    house: Web, neighbour: Web, as_role: As, route: Route, role: Role
) -> None:
    ids = known(neighbour)
    assert_like_missing(as_role(role), route, ids)
    assert not SupportRequest.objects.filter(workspace=house.workspace).exists()


@pytest.mark.requirement("H-23")
@by_role_and_path
def test_tenant_without_entitlement_answers_like_missing_on_every_verb(
    house: Web, enter: Enter, route: Route, role: Role
) -> None:
    ids = known(house)
    other = rows.tenant(house.workspace, name="Another customer")
    assert_like_missing(enter(rows.member(house.workspace, role, tenants=[other])), route, ids)
    assert SupportRequest.objects.count() == len(SURFACES)


def assert_like_missing(client: Client, route: Route, ids: dict[str, str]) -> None:
    for verb in VERBS:
        hidden, missing = ask(client, verb, route.url(ids)), ask(client, verb, route.url(MISSING))
        assert hidden == missing
        assert hidden[0] == (404 if verb in {"GET", "HEAD", "POST"} else 405)


@pytest.mark.requirement("H-14", "H-44")
@by_role_and_path
def test_support_reference_opens_nothing(house: Web, as_role: As, route: Route, role: Role) -> None:
    known(house)
    ref = SupportRequest.objects.latest("pk").ref
    assert_like_missing(as_role(role), route, dict.fromkeys(house.ids(), ref))


@pytest.mark.requirement("H-11")
@pytest.mark.parametrize("role", Role)
@by_path
def test_submission_follows_the_capability(house: Web, as_role: As, route: Route, role: Role) -> None:
    status, body, _ = ask(as_role(role), "POST", route.url(house.ids()))
    if C.SUPPORT_REQUEST in BUNDLES[role]:
        assert status == 302
        assert SupportRequest.objects.count() == 1
    else:
        assert status == 403
        assert capabilities.needed(C.SUPPORT_REQUEST) in body.decode()
        assert not SupportRequest.objects.exists()
        assert AuditEvent.objects.filter(event="access.denied", subject=C.SUPPORT_REQUEST).count() == 1


@pytest.mark.parametrize("role", Role)
@by_path
def test_open_form_follows_the_capability(house: Web, as_role: As, route: Route, role: Role) -> None:
    known(house)
    status, body, _ = ask(as_role(role), "GET", route.url(house.ids()))
    allowed = {C.SUPPORT_REQUEST, VIEW[route.path]} <= BUNDLES[role]
    assert status == (200 if allowed else 403)
    assert ("<dialog" in body.decode()) == allowed
    assert (LATEST in body.decode()) == allowed


@pytest.mark.parametrize("role", [role for role in Role if C.TENANT_VIEW in BUNDLES[role]])
@by_path
def test_page_offers_and_tells_only_what_the_role_may(house: Web, as_role: As, route: Route, role: Role) -> None:
    ids = known(house)
    refs = list(SupportRequest.objects.values_list("ref", flat=True))
    response = as_role(role).get(route.url(ids))
    body = response.content.decode()
    if VIEW[route.path] not in BUNDLES[role]:
        assert response.status_code == 403
    else:
        assert ("Request support</a>" in body) == (C.SUPPORT_REQUEST in BUNDLES[role])
        assert ("Ask a workspace administrator." in body) == (C.SUPPORT_REQUEST not in BUNDLES[role])
    told = response.status_code == 200 and C.SUPPORT_REQUEST in BUNDLES[role]
    assert (LATEST in body) == told
    assert any(ref in body for ref in refs) == told


@by_path
def test_run_or_tenant_named_by_another_workspaces_key_is_not_raised(
    house: Web, neighbour: Web, as_role: As, route: Route
) -> None:
    """A tenant key that two workspaces share stands for one's own tenant only."""
    neighbour.tenant.key = house.tenant.key
    neighbour.tenant.save(update_fields=["key"])
    ask(as_role(Role.OPERATOR), "POST", route.url(house.ids()))
    assert SupportRequest.objects.get().workspace == house.workspace


@by_path
def test_stale_form_changes_nothing(house: Web, route: Route) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        rows.member(house.workspace, Role.OPERATOR), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    assert ask(client, "POST", route.url(house.ids()))[0] == 403
    assert not SupportRequest.objects.exists()
