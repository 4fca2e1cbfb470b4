"""Who may look at the sealed log, and at how much of it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from handrail.access import evidence, trail
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent
from handrail.audit.queries import EventFilter
from handrail.kernel.errors import Conflict, Denied, NotFound

pytestmark = pytest.mark.django_db
ALL = Actor(
    kind=ActorKind.PERSON,
    name="auditor@example.com",
    workspace_id=1,
    capabilities=frozenset({Capability.AUDIT_VIEW, Capability.AUDIT_EXPORT}),
    tenant_ids=None,
)
LIMITED = replace(ALL, tenant_ids=frozenset({11}))
NOT_ALLOWED = replace(ALL, capabilities=frozenset())


def happened(tenant: int | None, workspace: int = 1) -> int:
    by = replace(ALL, workspace_id=workspace)
    return record(
        EventName.RUN_CHECKED, by=by, tenant_id=tenant, subject_kind="run", subject=f"{workspace}-{tenant}"
    ).pk


def seen(actor: Actor) -> set[str]:
    return {entry.row.subject for entry in trail.list_events(actor, EventFilter(event="run.checked"))}


def test_list_events_shows_those_of_the_actors_tenants_only() -> None:
    for tenant, workspace in ((11, 1), (12, 1), (None, 1), (11, 2)):
        happened(tenant, workspace)
    assert seen(LIMITED) == {"1-11"}
    assert seen(ALL) == {"1-11", "1-12", "1-None"}


def test_inclusion_out_of_scope_is_not_found() -> None:
    own, other, workspaces, foreign = happened(11), happened(12), happened(None), happened(11, 2)
    evidence.seal(by=ALL)
    assert f'"id":{own},' in evidence.inclusion(LIMITED, own).leaf
    for hidden in (other, workspaces, foreign, own + 1_000_000):
        with pytest.raises(NotFound):
            evidence.inclusion(LIMITED, hidden)


def test_export_shows_those_of_the_actors_tenants_only() -> None:
    for tenant, workspace in ((11, 1), (12, 1), (None, 1), (11, 2)):
        happened(tenant, workspace)
    rows = [json.loads(line)["row"]["subject"] for line in evidence.export(by=LIMITED) if '"row":' in line]
    assert rows == ["1-11"]


def test_verify_and_checkpoint_speak_of_the_same_log() -> None:
    happened(11)
    with pytest.raises(Conflict, match="Nothing has been sealed"):
        evidence.checkpoint(ALL)
    evidence.seal(by=ALL)
    found = evidence.verify(ALL, kept=[evidence.checkpoint(ALL)])
    assert found.whole
    assert evidence.checkpoint(ALL).split("\n")[2] == found.root
    assert evidence.consistency(ALL, 1).second == found.sealed_size
    assert evidence.verifier_key(ALL).startswith(found.origin + "+")


def test_evidence_without_the_capability_is_denied() -> None:
    refused = (
        lambda: evidence.verify(NOT_ALLOWED),
        lambda: evidence.inclusion(NOT_ALLOWED, 1),
        lambda: evidence.consistency(NOT_ALLOWED, 1),
        lambda: evidence.checkpoint(NOT_ALLOWED),
        lambda: evidence.verifier_key(NOT_ALLOWED),
        lambda: evidence.seal(by=NOT_ALLOWED),
        lambda: evidence.export(by=NOT_ALLOWED),
    )
    for ask in refused:
        with pytest.raises(Denied):
            ask()
    assert not AuditEvent.objects.exists()
