"""The last ten things that a person opened: theirs alone, by workspace, and only what is still in their scope."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handrail.access.capabilities import Role
from handrail.access.models import Membership, TenantEntitlement, User, Visit
from handrail.kernel.clock import now
from tests.factories import rows
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
FIND = "/admin/find"
LINK = re.compile(r'<a class="ref name" href="([^"]*)"')
Enter = Callable[[User], Client]


def opened(client: Client) -> list[str]:
    return LINK.findall(client.get(FIND).content.decode())


def pages(house: Web) -> list[str]:
    ids = house.ids()
    return [
        f"/admin/operations/{ids['run']}",
        f"/admin/exceptions/{ids['exception']}",
        f"/admin/packets/{ids['packet']}",
        f"/admin/t/{ids['tenant']}",
    ]


def test_what_was_opened_is_shown_the_latest_first_and_once(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(*Role)
    for page in [*pages(house), pages(house)[0]]:
        assert client.get(page).status_code == 200
    run, exception, packet, tenant = pages(house)
    assert opened(client) == [run, tenant, packet, exception]
    assert opened(as_role(*Role)) == []


def test_no_more_than_ten_are_kept(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    refs = [rows.completed_run(house.tenant, house.definition).ref for _ in range(13)]
    for ref in refs:
        client.get(f"/admin/operations/{ref}")
    assert opened(client) == [f"/admin/operations/{ref}" for ref in refs[:2:-1]]
    assert Visit.objects.count() == 10


def test_what_left_the_scope_or_the_roles_is_not_shown(house: Web, enter: Enter) -> None:
    person = rows.member(house.workspace, Role.OPERATOR, tenants=[house.tenant])
    client = enter(person)
    for page in pages(house):
        client.get(page)
    membership = Membership.objects.get(user=person)
    membership.roles = [Role.WORKSPACE_ADMINISTRATOR]
    membership.save()
    assert opened(client) == [pages(house)[3]]
    TenantEntitlement.objects.filter(membership=membership).delete()
    assert opened(client) == []


def test_workspaces_have_visits_of_their_own(house: Web, neighbour: Web, enter: Enter) -> None:
    person = rows.member(house.workspace, *Role)
    Membership.objects.create(
        workspace=neighbour.workspace, user=person, roles=list(Role), all_tenants=True, created_at=now()
    )
    client = enter(person)
    client.post("/admin/workspaces", {"workspace": house.workspace.slug})
    client.get(pages(house)[0])
    client.post("/admin/workspaces", {"workspace": neighbour.workspace.slug})
    assert opened(client) == []
    client.get(pages(neighbour)[1])
    assert opened(client) == [pages(neighbour)[1]]


def test_what_is_refused_missing_live_or_posted_is_no_visit(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.WORKSPACE_ADMINISTRATOR)
    client.get(pages(house)[0])
    operator = as_role(Role.OPERATOR)
    operator.get("/admin/operations/RUN-0000000000")
    operator.get(f"{pages(house)[0]}/live")
    operator.post(f"{pages(house)[0]}/cancel")
    operator.head(pages(house)[0])
    assert not Visit.objects.exists()


def test_a_page_takes_one_statement_for_it(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    client.get(pages(house)[0])
    with CaptureQueriesContext(connection) as asked:
        client.get(pages(house)[0])
    assert sum("access_visit" in one["sql"] for one in asked) == 1


def test_visits_cost_no_more_statements_the_more_there_are(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(*Role)
    counts = []
    for count in (1, 6):
        for _ in range(count):
            client.get(f"/admin/operations/{rows.completed_run(house.tenant, house.definition).ref}")
        with CaptureQueriesContext(connection) as asked:
            opened(client)
        counts.append(len(asked))
    assert counts[0] == counts[1]
