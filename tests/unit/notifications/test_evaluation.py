"""How long stopped runs waited for people, counted from what is stored; what still waits counts as far as it got."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handrail.access.actor import Actor
from handrail.access.capabilities import Role, bundled
from handrail.access.fields import sealed_value
from handrail.access.models import Tenant
from handrail.audit.models import AuditEvent
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.errors import Denied
from handrail.notifications.evaluation import FollowUpFigures, HandlingEvaluation, evaluate
from handrail.notifications.models import Notification, NotifiedEvent
from handrail.runbooks.evaluation import EvaluationFilter
from handrail.runbooks.models import ExceptionPacket, FollowUp
from handrail.runbooks.states import Handling
from handrail.runbooks.wavemodels import WaveStop
from tests.factories import rows, wave_rows
from tests.factories.log import superuser
from tests.factories.people import as_person

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def tenant(db: None) -> Tenant:
    return rows.tenant(rows.workspace())


@pytest.fixture
def runbook(tenant: Tenant) -> Definition:
    return rows.definition(tenant.workspace, text=rows.runbook_text())


def reader(tenant: Tenant, *roles: Role, **changes: Any) -> Actor:
    from handrail.access import queries as access

    by = access.worker("w", tenant.workspace_id)
    return as_person(by, capabilities=bundled(roles or [Role.AUDITOR]), **changes)


def figures(of: Tenant, **wanted: Any) -> HandlingEvaluation:
    return evaluate(reader(of), EvaluationFilter(**wanted))


def happened(packet: ExceptionPacket, event: str, at: datetime) -> None:
    with superuser("audit_auditevent"):
        AuditEvent.objects.create(
            workspace_id=packet.workspace_id,
            tenant_id=packet.tenant_id,
            at=at,
            actor="a@example.com",
            actor_kind="person",
            event=event,
            outcome="done",
            subject_kind="exception",
            subject=packet.ref,
        )


def stopped(tenant: Tenant, runbook: Definition, hours: float, *, resolved: float | None = None, **more: Any) -> Any:
    """A packet from so many hours ago; ``resolved``: so many hours after it."""
    packet = rows.exception(tenant, runbook, at=now() - hours * HOUR, **more)
    if resolved is not None:
        with superuser("runbooks_exceptionpacket"):
            ExceptionPacket.objects.filter(pk=packet.pk).update(
                handling=Handling.RESOLVED,
                taken_at=packet.at,
                taken_by="a@example.com",
                resolved_at=packet.at + resolved * HOUR,
                resolved_by="a@example.com",
                note=sealed_value(packet, "note", "Done."),
                outcome="other",
            )
    return packet


def seconds(hours: float) -> Any:
    return pytest.approx(hours * 3600, abs=60)


def test_times_are_those_of_the_first_person_and_of_the_end(tenant: Tenant, runbook: Definition) -> None:
    packet = stopped(tenant, runbook, 10, resolved=8)
    happened(packet, "exception.assigned", packet.at + 2 * HOUR)
    happened(packet, "exception.handed_back", packet.at + 3 * HOUR)
    happened(packet, "exception.taken", packet.at + 6 * HOUR)
    total = figures(tenant).total
    assert (total.packets, total.taken.waiting, total.resolved.waiting) == (1, 0, 0)
    assert (total.taken.seconds_median, total.resolved.seconds_median) == (seconds(2), seconds(8))
    assert total.notified.seconds_median == seconds(2)  # no message was needed from then on


def test_first_message_counts_for_the_time_until_somebody_was_notified(tenant: Tenant, runbook: Definition) -> None:
    packet = stopped(tenant, runbook, 10)
    for minutes in (30, 6):
        message = Notification.objects.create(
            workspace_id=tenant.workspace_id,
            recipient_kind="responder",
            recipient=f"x{minutes}",
            kind="stop",
            at=packet.at,
        )
        NotifiedEvent.objects.create(
            notification=message,
            workspace_id=tenant.workspace_id,
            tenant_id=tenant.pk,
            event_id=minutes,
            event="run.stopped",
            at=packet.at,
            subject_kind="exception",
            subject=packet.ref,
            notified_at=packet.at + timedelta(minutes=minutes),
        )
    total = figures(tenant).total
    assert (total.notified.seconds_median, total.notified.waiting) == (seconds(0.1), 0)


def test_what_waits_counts_with_the_time_that_it_has_waited(tenant: Tenant, runbook: Definition) -> None:
    for hours in (1, 20, 100):
        stopped(tenant, runbook, hours, resolved=None if hours > 1 else 0.5)
    total = figures(tenant).total
    assert (total.resolved.waiting, total.resolved.seconds_median) == (2, seconds(20))
    assert total.resolved.seconds_p95 == seconds(92)


def test_reasons_are_given_apart_and_the_most_packets_first(tenant: Tenant, runbook: Definition) -> None:
    for _ in range(2):
        stopped(tenant, runbook, 4, reason="b")
    stopped(tenant, runbook, 8, reason="a")
    found = figures(tenant)
    assert [(one.reason, one.packets, one.taken.seconds_median) for one in found.reasons] == [
        ("b", 2, seconds(4)),
        ("a", 1, seconds(8)),
    ]
    assert [(one.runbook, one.packets) for one in found.runbooks] == [("entitlement-resync", 3)]


def test_late_ones_are_those_not_resolved_when_they_were_due(tenant: Tenant, runbook: Definition) -> None:
    packets = [stopped(tenant, runbook, 10, resolved=hours) for hours in (1, 5, None)] + [stopped(tenant, runbook, 1)]
    with superuser("runbooks_exceptionpacket"):
        for packet in packets:
            ExceptionPacket.objects.filter(pk=packet.pk).update(due_at=packet.at + 2 * HOUR)
    assert figures(tenant).total.late == 2


def test_follow_up_runs_that_completed_and_were_not_found_wrong(tenant: Tenant, runbook: Definition) -> None:
    packet = stopped(tenant, runbook, 4)
    runs = [rows.completed_run(tenant, runbook), rows.run(tenant, runbook), rows.exception(tenant, runbook).run]
    for number, run in enumerate(runs, start=1):
        FollowUp.objects.create(
            workspace=tenant.workspace, tenant=tenant, packet=packet, run=run, number=number, at=now(), by="a"
        )
    assert figures(tenant).follow_ups == FollowUpFigures(started=3, ended=2, completed=1)


def test_nothing_is_counted_where_nothing_stopped(tenant: Tenant) -> None:
    found = figures(tenant)
    assert (found.total.packets, found.total.resolved.seconds_median, found.reasons) == (0, None, [])


def test_only_the_scope_and_what_is_asked_for_counts(tenant: Tenant, runbook: Definition) -> None:
    stopped(tenant, runbook, 4)
    other = rows.tenant(tenant.workspace)
    stopped(other, runbook, 4)
    stopped(rows.tenant(rows.workspace("Elsewhere")), runbook, 4)
    assert figures(tenant).total.packets == 2
    assert figures(tenant, tenant=other.key).total.packets == 1
    assert figures(tenant, since=now() - HOUR).total.packets == 0
    assert evaluate(reader(tenant, tenant_ids=frozenset({tenant.pk}))).total.packets == 1
    with pytest.raises(Denied):
        evaluate(reader(tenant, Role.OPERATOR))


def test_statements_do_not_grow_with_what_is_counted(tenant: Tenant, runbook: Definition) -> None:
    counts = []
    for _ in range(2):
        stopped(tenant, runbook, 4, reason=f"r{len(counts)}")
        with CaptureQueriesContext(connection) as asked:
            figures(tenant)
        counts.append(len(asked))
    assert counts == [3, 3]


def test_waves_that_stopped_in_time_are_those_of_the_whole_workspace(tenant: Tenant, runbook: Definition) -> None:
    wave = wave_rows.wave(runbook)
    for number, left in enumerate((280, 0), start=1):
        counts = {"completed": 10, "exceptions": 3, "under_way": 1, "not_attempted": left}
        more = {"rule": "reason", "reason": "x", "message": "m", "escalate_to": "y", "exceptions": []}
        WaveStop.objects.create(
            workspace=tenant.workspace, wave=wave, number=number, at=now() - HOUR, counts=counts, **more
        )
    found = figures(tenant).waves
    assert found is not None
    assert (found.waves, found.stops, found.in_time, found.spared) == (1, 2, 1, 280)
    assert figures(tenant, tenant=tenant.key).waves is None
    assert evaluate(reader(tenant, tenant_ids=frozenset({tenant.pk}))).waves is None
