"""A wave is found by its reference and by its event, where a member of it is in scope."""

from __future__ import annotations

import pytest

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.finding.search import FoundKind, find
from handrail.runbooks.models import OperationRun
from tests.factories import rows, wave_rows
from tests.factories.log import superuser
from tests.factories.people import as_person

pytestmark = pytest.mark.django_db


def found(by: Actor, text: str) -> list[tuple[FoundKind, str]]:
    return [(group.kind, hit.ref) for group in find(by, text).groups for hit in group.hits]


def test_wave_is_found_by_reference_and_event_in_scope_only() -> None:
    workspace = rows.workspace()
    tenant, other = rows.tenant(workspace), rows.tenant(workspace)
    definition = rows.definition(workspace, text=rows.runbook_text())
    wave, member = wave_rows.wave(definition), rows.run(tenant, definition)
    with superuser("runbooks_operationrun"):
        OperationRun.objects.filter(pk=member.pk).update(wave=wave.ref)
    by = as_person(access.worker("w", workspace.pk), capabilities=bundled([Role.OPERATOR]))
    for text in (wave.ref, wave.ref.lower(), "canary-event"):
        assert (FoundKind.WAVE, wave.ref) in found(by, text)
    assert found(as_person(by, tenant_ids=frozenset({tenant.pk})), wave.ref) == [(FoundKind.WAVE, wave.ref)]
    outside = as_person(by, tenant_ids=frozenset({other.pk}))
    assert found(outside, wave.ref) == found(outside, "WAV-0000000000") == []
