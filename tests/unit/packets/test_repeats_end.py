"""Nothing about a revision is repeated without an end: a lane that never answers, sources that can't be read."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta, tzinfo

import pytest

from handrail.audit.models import AuditEvent
from handrail.connectors import lane as lanes
from handrail.connectors.lane import ErrorKind, LaneFailed
from handrail.kernel import clock
from handrail.kernel.errors import Conflict, Misconfigured
from handrail.packets import leases, ledger, metrics, settings
from handrail.packets.actions import assembling, delivering
from handrail.packets.models import Revision
from tests.factories.packets import Packets

DAY = timedelta(days=1)
RARELY = timedelta(hours=6)


class Time:
    """The one clock, which can be moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gone = timedelta()
        time = self

        class Moved(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + time.gone

        monkeypatch.setattr(clock, "datetime", Moved)


def rarely() -> AbstractContextManager[object]:
    """The settings of production, but for longer waits: the test makes each attempt."""
    known = settings.current()
    return settings.use(
        settings.PacketSettings(known.blobs, known.signing_key, retry_ceiling=RARELY, poll_every=RARELY)
    )


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def deliveries(desk: Packets, revision: Revision, time: Time, *, days: int) -> int:
    """How often a worker acts on it, if it does whenever it is due."""
    count, until = 0, clock.now() + days * DAY
    while revision.due_at is not None and revision.due_at < until:
        time.gone += max(revision.due_at - clock.now(), timedelta())
        desk.deliver(revision)
        count += 1
    return count


def broken(kind: str) -> Exception:
    return {"lane": LaneFailed("It fails.", ErrorKind.BUSY), "bug": ArithmeticError()}[kind]


@pytest.mark.parametrize("kind", ["lane", "bug"])
@pytest.mark.parametrize("delivered", [False, True])
def test_lane_that_never_answers_is_asked_rarely_and_for_a_bounded_time(
    desk: Packets, time: Time, monkeypatch: pytest.MonkeyPatch, kind: str, delivered: bool
) -> None:
    revision = desk.released()
    if delivered:
        desk.deliver(revision)

    def fail(*_: object) -> None:
        raise broken(kind)

    for name in ("deliver", "status", "withdraw"):
        monkeypatch.setattr(desk.vendor, name, fail)
    days = (revision.assembly.expires_at - clock.now()).days + 16
    with rarely():
        count = deliveries(desk, revision, time, days=400)
    assert revision.state == "withdrawn"
    assert revision.due_at is None
    assert 0 < count <= days * 4 + 40  # every six hours, after some at the beginning
    assert leases.claim_revisions(9) == []


def test_lane_that_is_not_configured_any_more_lets_its_packet_expire_and_end(desk: Packets, time: Time) -> None:
    revision = desk.released()
    desk.deliver(revision)
    with (
        lanes.use(lanes.Lanes({})),
        rarely(),
    ):
        with pytest.raises(Misconfigured):
            lanes.get(revision.packet.lane)
        deliveries(desk, revision, time, days=400)
    assert (revision.state, revision.due_at) == ("withdrawn", None)
    event = AuditEvent.objects.get(event="packet.given_up")
    assert event.context["lane_state"] == "no-answer"
    assert delivering.fold(ledger.rows_of(revision.pk)).state == "given-up"


@pytest.mark.parametrize("kind", ["known", "bug"])
def test_revision_that_can_not_be_assembled_stops_and_can_be_asked_for_again(
    desk: Packets, time: Time, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Misconfigured("No store is configured.") if kind == "known" else ArithmeticError

    with monkeypatch.context() as patched:
        patched.setattr(assembling.drift, "gather", fail)
        asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
        revision = Revision.objects.get(pk=asked.id)
        with rarely():
            count = 0
            while revision.due_at is not None and count < 5000:
                time.gone += max(revision.due_at - clock.now(), timedelta())
                assembling.advance(revision_id=revision.pk, by=desk.worker)
                revision.refresh_from_db()
                count += 1
    assert revision.due_at is None
    assert 20 < count < 60  # every six hours for seven days, after some at the beginning
    assert revision.failure.endswith("This is not tried any more: assemble the packet again.")
    assert AuditEvent.objects.filter(event="packet.assembly_stopped").count() == 1
    assert {m.name: m.values for m in metrics.read()}["handrail_packet_revisions_stopped"] == {"": 1}
    assert leases.claim_revisions(9) == []
    again = assembling.again(ref=asked.ref, reason="The store is there.", by=desk.person("dee"))
    assert again.revision == 2
    with pytest.raises(Conflict):
        assembling.again(ref=asked.ref, reason="Once more.", by=desk.person("dee"))


def test_revision_whose_workers_are_killed_stops(desk: Packets, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_killed(*_: object, **__: object) -> None:
        raise SystemExit  # passes every handler, as the end of a process does

    monkeypatch.setattr(assembling.drift, "gather", is_killed)
    asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    revision = Revision.objects.get(pk=asked.id)
    known, killed = settings.current(), 0
    with settings.use(settings.PacketSettings(known.blobs, known.signing_key, assembly_lease=RARELY)):
        while revision.due_at is not None and killed < 1000:
            time.gone += max(revision.due_at - clock.now(), timedelta())
            try:
                assembling.advance(revision_id=revision.pk, by=desk.worker)
            except SystemExit:
                killed += 1
            revision.refresh_from_db()
    assert 28 <= killed <= 34  # every six hours, the length of its lease, for eight days
    assert revision.failure.startswith("No attempt has come to its end")
    assert AuditEvent.objects.filter(event="packet.assembly_stopped").count() == 1
    assert leases.claim_revisions(9) == []
