"""The sources of a stopped run, read once more for a person and kept beside what its exception packet holds."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from handrail.access.capabilities import Capability
from handrail.audit.models import AuditEvent
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import ReadFailed, Reading
from handrail.kernel.clock import now
from handrail.kernel.errors import Denied, HandrailError, NotFound
from handrail.runbooks import timing
from handrail.runbooks.actions import brakes, exceptions, rereading
from handrail.runbooks.models import ExceptionPacket, Rereading
from handrail.runbooks.queries.exceptions import get_exception
from handrail.runbooks.queries.rereadings import ReadAgain, Reread
from handrail.runbooks.states import BrakeKind
from handrail.runbooks.timing import Timing
from tests.factories import rows
from tests.factories.changes import NARROW, PANEL, senior, world
from tests.factories.log import superuser
from tests.factories.people import as_person
from tests.factories.runs import Runs
from tests.factories.switches import ODD, BoardConnector, SwitchBoard

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R2-18")]

MORE = """  marks:
    connector: board
    get: "/switches/{task.switch_id}"
    extract: {state: string}
prerequisites:"""
TWO_READS = PANEL.replace("prerequisites:", MORE)


def stopped(estate: Runs, board: SwitchBoard) -> ExceptionPacket:
    board.script = [ODD]
    return ExceptionPacket.objects.get(run=estate.advance(estate.start()))


def read(estate: Runs, packet: ExceptionPacket) -> Reread:
    rereading.read_again(ref=packet.ref, by=senior(estate))
    found = get_exception(senior(estate), packet.ref).reread
    assert found is not None
    return found


def by_name(found: Reread) -> dict[str, ReadAgain]:
    return {one.name: one for one in found.rows}


def test_what_is_there_now_stands_beside_before_and_what_the_packet_holds() -> None:
    with world() as (estate, board, _):
        packet = stopped(estate, board)
        board.switches["s1"].update(state="stuck", marker="seen")
        found = read(estate, packet)
        state = by_name(found)["switch.state"]
        assert (state.before, state.packet, state.now, state.differs) == ("off", "on", "stuck", True)
        assert state.required == ['switch.state == "on"']
        fuse = by_name(found)["switch.fuse"]
        assert (fuse.before, fuse.now, fuse.differs) == ("ok", "ok", False)
        assert [one.differs for one in found.rows] == sorted((one.differs for one in found.rows), reverse=True)
        assert (found.by, found.unread, found.earlier) == ("senior@example.com", {}, 0)
        (event,) = AuditEvent.objects.filter(event="exception.read_again")
        assert (event.subject, event.context["read"], event.context["unread"]) == (packet.ref, 1, 0)


def test_nothing_is_kept_but_what_the_packet_may_carry() -> None:
    with world(NARROW) as (estate, board, _):
        packet = stopped(estate, board)
        board.switches["s1"].update(state="off", fuse="canary-1", owner="canary-2")
        found = read(estate, packet)
        row = Rereading.objects.get()
        assert row.values == {"switch.state": "off"}
        assert "canary" not in str([row.values, row.evidence, row.withheld, row.differing, row.unread])
        fuse = by_name(found)["switch.fuse"]
        assert (fuse.withheld, fuse.differs, fuse.now, fuse.packet) == (True, True, None, None)


def test_of_a_stop_before_anything_was_sent_the_copied_fields_stand_beside() -> None:
    with world() as (estate, board, _):
        board.switches["s1"]["fuse"] = "sealed"
        packet = ExceptionPacket.objects.get(run=estate.advance(estate.start()))
        board.switches["s1"]["fuse"] = "ok"
        fuse = by_name(read(estate, packet))["switch.fuse"]
        assert (fuse.before, fuse.packet, fuse.now, fuse.differs) == (None, "sealed", "ok", True)


def test_read_that_fails_is_named_and_the_others_are_made() -> None:
    with world(TWO_READS) as (estate, board, connectors):
        packet = stopped(estate, board)

        class Fails(BoardConnector):
            def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
                raise ReadFailed("panel: the answer is part of the whole", status=206, retryable=False)

        connectors["panel"] = Fails(board, name="panel")
        found = read(estate, packet)
        assert found.unread == {"switch": "panel: the answer is part of the whole"}
        assert set(by_name(found)) >= {"switch.state"}
        assert Rereading.objects.get().withheld == ["marks.state"]


def test_where_none_can_be_read_that_is_kept_and_the_event_says_failed() -> None:
    with world() as (estate, board, connectors):
        packet = stopped(estate, board)
        del connectors["panel"]
        assert list(read(estate, packet).unread) == ["switch"]
        (event,) = AuditEvent.objects.filter(event="exception.read_again")
        assert event.outcome == "failed"


def test_answer_that_is_not_as_declared_is_named() -> None:
    with world() as (estate, board, _):
        packet = stopped(estate, board)
        del board.switches["s1"]["fuse"]
        assert "fuse" in read(estate, packet).unread["switch"]


def test_none_is_begun_once_the_time_is_over() -> None:
    with world(TWO_READS) as (estate, board, _), timing.use(Timing(survey_seconds=0)):
        packet = stopped(estate, board)
        found = read(estate, packet)
        assert found.unread == {"marks": rereading.NO_TIME}
        assert by_name(found)["switch.state"].now == "on"


def test_paused_connector_is_not_asked() -> None:
    with world(TWO_READS) as (estate, board, _):
        packet, who = stopped(estate, board), senior(estate)
        brakes.pause(kind=BrakeKind.CONNECTOR, target="panel", reason="Upgrade.", by=who)
        found = read(estate, packet)
        assert found.unread == {"switch": rereading.PAUSED}


def test_brake_on_everything_keeps_nobody_from_looking() -> None:
    with world() as (estate, board, _):
        packet, who = stopped(estate, board), senior(estate)
        brakes.pause(kind=BrakeKind.EVERYTHING, reason="Looking.", by=who)
        assert read(estate, packet).unread == {}


def refused(estate: Runs, packet: ExceptionPacket) -> str:
    with pytest.raises(HandrailError) as caught:
        rereading.read_again(ref=packet.ref, by=senior(estate))
    return caught.value.code


def test_closed_tenant_is_not_read() -> None:
    with world() as (estate, board, _):
        packet = stopped(estate, board)
        estate.tenant.closed_at, estate.tenant.closed_by, estate.tenant.closed_reason = now(), "x", "Gone."
        estate.tenant.save()
        assert refused(estate, packet) == "tenant-closed"
        assert not Rereading.objects.exists()


def test_definition_that_can_not_be_read_is_said() -> None:
    with world() as (estate, board, _):
        packet = stopped(estate, board)
        with superuser("definitions_definition"), connection.cursor() as cursor:
            cursor.execute("UPDATE definitions_definition SET text = 'nothing'")
        assert refused(estate, packet) == "definition-unreadable"


def test_resolved_packet_is_not_read_nor_one_that_is_resolved_meanwhile() -> None:
    with world() as (estate, board, connectors):
        packet, who = stopped(estate, board), senior(estate)
        exceptions.take(ref=packet.ref, by=who)

        class Resolves(BoardConnector):
            def read(self, operation: Operation, *, deadline_seconds: float | None = None) -> Reading:
                exceptions.resolve(ref=packet.ref, outcome="other", note="Done.", by=who)
                return super().read(operation, deadline_seconds=deadline_seconds)

        connectors["panel"] = Resolves(board, name="panel")
        assert refused(estate, packet) == "exception-resolved"
        assert refused(estate, packet) == "exception-resolved"
        assert not Rereading.objects.exists()


def test_no_more_than_a_hundred_of_one_packet(monkeypatch: pytest.MonkeyPatch) -> None:
    with world() as (estate, board, _):
        packet = stopped(estate, board)
        monkeypatch.setattr(rereading, "REREADINGS_LIMIT", 1)
        assert read(estate, packet).earlier == 0
        assert refused(estate, packet) == "reading-limit"


def test_only_who_may_take_it_over_within_scope() -> None:
    with world() as (estate, board, _):
        packet, who = stopped(estate, board), senior(estate)
        with pytest.raises(Denied):
            rereading.read_again(
                ref=packet.ref, by=as_person(who, capabilities=who.capabilities - {Capability.EXCEPTION_TAKE})
            )
        with pytest.raises(NotFound):
            rereading.read_again(
                ref=packet.ref, by=as_person(who, tenant_ids=frozenset({rows.tenant(estate.workspace).pk}))
            )
        with pytest.raises(Denied, match="Only a person"):
            rereading.read_again(ref=packet.ref, by=estate.worker)


@pytest.mark.parametrize("change", ["values = '{}'", "by = 'x'"])
def test_database_refuses_changes(change: str) -> None:
    with world() as (estate, board, _):
        read(estate, stopped(estate, board))
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f'UPDATE runbooks_rereading SET "{change.split(maxsplit=1)[0]}" {change.split(" ", 1)[1]}')
