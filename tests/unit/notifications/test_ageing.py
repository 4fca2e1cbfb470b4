"""An exception packet that nobody takes goes on to the next channel, then to the next responder."""

from __future__ import annotations

from datetime import timedelta

from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.notifications.models import Reminder
from handrail.runbooks.models import ExceptionPacket
from tests.factories.notified import Room, due_now, notified, responder, waiting, work
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard
from tests.unit.notifications.conftest import stop


def later() -> None:
    """The time of every reminder has come, and what it writes leaves."""
    Reminder.objects.update(due_at=now() - timedelta(seconds=1))
    work()
    due_now()
    work()


def steps() -> list[dict[str, object]]:
    rows = AuditEvent.objects.filter(event=EventName.EXCEPTION_NOT_TAKEN).order_by("pk")
    return [{key: row.context.get(key) for key in ("to", "step", "handed_on")} for row in rows]


def test_it_goes_from_channel_to_channel_and_on_to_the_next_responder(estate: Runs, board: SwitchBoard) -> None:
    pager, mail, chief, last = Room(), Room(), Room(), Room()
    on_call = responder("on-call", {("pager", 0.0): pager, ("mail", 600.0): mail}, take_within=1800, following="chief")
    head = responder("chief", {("phone", 0.0): chief, ("desk", 900.0): last}, take_within=1200)
    with notified(on_call, head):
        stop(estate, board)
        work()
        assert [room.calls for room in (pager, mail, chief, last)] == [1, 0, 0, 0]
        later()
        assert [room.calls for room in (pager, mail, chief, last)] == [1, 1, 0, 0]
        later()
        assert [room.calls for room in (pager, mail, chief, last)] == [1, 1, 1, 0]
        later()
        assert [room.calls for room in (pager, mail, chief, last)] == [1, 1, 1, 1]
        for _ in range(3):
            later()
    assert [room.calls for room in (pager, mail, chief, last)] == [1, 1, 1, 1]
    assert steps() == [
        {"to": "on-call", "step": 0, "handed_on": None},
        {"to": "chief", "step": 0, "handed_on": True},
        {"to": "chief", "step": 0, "handed_on": None},
        {"to": "chief", "step": 1, "handed_on": None},
    ]
    assert waiting() == (0, 0, 0)


def test_who_takes_it_ends_the_reminders(estate: Runs, board: SwitchBoard) -> None:
    mail = Room()
    with notified(responder("on-call", {("pager", 0.0): Room(), ("mail", 600.0): mail})):
        ref = stop(estate, board)
        work()
        ExceptionPacket.objects.filter(ref=ref).update(handling="taken", taken_by="lee@example.com", taken_at=now())
        later()
    assert mail.calls == 0
    assert steps() == []
    assert waiting() == (0, 0, 0)


def test_responders_that_hand_on_to_each_other_come_to_an_end(estate: Runs, board: SwitchBoard) -> None:
    rooms = {"on-call": Room(), "chief": Room()}
    one = responder("on-call", {"pager": rooms["on-call"]}, take_within=60, following="chief")
    two = responder("chief", {"phone": rooms["chief"]}, take_within=60, following="on-call")
    with notified(one, two):
        stop(estate, board)
        work()
        for _ in range(20):
            later()
    assert sum(room.calls for room in rooms.values()) <= 12
    assert waiting() == (0, 0, 0)


def test_a_responder_that_is_gone_ends_its_reminders(estate: Runs, board: SwitchBoard) -> None:
    with notified(responder("on-call", {("pager", 0.0): Room(), ("mail", 600.0): Room()})):
        stop(estate, board)
        work()
    with notified(responder("somebody-else", {"pager": Room()})):
        later()
    assert waiting() == (0, 0, 0)
