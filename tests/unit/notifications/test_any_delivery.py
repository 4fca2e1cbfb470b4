"""Whatever channels answer, workers do and configuration becomes, in any order: each channel has a message once, or it
is said that this is not known; and nothing is silently lost."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent, Outbox
from handrail.kernel.clock import now
from handrail.notifications.models import ChannelDelivery, Notification, Reminder
from tests.factories.notified import LATER, OK, REFUSED, UNKNOWN, Killed, Room, due_now, notified, responder, work
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard
from tests.lanes import NIGHTLY
from tests.unit.notifications.conftest import stop

TURNS = st.sampled_from([OK, LATER, REFUSED, UNKNOWN, "killed before", "killed after"])
ROOMS = st.tuples(st.booleans(), st.booleans(), st.lists(TURNS, max_size=4))  # repeatable, askable, script
STEPS = st.sampled_from(["work", "time", "gone", "back"])
number = iter(range(1, 10_000))


@settings(
    max_examples=100 if NIGHTLY else 8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(rooms=[(True, False, ["killed after", REFUSED])], steps=[])
@example(rooms=[(True, False, ["killed after", LATER, REFUSED])], steps=[])
@given(rooms=st.lists(ROOMS, min_size=1, max_size=3), steps=st.lists(STEPS, max_size=6))
def test_once_or_unknown_and_never_lost(
    estate: Runs, board: SwitchBoard, rooms: list[tuple[bool, bool, list[object]]], steps: list[str]
) -> None:
    key = next(number)
    board.add(f"any-{key}", owner=estate.tenant.key)
    opened = {
        (f"room-{place}", 60.0 * place): Room(repeatable=repeatable, askable=askable, script=list(script))  # type: ignore[arg-type]
        for place, (repeatable, askable, script) in enumerate(rooms)
    }
    there, gone = responder("on-call", opened), responder("somebody-else", {"pager": Room()})
    Notification.objects.filter(closed_at=None).update(closed_at=now())
    before = set(ChannelDelivery.objects.values_list("pk", flat=True))
    Reminder.objects.all().delete()
    with notified(there, digest=0):
        stop(estate, board, switch=f"any-{key}", key=f"ANY-{key}")
        live()
    is_gone = False
    for step in steps:
        is_gone = {"gone": True, "back": False}.get(step, is_gone)
        with notified(gone if is_gone else there, digest=0):
            if step == "time":
                due_now()
            live()
    with notified(there, digest=0):
        for _ in range(30):
            due_now()
            live()
        Reminder.objects.all().delete()
    mine = ChannelDelivery.objects.exclude(pk__in=before)
    assert Outbox.objects.count() == 0
    assert not mine.filter(outcome="waiting").exists()
    assert mine.exists()
    for row in mine:
        room = next((room for (name, _), room in opened.items() if name == row.channel), None)
        has = 0 if room is None else len([one for one in room.taken if one.key == row.ref])
        if row.outcome == "delivered":
            assert has == 1
        elif row.outcome == "unknown":
            assert has <= 1
        else:
            assert (row.outcome in {"failed", "dropped"}, has) == (True, 0) or row.outcome == "dropped"
        if row.outcome != "delivered":
            assert row.failure
            stopped = AuditEvent.objects.filter(event=EventName.NOTIFICATION_STOPPED, subject=row.ref)
            assert stopped.count() == 1


def live() -> None:
    """A worker works; when it is killed, another goes on."""
    for _ in range(20):
        try:
            work()
        except Killed:
            continue
        return
    pytest.fail("workers are killed for ever")
