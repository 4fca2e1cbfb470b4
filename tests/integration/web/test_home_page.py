"""Home holds what the reader can act on, the oldest first, and each group leads to the list with exactly these."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from handrail.access.capabilities import Role
from handrail.access.models import Tenant, User
from handrail.definitions.states import DefinitionState
from handrail.kernel.clock import now
from handrail.runbooks.models import SampledRun
from handrail.runbooks.states import Handling
from tests.factories import rows
from tests.factories.web import Web

pytestmark = pytest.mark.django_db

GROUPS = {
    Role.OPERATOR: set(),
    Role.SENIOR_SUPPORT: {"holds", "mine", "unassigned", "waves", "brakes", "reviews"},
    Role.ESCALATION_OWNER: {"to-sign", "holds"},
    Role.PACKET_SIGNER: {"to-sign", "holds"},
    Role.GOVERNANCE_OWNER: {"holds", "waves", "brakes", "decisions", "reviews"},
    Role.AUDITOR: set(),
    Role.WORKSPACE_ADMINISTRATOR: set(),
}


def more_of_everything(house: Web, person: User, count: int) -> None:
    for n in range(count):
        at = now() - timedelta(days=count - n)
        rows.exception(house.tenant, house.definition, at=at)
        rows.exception(house.tenant, house.definition, at=at, handling=Handling.TAKEN, taken_by=person.email)
        SampledRun.objects.create(
            workspace=house.workspace,
            tenant=house.tenant,
            run=rows.completed_run(house.tenant, house.definition),
            at=at,
            share=0.02,
        )
        rows.definition(house.workspace, name=f"new-{n}", state=DefinitionState.PROPOSED)


@pytest.mark.parametrize("role", Role)
def test_each_role_has_the_groups_that_it_can_act_on(house: Web, as_role: Callable[..., Client], role: Role) -> None:
    home = as_role(role).get("/admin").context["home"]
    titles = {"Your holds", "Escalation packets awaiting your approval"}
    assert len(home.groups) + len(home.quiet) == len(GROUPS[role])
    assert set(home.group) <= GROUPS[role]
    assert role in {Role.SENIOR_SUPPORT, Role.GOVERNANCE_OWNER} or set(home.quiet) <= titles


def test_groups_are_the_oldest_first_and_say_how_many_there_are(house: Web, enter: Callable[[User], Client]) -> None:
    person = rows.member(house.workspace, Role.SENIOR_SUPPORT, Role.GOVERNANCE_OWNER)
    more_of_everything(house, person, 10)
    page = enter(person).get("/admin")
    group = page.context["home"].group
    assert {slug: (len(one.rows), one.count) for slug, one in group.items() if slug != "holds"} == {
        "mine": (8, 10),
        "unassigned": (8, 11),
        "brakes": (1, 1),
        "decisions": (8, 11),
        "reviews": (8, 10),
    }
    for slug in ("mine", "unassigned", "reviews"):
        times = [one.at for one in group[slug].rows]
        assert times == sorted(times)
    assert "8 of 11" in page.content.decode()


def test_each_group_leads_to_the_list_with_exactly_these(house: Web, enter: Callable[[User], Client]) -> None:
    person = rows.member(house.workspace, Role.SENIOR_SUPPORT, Role.GOVERNANCE_OWNER)
    more_of_everything(house, person, 3)
    client = enter(person)
    rows.definition(house.workspace, name="own", state=DefinitionState.PROPOSED, proposed_by=person.email)
    group = client.get("/admin").context["home"].group
    lists = {
        "mine": lambda page: [one.ref for one in page["exceptions"].packets],
        "unassigned": lambda page: [one.ref for one in page["exceptions"].packets],
        "decisions": lambda page: [one.name for one in page["definitions"].rows],
        "reviews": lambda page: [one.run for one in page["reviews"].rows],
    }
    for slug, read in lists.items():
        name = {"decisions": "name", "reviews": "run"}.get(slug, "ref")
        assert read(client.get(group[slug].url).context) == [getattr(one, name) for one in group[slug].rows]


def test_statements_do_not_grow_with_what_waits(house: Web, enter: Callable[[User], Client]) -> None:
    person = rows.member(house.workspace, *(role for role in Role if role is not Role.WORKSPACE_ADMINISTRATOR))
    client, counts = enter(person), []
    client.get("/admin")
    for count in (2, 8):
        more_of_everything(house, person, count) if not counts else more_of_others(house, person, count)
        with CaptureQueriesContext(connection) as asked:
            client.get("/admin")
        counts.append(len(asked))
    assert counts[0] == counts[1]


def more_of_others(house: Web, person: User, count: int) -> None:
    for _ in range(count):
        rows.exception(house.tenant, house.definition)
        rows.exception(house.tenant, house.definition, handling=Handling.TAKEN, taken_by=person.email)


def test_thousands_of_tenants_are_not_listed(house: Web, as_role: Callable[..., Client]) -> None:
    Tenant.objects.bulk_create(
        Tenant(workspace=house.workspace, key=f"ten_{n:04}", name=f"Tenant {n:04}", created_at=now())
        for n in range(2000)
    )
    page = as_role(Role.OPERATOR).get("/admin").content.decode()
    assert "8 of 2001" in page
    assert len(re.findall(r'href="/admin/t/', page)) == 8


def test_nothing_to_do_is_said_in_one_line(db: None, enter: Callable[[User], Client]) -> None:
    person = rows.member(rows.workspace("Empty"), Role.SENIOR_SUPPORT)
    page = enter(person).get("/admin").content.decode()
    assert "Nothing is waiting for you." in page
    assert "Nothing waits here: your holds, exceptions taken over by you, stopped and not taken over" in page
