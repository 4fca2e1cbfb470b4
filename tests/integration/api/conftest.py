"""Members of one workspace, each with a token, and a client for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from handrail.access import actions as access
from handrail.access import queries
from handrail.access.actor import Actor
from tests.factories.installation import Installation
from tests.factories.people import secret_of
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard, connected

Caller = Callable[..., Client]


@pytest.fixture
def estate(db: None) -> Runs:
    return Installation().runs


@pytest.fixture
def operator(estate: Runs) -> Actor:
    return queries.command_line(estate.workspace.slug)


@pytest.fixture
def board(estate: Runs) -> Iterator[SwitchBoard]:
    world = SwitchBoard()
    world.add("s1", owner=estate.tenant.key)
    with connected(world):
        yield world


@pytest.fixture
def caller(operator: Actor) -> Caller:
    """A client that calls as a new member with these roles, entitled to all tenants or to those named."""
    made: list[str] = []

    def make(*roles: str, tenants: list[str] | None = None, by: Actor = operator) -> Client:
        email = f"member{len(made)}@example.com"
        made.append(email)
        access.add_member(email=email, roles=roles, tenants=tenants, by=by)
        return Client(headers={"authorization": f"Bearer {secret_of(email, by.workspace_id)}"})

    return make
