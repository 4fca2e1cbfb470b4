"""A delivery ledger is read one way: worker, page, API, command line and metrics agree about each that can be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from handrail.cli import packetview
from handrail.kernel.clock import now
from handrail.packets import leases, metrics, queries
from handrail.packets.actions.delivering import MOVES
from handrail.packets.ledger import DeliveryRow
from handrail.packets.models import DeliveryEntry, Revision
from handrail.packets.states import ASIDE, MOVING, RESULTS, UNDELIVERED, DeliveryEventKind, DeliveryState
from handrail.packets.status import DeliveryPhase, fold
from handrail.web.packets import packet_view
from tests.factories.packets import Packets
from tests.factories.people import secret_of
from tests.lanes import rounds

K = DeliveryEventKind
LENGTH = rounds(9, 11)
# What a worker or a person may add next, by what the worker has to do.
FOLLOWS: dict[DeliveryPhase, tuple[tuple[DeliveryEventKind, ...], ...]] = {
    DeliveryPhase.SEND: ((K.INTENT,), (K.RECALL,)),
    DeliveryPhase.IN_FLIGHT: (*((result,) for result in sorted(RESULTS)), (K.RECALL,)),
    DeliveryPhase.ASK: ((K.ABSENT,), (K.RECEIPT,), (K.GIVEN_UP,), (K.RECALL,)),
    DeliveryPhase.POLL: ((K.ABSENT,), (K.RECEIPT,), (K.CONSUMED,), (K.GIVEN_UP,), (K.RECALL,)),
    DeliveryPhase.REFUSED: ((K.RECALL,),),
    DeliveryPhase.RECALL: ((K.NEVER_DELIVERED,), (K.WITHDRAWN,), (K.GIVEN_UP,), (K.CONSUMED, K.NOTICED), (K.NOTICED,)),
    DeliveryPhase.DONE: ((K.RECALL,),),
}
# Which states people may see while the worker has this to do.
SEEN: dict[DeliveryPhase, frozenset[DeliveryState]] = {
    DeliveryPhase.SEND: frozenset({DeliveryState.SENDING}),
    DeliveryPhase.IN_FLIGHT: frozenset({DeliveryState.SENDING, DeliveryState.RECALLING}),
    DeliveryPhase.ASK: frozenset({DeliveryState.UNKNOWN}),
    DeliveryPhase.POLL: frozenset({DeliveryState.DELIVERED}),
    DeliveryPhase.REFUSED: frozenset({DeliveryState.REFUSED}),
    DeliveryPhase.RECALL: frozenset({DeliveryState.RECALLING}),
    DeliveryPhase.DONE: frozenset(DeliveryState) - MOVING - {DeliveryState.REFUSED},
}


def ledger(kinds: Sequence[DeliveryEventKind]) -> list[DeliveryRow]:
    """The rows; each result answers the last intent before it."""
    rows: list[DeliveryRow] = []
    intent = None
    for sequence, kind in enumerate(kinds, start=1):
        intent = sequence if kind is K.INTENT else intent
        at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=sequence)
        rows.append(DeliveryRow(sequence, kind, intent if kind in RESULTS else None, at, "w", None, {}))
    return rows


def released_with(desk: Packets, kinds: Sequence[DeliveryEventKind]) -> Revision:
    """A released revision whose delivery ledger is ``kinds``; its release has written the first row."""
    revision = desk.released()
    for row in ledger(kinds)[1:]:
        DeliveryEntry.objects.create(
            workspace=desk.workspace,
            tenant=desk.tenant,
            revision=revision,
            sequence=row.sequence,
            kind=row.kind,
            intent=row.intent,
            at=now(),
            worker="w",
        )
    return revision


def permitted(length: int) -> Iterator[tuple[DeliveryEventKind, ...]]:
    """Every ledger of up to ``length`` rows that workers and people can make."""
    waiting: list[tuple[DeliveryEventKind, ...]] = [(K.RELEASED,)]
    while waiting:
        kinds = waiting.pop()
        yield kinds
        if len(kinds) >= length:
            continue
        phase = fold(ledger(kinds)).phase
        ended = K.RECALL in kinds  # a person takes something back once, and nothing follows the end of that
        for following in () if phase is DeliveryPhase.DONE and ended else FOLLOWS[phase]:
            if not (ended and following == (K.RECALL,)):
                waiting.append(kinds + following)


def test_every_ledger_that_can_be_shows_people_what_its_worker_goes_by() -> None:
    ledgers = list(permitted(LENGTH))
    assert len(ledgers) > 1000
    reached = set()
    for kinds in ledgers:
        status = fold(ledger(kinds))
        reached.add(status.state)
        assert status.state in SEEN[status.phase], kinds
        assert (status.state in MOVING) is (status.phase in MOVES), kinds
    assert reached == set(DeliveryState)


def test_ledgers_that_nobody_can_write_are_read_without_contradiction_too() -> None:
    for length in range(rounds(4, 5)):
        for kinds in itertools.product(DeliveryEventKind, repeat=length):
            status = fold(ledger(kinds))
            assert status.state in SEEN[status.phase], kinds
            assert (status.state in MOVING) is (status.phase in MOVES), kinds


def test_what_is_said_about_a_delivery_moves_it_nowhere() -> None:
    """Replies, recalls that were signed and readings of sources stand between any two rows of any ledger."""
    for kinds in itertools.islice(permitted(LENGTH), 0, None, rounds(7, 1)):
        said = tuple(one for kind in kinds for one in (kind, *sorted(ASIDE)))
        before, after = fold(ledger(kinds)), fold(ledger(said))
        assert (after.phase, after.state, after.attempts) == (before.phase, before.state, before.attempts), kinds
        assert after.step is not None
        assert after.step.kind not in ASIDE


@pytest.mark.parametrize("before", [(K.RECEIPT,), (K.UNKNOWN,)], ids=["received", "unknown"])
def test_recall_after_the_lane_gave_it_up_is_shown_as_a_recall(before: tuple[DeliveryEventKind, ...]) -> None:
    """The page said *given up* for as long as a worker was recalling it."""
    status = fold(ledger((K.RELEASED, K.INTENT, *before, K.GIVEN_UP, K.RECALL)))
    assert (status.phase, status.state) == (DeliveryPhase.RECALL, DeliveryState.RECALLING)


# The shortest ledger of each state.
EXAMPLES = {
    fold(ledger(kinds)).state: kinds for kinds in sorted(permitted(7), key=lambda one: (-len(one), [*map(str, one)]))
}


@pytest.mark.parametrize("state", list(DeliveryState))
def test_page_api_command_line_and_metrics_show_the_same(
    desk: Packets, state: DeliveryState, capsys: pytest.CaptureFixture[str]
) -> None:
    revision = released_with(desk, EXAMPLES[state])
    who, ref = desk.person("ada"), revision.packet.ref
    found = queries.get_packet(who, ref)
    assert found.delivery is not None
    assert found.delivery.state == state
    assert packet_view.DELIVERIES[state] in desk_page(desk, ref)
    client = Client(headers={"authorization": f"Bearer {secret_of('ada@example.com', desk.workspace.pk)}"})
    assert client.get(f"/api/v1/packets/{ref}").json()["delivery"]["state"] == state
    packetview.show(found)
    assert f"Delivery: {state}" in capsys.readouterr().out
    assert leases.deliveries() == [state]
    told = {one.name: one.values for one in metrics.read()}
    assert told["handrail_packet_deliveries"][state.value] == 1
    assert list(told["handrail_packets_undelivered"].values()) == [float(state in UNDELIVERED)]


def desk_page(desk: Packets, ref: str) -> str:
    client = Client()
    client.force_login(desk.people["ada"], backend="allauth.account.auth_backends.AuthenticationBackend")
    return client.get(f"/admin/packets/{ref}").content.decode()


def test_lane_that_never_confirms_a_recall_of_what_was_opened_is_told_so(desk: Packets) -> None:
    revision = released_with(desk, (K.RELEASED, K.INTENT, K.RECEIPT, K.CONSUMED, K.RECALL, K.GIVEN_UP))
    Revision.objects.filter(pk=revision.pk).update(consumed_at=now())
    assert "The vendor has opened it, and the lane did not confirm" in desk_page(desk, revision.packet.ref)
