"""The handoff of one request, called past ``submit``."""

from __future__ import annotations

from time import monotonic

import pytest

from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Stale
from handrail.support import handoff
from tests.factories.support import House, desk_at
from tests.unit.connectors.peers import answering_json, peer
from tests.unit.support.test_database import row


def test_carry_out_a_second_time_writes_nothing(house: House) -> None:
    request = row(house)
    with peer(answering_json({"key": "T-7"}, 201)) as server, desk_at(server.url) as desk:
        handoff.carry_out(request, desk, by=house.operator, since=monotonic())
        with pytest.raises(Stale):
            handoff.carry_out(request, desk, by=house.operator, since=monotonic())
    request.refresh_from_db()
    assert request.external_ticket_reference == "T-7"
    assert AuditEvent.objects.filter(subject=request.ref).count() == 1
