"""Messages: once by each channel, or said to be unknown, and never silently lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent, Outbox
from handrail.kernel.clock import now
from handrail.notifications import leases
from handrail.notifications.models import ChannelDelivery, Notification
from tests.factories.notified import (
    LATER,
    OK,
    REFUSED,
    UNKNOWN,
    Killed,
    Room,
    due_now,
    notified,
    responder,
    waiting,
    work,
)
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard
from tests.unit.notifications.conftest import stop


def outcomes() -> dict[str, str]:
    return dict(ChannelDelivery.objects.values_list("channel", "outcome"))


def test_a_stop_is_told_once_by_each_channel_with_a_link_to_the_packet(estate: Runs, board: SwitchBoard) -> None:
    pager, mail = Room(), Room()
    with notified(responder("on-call", {"pager": pager, "mail": mail})):
        ref = stop(estate, board)
        assert Outbox.objects.count() == 1
        work()
        assert work() == 0
    assert [len(room.taken) for room in (pager, mail)] == [1, 1]
    message = pager.taken[0]
    assert message.link == f"https://handrail.example.com/admin/exceptions/{ref}"
    assert ref in message.title
    assert "flip-switch" in message.title
    assert pager.taken[0].key != mail.taken[0].key
    assert outcomes() == {"pager": "delivered", "mail": "delivered"}


def test_a_run_that_completes_tells_nobody(estate: Runs, board: SwitchBoard) -> None:
    with notified(responder("on-call", {"pager": Room()})):
        run = estate.advance(estate.start())
        assert run.state == "completed"
    assert waiting() == (0, 0, 0)
    assert not Notification.objects.exists()


@pytest.mark.parametrize("turn", ["killed before", "killed after"])
def test_killed_between_intent_and_answer_is_unknown_where_a_repeat_is_not_told_apart(
    estate: Runs, board: SwitchBoard, turn: str
) -> None:
    room = Room(script=[turn])
    with notified(responder("on-call", {"mail": room})):
        stop(estate, board)
        with pytest.raises(Killed):
            work()
        due_now()
        work()
    assert room.calls == 1
    assert outcomes() == {"mail": "unknown"}
    assert AuditEvent.objects.filter(event=EventName.NOTIFICATION_STOPPED).count() == 1


@pytest.mark.parametrize("turn", ["killed before", "killed after"])
def test_killed_between_intent_and_answer_is_sent_again_under_the_same_key(
    estate: Runs, board: SwitchBoard, turn: str
) -> None:
    room = Room(repeatable=True, script=[turn])
    with notified(responder("on-call", {"webhook": room})):
        stop(estate, board)
        with pytest.raises(Killed):
            work()
        due_now()
        work()
    assert room.calls == 2
    assert len(room.taken) == 1
    assert outcomes() == {"webhook": "delivered"}


def test_a_channel_that_can_be_asked_is_asked_after_a_lost_answer(estate: Runs, board: SwitchBoard) -> None:
    room = Room(askable=True, script=["killed after"])
    with notified(responder("on-call", {"desk": room})):
        stop(estate, board)
        with pytest.raises(Killed):
            work()
        due_now()
        work()
    assert room.calls == 1
    assert ChannelDelivery.objects.get().receipt == ChannelDelivery.objects.get().ref
    assert outcomes() == {"desk": "delivered"}


def test_what_is_turned_away_is_tried_again_and_ends_with_the_window(estate: Runs, board: SwitchBoard) -> None:
    room = Room(script=[LATER] * 50)
    with notified(responder("on-call", {"mail": room})) as configured:
        stop(estate, board)
        for _ in range(50):
            due_now()
            work()
            if not waiting()[1]:
                break
            ChannelDelivery.objects.update(tried_until="2020-01-01T00:00:00Z") if room.calls == 5 else None
    assert configured.settings.tried_seconds == 6 * 3600
    assert room.calls == 5
    assert outcomes() == {"mail": "failed"}
    assert ChannelDelivery.objects.get().failure == "it answered with status 503"


@pytest.mark.parametrize("first", [REFUSED, UNKNOWN], ids=["refused", "unknown"])
def test_the_next_channel_is_told_when_the_first_does_not_have_it(
    estate: Runs, board: SwitchBoard, first: object
) -> None:
    pager, mail = Room(script=[first]), Room()  # type: ignore[list-item]
    with notified(responder("on-call", {("pager", 0.0): pager, ("mail", 600.0): mail})):
        stop(estate, board)
        work()
    assert [room.calls for room in (pager, mail)] == [1, 1]
    assert outcomes()["mail"] == "delivered"


def test_the_next_responder_is_told_when_no_channel_has_it(estate: Runs, board: SwitchBoard) -> None:
    pager, chief = Room(script=[REFUSED]), Room()
    with notified(responder("on-call", {"pager": pager}, following="chief"), responder("chief", {"mail": chief})):
        stop(estate, board)
        work()
    assert len(chief.taken) == 1
    assert set(Notification.objects.values_list("recipient", flat=True)) == {"on-call", "chief"}


def test_a_responder_that_is_not_configured_is_said_so(estate: Runs, board: SwitchBoard) -> None:
    with notified(responder("somebody-else", {"pager": Room()})):
        ref = stop(estate, board)
        work()
    row = ChannelDelivery.objects.get()
    assert (row.channel, row.outcome) == ("", "dropped")
    assert "on-call" in row.failure
    event = AuditEvent.objects.get(event=EventName.NOTIFICATION_STOPPED)
    assert event.context["about"] == ref


def test_a_channel_that_is_gone_while_its_message_waits_is_said_so(estate: Runs, board: SwitchBoard) -> None:
    with notified(responder("on-call", {"pager": Room(script=[LATER])})):
        stop(estate, board)
        work()
    mail = Room()
    with notified(responder("on-call", {"mail": mail})):
        due_now()
        work()
    assert outcomes() == {"pager": "dropped", "mail": "delivered"}


def test_like_ones_are_one_message(estate: Runs, board: SwitchBoard) -> None:
    room = Room()
    with notified(responder("on-call", {"mail": room}), gather=60):
        refs = [stop(estate, board, switch=f"s{number}") for number in range(1, 21)]
        work()
        assert room.calls == 0  # it waits for like ones
        due_now()
        work()
    (message,) = room.taken
    assert message.title.startswith("20 messages: ")
    assert len(message.events) == 20
    assert message.values == {}
    assert {event["subject"] for event in message.events} == set(refs)


def test_further_like_ones_are_told_together_and_not_at_once(estate: Runs, board: SwitchBoard) -> None:
    room = Room()
    with notified(responder("on-call", {"mail": room}), digest=300):
        stop(estate, board, switch="s1")
        work()
        for number in range(2, 6):
            stop(estate, board, switch=f"s{number}")
        work()
        assert len(room.taken) == 1
        due_now()
        work()
    assert [len(message.events) for message in room.taken] == [1, 4]


def test_the_work_is_done_once_by_several_who_look(estate: Runs, board: SwitchBoard) -> None:
    room = Room()
    with notified(responder("on-call", {"mail": room})):
        stop(estate, board)
        work()
        due_now()
        for _ in range(3):
            work()
    assert room.calls == 1


def test_worker_is_given_no_message_twice_while_it_is_at_it(estate: Runs, board: SwitchBoard) -> None:
    seen: list[int] = []

    class Slow(Room):
        def send(self, message: object) -> object:  # type: ignore[override]
            seen.append(work())
            return OK

    with notified(responder("on-call", {"mail": Slow()})):
        stop(estate, board)
        work()
    assert seen == [0]


def test_an_owner_with_a_long_name_keeps_nobody_from_being_told(estate: Runs, board: SwitchBoard) -> None:
    """A runbook that can't be followed escalates to its owner, who may be called more than a responder."""
    with notified(responder("on-call", {"pager": Room()})):
        named = {"escalate_to": "Identity and Access Engineering, " * 3, "exceptions": 1}
        record(EventName.WAVE_STOPPED, by=estate.worker, subject_kind="wave", subject="WAV-1", **named)
        work()
    assert Outbox.objects.count() == 0
    assert ChannelDelivery.objects.get().failure.startswith("No responder called Identity")


def test_what_reached_nobody_is_counted_for_a_week(estate: Runs, board: SwitchBoard) -> None:
    """Who has left can't be told any more: an alert about that must end."""
    with notified(responder("on-call", {"pager": Room(script=[REFUSED])})):
        stop(estate, board)
        work()
    assert leases.counts()[2] == 1
    Notification.objects.update(at=now() - timedelta(days=8))
    assert leases.counts()[2] == 0
