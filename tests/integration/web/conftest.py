"""A small house with something in every state, and a neighbour's beside it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.web import Web

# For each kind of parameter, something that nobody has.
MISSING = {
    "notice": "NTF-ZZZZZZZZZZ",
    "message": "MSG-ZZZZZZZZZZ",
    "brake": "BRK-ZZZZZZZZZZ",
    "wave": "WAV-ZZZZZZZZZZ",
    "tenant": "ten_nobody",
    "run": "RUN-0000000000",
    "exception": "EXC-0000000000",
    "definition": "987654321",
    "member": "987654321",
    "packet": "PKT-0000000000",
    "event": "987654321",
    "token": "TOK-0000000000",
    "hold": "HLD-0000000000",
    "erasure": "ERA-0000000000",
    "lane": "nowhere",
    "key": "KEY-0000000000",
}


@pytest.fixture
def house(db: None) -> Web:
    return Installation.named("Northwind").web


@pytest.fixture
def neighbour(db: None) -> Web:
    return Installation.named("Elsewhere").web


@pytest.fixture
def enter() -> Callable[[User], Client]:
    """A browser in which the person is logged in."""

    def _enter(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return _enter


@pytest.fixture
def as_role(house: Web, enter: Callable[[User], Client]) -> Callable[..., Client]:
    """A browser of a member of the house with the given roles."""

    def _as(*roles: Role) -> Client:
        return enter(rows.member(house.workspace, *roles))

    return _as
