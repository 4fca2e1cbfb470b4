"""Every operation of the table of doors, as a member who may, who may not, and with a token that only reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from handrail.access.capabilities import BUNDLES, Capability, Role
from handrail.audit.models import AuditEvent
from tests.factories import rows
from tests.factories.doors import pairs
from tests.factories.installation import Installation
from tests.factories.openapi import description
from tests.factories.people import secret_of
from tests.factories.web import Web
from tests.integration.api.test_scope import BODIES
from tests.lanes import portion

pytestmark = pytest.mark.django_db
OPERATIONS = {
    operation["operationId"]: (method.upper(), path)
    for path, verbs in description()["paths"].items()
    for method, operation in verbs.items()
}
DOORS: dict[str, Any] = pairs("api")
NEEDING = {door: Capability(act.capability) for door, act in DOORS.items() if act.capability}
WRITING = sorted(door for door, act in DOORS.items() if act.capability and not act.reads)
READING = sorted(door for door, act in DOORS.items() if act.reads)
TASK = {"key": "T-1", "runbook": "entitlement-resync", "version": 1, "payload": {}}
# Also asked for by act: revoking one's own token needs no capability.
Bearing = Callable[..., Client]


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    return Installation.named("Northwind").web


@pytest.fixture
def bearing(house: Web) -> Bearing:
    """A client with a token of a new member with these roles; with ``scopes``, or all that the member may."""

    def make(*roles: Role, scopes: tuple[str, ...] = ()) -> Client:
        user = rows.member(house.workspace, *roles)
        return Client(headers={"authorization": f"Bearer {secret_of(user.email, house.workspace.pk, *scopes)}"})

    return make


def call(client: Client, house: Web, door: str) -> tuple[int, str]:
    """Status and code of the answer."""
    method, path = OPERATIONS[door]
    things = {
        "audit": "event",
        "runs": "run",
        "exceptions": "exception",
        "definitions": "definition",
        "packets": "packet",
        "brakes": "brake",
        "waves": "wave",
        "notifications": "notice",
    }
    things |= {"tenants": "tenant", "tokens": "token", "brakes": "brake", "waves": "wave", "tasks": "message"}
    things |= {"holds": "hold", "erasures": "erasure", "lanes": "lane", "passkeys": "key"}
    kind = path.split("/")[3]
    start, _, end = path.partition("{")
    if end:
        path = start + house.ids()[things[kind]] + end.partition("}")[2].replace("{number}", "1")
    bodies = {**BODIES, "start_run": TASK, "preview_run": TASK}
    query = "?name=packet.json" if door == "take_packet_document" else ""
    body, key = json.dumps(bodies.get(door, {})), {"idempotency-key": "a-key-of-one-form"}
    response = client.generic(method, path + query, body, "application/json", headers=key)
    kind = response.headers.get("Content-Type", "")
    return response.status_code, response.json().get("code", "") if kind.endswith("problem+json") else ""


def without(capability: Capability) -> list[Role]:
    """A role without ``capability``; none, where every role has it."""
    return [role for role in Role if capability not in BUNDLES[role]][:1]


def denials() -> list[str]:
    return list(AuditEvent.objects.filter(event="access.denied").values_list("subject", flat=True))


@pytest.mark.requirement("R2-23")
@pytest.mark.parametrize("door", portion(sorted(NEEDING), 3))
def test_without_the_capability_an_operation_is_refused_and_audited(house: Web, bearing: Bearing, door: str) -> None:
    assert call(bearing(*without(NEEDING[door])), house, door)[0] == 403
    assert denials() == [NEEDING[door]]


@pytest.mark.parametrize("door", portion(WRITING, 3))
def test_a_token_that_only_reads_does_nothing(house: Web, bearing: Bearing, door: str) -> None:
    assert call(bearing(*Role, scopes=("read",)), house, door) == (403, "token-scope")
    assert denials() == [NEEDING[door]]


@pytest.mark.parametrize("door", portion(READING, 3))
def test_a_token_that_only_reads_reads(house: Web, bearing: Bearing, door: str) -> None:
    assert call(bearing(*Role, scopes=("read",)), house, door)[0] not in {401, 403, 404, 500}


@pytest.mark.parametrize("door", portion(sorted(NEEDING), 3))
def test_a_token_of_another_act_is_refused(house: Web, bearing: Bearing, door: str) -> None:
    other = Capability.EVALUATION_VIEW if NEEDING[door] is not Capability.EVALUATION_VIEW else Capability.RUN_START
    assert call(bearing(*Role, scopes=(other,)), house, door) == (403, "token-scope")


@pytest.mark.parametrize("door", portion(sorted(NEEDING), 3))
def test_a_token_of_exactly_this_act_passes(house: Web, bearing: Bearing, door: str) -> None:
    """What the rows then say, such as that a run has ended, is another question."""
    assert call(bearing(*Role, scopes=(NEEDING[door],)), house, door)[0] not in {401, 403, 500}
    assert denials() == []
