"""The handoff of one request, called past ``submit``."""

from __future__ import annotations

import json
from time import monotonic

import pytest

from handrail.audit.models import AuditEvent
from handrail.connectors.desk import Category, DeskFailure
from handrail.kernel.errors import Stale
from handrail.support import context, handoff, settings
from tests.factories.support import Support, desk_at
from tests.unit.connectors.peers import answering_json, peer
from tests.unit.support.test_database import row


@pytest.mark.requirement("H-04")
def test_hand_over_a_second_time_writes_nothing(house: Support) -> None:
    request = row(house)
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url) as desk:
        handoff.hand_over(request, desk, by=house.operator, since=monotonic())
        with pytest.raises(Stale):
            handoff.hand_over(request, desk, by=house.operator, since=monotonic())
    request.refresh_from_db()
    assert request.external_ticket_reference == "T-7"
    assert AuditEvent.objects.filter(subject=request.ref).count() == 1


def test_hand_over_while_as_many_wait_as_may_does_not_ask(house: Support) -> None:
    request = row(house)
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url, at_once=1) as desk:
        with settings.current().calls:
            told = handoff.hand_over(request, desk, by=house.operator, since=monotonic())
        assert server.requests == []
    busy = DeskFailure(Category.HANDRAIL_BUSY).summary(desk="Example Desk", reference=request.ref)
    assert told.external_handoff_failure_summary == busy


def test_draft_with_the_longest_notes_reaches_a_small_desk_with_contact_page_and_diagnostics(house: Support) -> None:
    request = row(house)
    request.reproduction_notes = "note " * 800
    request.context_envelope = context.build(context.RequestContext(house.tenant, house.run))
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url, body_max=4000) as desk:
        with settings.use(settings.SupportSettings(tenant_page="https://handrail.example/t/{key}")):
            desk.create(handoff.draft(request))
        text = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])["text"]
    assert text.startswith("note note")
    assert request.contact_email in text
    assert f"Page in Handrail: https://handrail.example/t/{house.tenant.key}" in text
    assert text.endswith(context.as_text(request.context_envelope))
    assert len(text) <= 4000
