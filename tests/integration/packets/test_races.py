"""Two people at the same moment, on a database that really commits: one serial winner, and never a stale approval.

``make nightly`` runs 200 of each kind, ``HANDRAIL_RACES`` as many as it says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from django.db import connection

from handrail.connectors.lane import LaneState
from handrail.kernel.errors import Conflict, HandrailError
from handrail.packets.actions import assembling, delivering, holds, releasing, votes
from handrail.packets.models import Clearance, Packet, Revision, Vote
from handrail.packets.states import CURRENT
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected, everything
from tests.lanes import rounds
from tests.unit.packets.assembly.estate import event
from tests.unit.packets.test_mask import TEXT

RACES = int(os.environ.get("HANDRAIL_RACES") or rounds(8, 200))


def at_once(*acts: Callable[[], object]) -> list[HandrailError | None]:
    """Each of ``acts`` in a thread with a connection of its own, begun together; what each was refused with."""
    barrier = Barrier(len(acts))

    def one(act: Callable[[], object]) -> HandrailError | None:
        try:
            barrier.wait(timeout=30)
            act()
        except HandrailError as refused:
            return refused
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(max_workers=len(acts)) as pool:
        return list(pool.map(one, acts))


@pytest.fixture
def desk(committed_db: str) -> Packets:
    return Installation(None, tenant="ten_a").packets


def approve(desk: Packets, revision: Revision, name: str) -> Callable[[], object]:
    who, digest = desk.person(name), str(revision.assembly.manifest_digest)
    named = {"ref": revision.packet.ref, "revision": revision.number, "digest": digest, "by": who}
    return partial(votes.approve, seen=everything(revision), **named)


def release(desk: Packets, revision: Revision, name: str) -> Callable[[], object]:
    """Releases and delivers; delivers also where somebody else released."""
    who = desk.person(name)

    def act() -> None:
        try:
            releasing.release(ref=revision.packet.ref, revision=revision.number, by=who)
        finally:
            delivering.deliver(revision_id=revision.pk, by=desk.worker)

    return act


def test_approving_against_a_new_revision_leaves_no_stale_approval(desk: Packets) -> None:
    with connected(desk):
        for _ in range(RACES):
            revision = desk.assemble()
            desk.approve(revision, "ada")
            late = {"ref": revision.packet.ref, "reason": "A late trace.", "by": desk.person("dee")}
            refused = at_once(approve(desk, revision, "ben"), partial(assembling.again, **late))
            assert refused[1] is None
            revision.refresh_from_db()
            assert revision.state == "superseded"
            voted = Vote.objects.filter(revision=revision, name="ben@example.com").exists()
            assert voted is (refused[0] is None)
            assert (revision.ended_from == "approved") is voted
            assert not Vote.objects.filter(revision=desk.newest).exists()
            desk.build(desk.newest.pk)
    assert Revision.objects.filter(state__in=CURRENT).count() == 1


def test_withdrawing_against_releasing_leaves_one_serial_outcome(desk: Packets) -> None:
    with connected(desk):
        for _ in range(RACES):
            revision = desk.assemble()
            desk.approve(revision, "ada", "ben")
            asked = {"ref": revision.packet.ref, "revision": revision.number, "reason": "Not so."}
            refused = at_once(release(desk, revision, "ada"), partial(votes.withdraw, **asked, by=desk.person("cy")))
            assert refused[1] is None
            delivering.deliver(revision_id=revision.pk, by=desk.worker)
            revision.refresh_from_db()
            assert revision.state == "withdrawn"
            state = desk.vendor.states.get(str(revision.assembly.manifest_digest), LaneState.WITHDRAWN)
            assert state is LaneState.WITHDRAWN
            assert (revision.released_at is None) is isinstance(refused[0], Conflict)
    assert desk.vendor.repeats == []


@pytest.mark.parametrize("other", ["approve", "build", "clear", "request"])
def test_discarding_against_whatever_else_leaves_one_serial_outcome(desk: Packets, other: str) -> None:
    if other == "clear":
        desk.sources.case["plan"] = "biz"
    with connected(desk):
        for _ in range(max(RACES // 2, 3)):
            asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
            revision = Revision.objects.get(pk=asked.id) if other == "build" else desk.build(asked.id)
            discarding = partial(assembling.discard, ref=asked.ref, reason="No.", by=desk.person("dee"))
            refused = at_once(discarding, against(desk, revision, other))
            last = Revision.objects.filter(packet__ref=asked.ref).order_by("-number")[0]
            assert (last.ended_cause == "discarded") is (refused[0] is None)
            if refused[0] is None:
                assert not Vote.objects.filter(revision__packet__ref=asked.ref).exists()
                assert not Revision.objects.filter(packet__ref=asked.ref, state__in=CURRENT).exists()
                for after in Packet.objects.filter(replaces__ref=asked.ref):
                    assembling.discard(ref=after.ref, reason="No.", by=desk.person("dee"))
            else:
                assert other == "approve"
                votes.withdraw(ref=asked.ref, revision=1, reason="Not so.", by=desk.person("cy"))
                break  # the case keeps this packet


def against(desk: Packets, revision: Revision, other: str) -> Callable[[], object]:
    if other == "approve":
        return approve(desk, revision, "ada")
    if other == "build":
        return partial(assembling.build, revision_id=revision.pk, by=desk.worker)
    if other == "request":
        return partial(assembling.request, profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    named = {"ref": revision.packet.ref, "revision": 1, "code": "source-conflict", "target": "tenant.plan"}
    return partial(holds.clear, **named, reason="They mean the same.", by=desk.person("eve"))


def test_two_people_approving_at_once_are_both_counted(desk: Packets) -> None:
    with connected(desk):
        for _ in range(max(RACES // 4, 2)):
            revision = desk.assemble()
            refused = at_once(*(approve(desk, revision, name) for name in ("ada", "ben", "ada")))
            assert sum(one is not None for one in refused) == 1
            revision.refresh_from_db()
            assert revision.state == "approved"


@pytest.mark.requirement("P-11")
def test_releasing_twice_at_once_delivers_once(desk: Packets) -> None:
    with connected(desk):
        for _ in range(max(RACES // 4, 2)):
            revision = desk.assemble()
            desk.approve(revision, "ada", "ben")
            refused = at_once(release(desk, revision, "ada"), release(desk, revision, "cy"))
            assert sum(one is None for one in refused) == 1
            delivering.deliver(revision_id=revision.pk, by=desk.worker)
            assert desk.vendor.states[str(revision.assembly.manifest_digest)] is LaneState.DELIVERED
    assert desk.vendor.repeats == []


def test_masking_at_once_is_one_act_and_one_revision(desk: Packets) -> None:
    with connected(desk):
        for turn in range(RACES):
            said = f"Call +49 30 90{turn:04}; the password is Winter{2026 + turn}! for now."
            desk.sources.case["timeline"].append(event("update", said))
            revision, before = desk.assemble(), Clearance.objects.count()
            told = {
                "ref": revision.packet.ref,
                "revision": revision.number,
                "targets": [TEXT],
                "reason": "Not for them.",
            }
            refused = at_once(
                partial(holds.mask, code="secret-in-text", by=desk.person("cy"), **told),
                partial(holds.mask, code="secret-in-text", by=desk.person("ben"), **told),
                partial(holds.mask, code="personal-data-in-text", by=desk.person("ben"), **told),
            )
            assert sum(one is None for one in refused) == 1
            assert Clearance.objects.count() == before + 1
            desk.build(desk.newest.pk)
    assert Revision.objects.filter(state__in=CURRENT).count() == 1
