"""A small house with something in every state, and a neighbour's beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import Tenant, User, Workspace
from handrail.definitions.models import Definition
from handrail.definitions.states import DefinitionState
from handrail.packets.models import Packet
from handrail.runbooks.models import ExceptionPacket, OperationRun
from handrail.runbooks.states import EventKind, RunState
from tests.factories import packet_rows, rows


@dataclass(frozen=True, slots=True)
class House:
    workspace: Workspace
    tenant: Tenant
    definition: Definition
    proposal: Definition
    received: OperationRun
    invoking: OperationRun
    completed: OperationRun
    stopped: ExceptionPacket
    packet: Packet

    def ids(self) -> dict[str, str]:
        """A value for every kind of parameter in the URL map."""
        return {
            "tenant": self.tenant.key,
            "run": self.completed.ref,
            "exception": self.stopped.ref,
            "definition": str(self.proposal.pk),
            "packet": self.packet.ref,
        }


# For each kind of parameter, something that nobody has.
MISSING = {
    "tenant": "ten_nobody",
    "run": "RUN-0000000000",
    "exception": "EXC-0000000000",
    "definition": "987654321",
    "packet": "PKT-0000000000",
}


def build(name: str) -> House:
    workspace = rows.workspace(name)
    tenant = rows.tenant(workspace, name=f"{name} customer")
    definition = rows.definition(workspace, text=rows.runbook_text())
    received = rows.run(tenant, definition)
    rows.entry(received, EventKind.RECEIVED)
    invoking = rows.run(tenant, definition, state=RunState.INVOKING)
    rows.checked(invoking)
    rows.entry(
        invoking, EventKind.INTENT, after=1, step="resynchronise", attempt=1, key=f"{invoking.ref}:resynchronise"
    )
    return House(
        workspace,
        tenant,
        definition,
        rows.definition(workspace, version=2, state=DefinitionState.PROPOSED, text=rows.runbook_text(2)),
        received,
        invoking,
        rows.completed_run(tenant, definition),
        rows.exception(tenant, definition),
        packet_rows.packet(tenant, packet_rows.profile(workspace)),
    )


@pytest.fixture
def house(db: None) -> House:
    return build("Northwind")


@pytest.fixture
def neighbour(db: None) -> House:
    return build("Elsewhere")


@pytest.fixture
def enter() -> Callable[[User], Client]:
    """A browser in which the person is logged in."""

    def _enter(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return _enter


@pytest.fixture
def as_role(house: House, enter: Callable[[User], Client]) -> Callable[..., Client]:
    """A browser of a member of the house with the given roles."""

    def _as(*roles: Role) -> Client:
        return enter(rows.member(house.workspace, *roles))

    return _as
