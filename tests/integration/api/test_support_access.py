"""Who may request support over HTTP, by role, operation, verb and known reference; generated from the OpenAPI paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client

from handrail.access import queries
from handrail.access.actor import Actor
from handrail.access.capabilities import BUNDLES, Capability, Role
from handrail.access.models import Tenant
from handrail.audit.models import AuditEvent
from handrail.connectors import desk as desks
from handrail.runbooks.models import OperationRun
from handrail.support.actions import support_requests
from handrail.support.input import SupportRequestInput
from handrail.support.models import SupportRequest
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.openapi import description
from tests.factories.runs import Runs
from tests.integration.api.conftest import Caller
from tests.lanes import crossed

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
KEY = "a-key-of-one-form"
MISSING = {"tenants": "ten_nobody", "runs": "RUN-ZZZZZZZZZZ"}
# Path: the verbs that it documents.
PATHS = {path: {verb.upper() for verb in verbs} for path, verbs in description()["paths"].items() if "support" in path}
ALLOWED = [role for role in Role if Capability.SUPPORT_REQUEST in BUNDLES[role]]
DENIED = [role for role in Role if role not in ALLOWED]
by_path = pytest.mark.parametrize("path", PATHS)
Answer = tuple[int, bytes, dict[str, str]]


@pytest.fixture(autouse=True)
def no_desk() -> Iterator[None]:
    with desks.use(None):
        yield


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant and a run of it, with a request raised from each."""

    tenant: Tenant
    run: OperationRun

    def keys(self) -> dict[str, str]:
        return {"tenants": self.tenant.key, "runs": self.run.ref}


def found(tenant: Tenant, estate: Runs, by: Actor) -> Place:
    place = Place(tenant, rows.run(tenant, estate.definition))
    given = SupportRequestInput(summary="Not for others", contact_name="Ana", contact_email="ana@example.com")
    support_requests.submit(by=by, tenant=tenant.key, submission_key=f"{KEY}-{tenant.pk}", given=given)
    support_requests.submit(by=by, run=place.run.ref, submission_key=f"{KEY}-{place.run.pk}-run", given=given)
    return place


@pytest.fixture
def home(estate: Runs, operator: Actor) -> Place:
    return found(estate.tenant, estate, operator)


@pytest.fixture
def hidden(estate: Runs, operator: Actor) -> Place:
    """Of the same workspace, and of none of its members but the operator of the installation."""
    return found(rows.tenant(estate.workspace, name="Another customer"), estate, operator)


@pytest.fixture
def foreign(db: None) -> Place:
    other = Installation(tenant="ten_two", workspace="other").runs
    return found(other.tenant, other, queries.command_line("other"))


def ask(client: Client, verb: str, path: str, keys: dict[str, str], key: str = KEY) -> Answer:
    """A whole and valid request, whatever its verb."""
    start, _, end = path.partition("{")
    address = start + keys[start.rstrip("/").rsplit("/", 1)[-1]] + end.partition("}")[2]
    body = '{"summary": "Roles are missing"}'
    response = client.generic(verb, address, body, "application/json", headers={"idempotency-key": key})
    return response.status_code, response.content, dict(response.headers)


@pytest.mark.requirement("H-01")
def test_document_has_the_four_operations_and_no_list() -> None:
    assert {(verb, path.rpartition("}")[2]) for path, verbs in PATHS.items() for verb in verbs} == {
        ("POST", "/support-requests"),
        ("GET", "/support-requests/latest"),
    }
    assert len(PATHS) == 4


@pytest.mark.requirement("H-45")
@pytest.mark.parametrize(("role", "path"), crossed(Role, list(PATHS)))
def test_foreign_and_hidden_places_answer_like_missing_ones_on_every_verb(  # noqa: PLR0917 - fixtures
    path: str, role: Role, home: Place, hidden: Place, foreign: Place, caller: Caller
) -> None:
    client = caller(role, tenants=[home.tenant.key])
    raised = SupportRequest.objects.count()
    ref = SupportRequest.objects.filter(tenant=home.tenant).latest("pk").ref
    for verb in VERBS:
        missing = ask(client, verb, path, MISSING)
        assert missing[0] == (404 if verb in PATHS[path] else 405)
        for known in (hidden.keys(), foreign.keys(), dict.fromkeys(MISSING, ref)):
            assert ask(client, verb, path, known) == missing
        used = ask(client, verb, path, hidden.keys(), f"{KEY}-{hidden.tenant.pk}")
        assert used == missing
    assert SupportRequest.objects.count() == raised


@pytest.mark.parametrize("role", DENIED)
@by_path
def test_denied_place_tells_nothing_of_its_requests(path: str, role: Role, estate: Runs, caller: Caller) -> None:
    client = caller(role)
    place = Place(estate.tenant, rows.run(estate.tenant, estate.definition))
    (verb,) = PATHS[path]
    before = ask(client, verb, path, place.keys())
    by = rows.member(estate.workspace, Role.OPERATOR)
    for where in ({"tenant": place.tenant.key}, {"run": place.run.ref}):
        support_requests.submit(
            by=queries.actor_for(by),
            submission_key=f"{KEY}-{next(iter(where))}",
            given=SupportRequestInput(summary="Not for others"),
            **where,
        )
    assert ask(client, verb, path, place.keys()) == before
    assert before[0] == 403
    assert "one of the roles operator or senior-support" in before[1].decode()
    assert Capability.SUPPORT_REQUEST not in before[1].decode()
    assert SupportRequest.objects.count() == 2
    denials = AuditEvent.objects.filter(event="access.denied", outcome="denied")
    assert {event.subject for event in denials} == {Capability.SUPPORT_REQUEST}
    assert denials.count() == 2


@pytest.mark.parametrize("role", ALLOWED)
@by_path
def test_allowed_role_raises_and_sees(path: str, role: Role, home: Place, caller: Caller) -> None:
    client = caller(role, tenants=[home.tenant.key])
    (verb,) = PATHS[path]
    status, body, _ = ask(client, verb, path, home.keys())
    assert status == (201 if verb == "POST" else 200)
    shown = SupportRequest.objects.filter(run=home.run if "/runs/" in path else None).latest("pk")
    assert shown.ref in body.decode()
