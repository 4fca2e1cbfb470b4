"""Whoever writes late loses: each write of a packet names what it goes by; one that goes by what is over is void."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError

import handrail.packets
from handrail.access.subjects import KeyKind
from handrail.connectors import lane as lanes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, HandrailError, Stale
from handrail.packets import claims, ledger, moves, seen
from handrail.packets.actions import assembling, delivering, forgetting, holds, redacting, releasing, votes, watching
from handrail.packets.ledger import DeliveryLease, NewDeliveryRow
from handrail.packets.models import (
    AnnexRow,
    Assembly,
    DeliveryEntry,
    Forgetting,
    GivenUploadAddress,
    Packet,
    PictureAttestation,
    Release,
    Revision,
    SeenMark,
    Vote,
)
from handrail.packets.position import DeliveryPosition
from handrail.packets.states import DeliveryEventKind, RevisionReason, RevisionState
from handrail.packets.status import fold
from tests.factories.http_server import running
from tests.factories.packets import Packets, everything
from tests.unit.packets.pictures import samples
from tests.unit.packets.pictures.profiles import with_pictures
from tests.unit.packets.test_forgetting import ended, keep
from tests.unit.packets.test_uploads import Bucket, Vendor, uploading_to

WRITING = frozenset({"update", "create", "bulk_create", "save", "get_or_create", "update_or_create", "delete"})


def written() -> Iterator[str]:
    """Every INSERT, UPDATE and DELETE of the slice, as ``module.function method``."""
    root = Path(handrail.packets.__file__).parent
    for path in sorted((*root.glob("*.py"), *root.glob("actions/*.py"))):
        for function in [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]:
            for call in ast.walk(function):
                if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                    continue
                if call.func.attr in WRITING and not _is_plain(call.func.value):
                    yield f"{path.stem}.{function.name} {call.func.attr}"


def _is_plain(of: ast.expr) -> bool:
    """``update`` of a set, a dict or a digest."""
    return isinstance(of, ast.Name) and of.id not in {"rows", "free", "assembly"}


# By each write the test below of one that comes too late. Rows of an assembly are one commit with it.
WRITES = {
    "assembling._commit bulk_create": "assembly",
    "assembling._commit save": "assembly",
    "assembling._packet get_or_create": "packet",
    "claims.give_up update": "build lease given up",
    "claims.renew update": "build lease renewed",
    "claims.take update": "build lease taken",
    "consuming.record update": "consumed",
    "forgetting._recorded create": "forgetting",
    "forgetting._recorded update": "forgetting",
    "holds._keep create": "clearance",
    "ledger.append bulk_create": "delivery row",
    "ledger.change update": "delivery lease",
    "moves.begin create": "next revision",
    "moves.move update": "transition",
    "moves.recall update": "recall",
    "redacting._write create": "redaction",
    "redacting.attest create": "attestation",
    "releasing.release create": "release",
    "seen.keep bulk_create": "seen",
    "uploading.confirm update": "arrival",
    "uploading.give_address create": "upload address",
    "uploading.give_address update": "upload address",
    "votes._write create": "vote",
    "votes._write_proof create": "vote",
    "watching._set update": "watch",
}


def test_every_write_of_the_slice_has_its_late_one_here() -> None:
    assert sorted(set(written())) == sorted(WRITES)
    assert set(WRITES.values()) == set(LATE)


def _assembly(desk: Packets) -> None:
    """Two build the same revision; the second commits what it read after the first."""
    asked = desk.ask()
    slow = Revision.objects.select_related("packet", "definition").get(pk=asked.id)
    desk.build(asked.id)
    before = Assembly.objects.get(revision=slow).packet_digest
    with pytest.raises(Stale):
        assembling._build(slow, claims.BuildLease(slow.pk, now()), desk.worker)
    assert Assembly.objects.get(revision=slow).packet_digest == before


def _packet(desk: Packets) -> None:
    desk.ask()
    with pytest.raises(HandrailError, match="already"):
        assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    assert Packet.objects.count() == 1


def _taken(desk: Packets) -> None:
    asked = desk.ask()
    assert claims.take(asked.id) is not None
    assert claims.take(asked.id) is None


def _given_up(desk: Packets) -> None:
    asked = desk.ask()
    mine, later = claims.take(asked.id), now() + timedelta(hours=1)
    assert mine is not None
    Revision.objects.filter(pk=asked.id).update(due_at=later)
    assert mine.give_up(failure="too late", until=now()) is False
    assert Revision.objects.values_list("due_at", "failure").get(pk=asked.id) == (later, "")


def _renewed(desk: Packets) -> None:
    asked = desk.ask()
    mine = claims.take(asked.id)
    assert mine is not None
    Revision.objects.filter(pk=asked.id).update(due_at=now() + timedelta(hours=1))
    later = Revision.objects.values_list("due_at", flat=True).get(pk=asked.id)
    mine.until = now()
    mine.renew()
    assert Revision.objects.values_list("due_at", flat=True).get(pk=asked.id) == later
    votes.withdraw(ref=desk.packet.ref, revision=1, reason="No.", by=desk.person("cy"))
    with pytest.raises(Stale):
        mine.renew()


def _position(desk: Packets, revision: Revision) -> DeliveryPosition:
    """How far a worker sees the delivery."""
    found = Revision.objects.select_related("packet", "assembly", "release").get(pk=revision.pk)
    return DeliveryPosition(found, fold(ledger.rows_of(found.pk)), DeliveryLease(found.pk, found.due_at), desk.worker)


def _delivery_row(desk: Packets) -> None:
    """A worker that was away while another delivered adds nothing to the ledger."""
    revision = desk.released()
    dead = _position(desk, revision)
    desk.deliver(revision)
    before = list(DeliveryEntry.objects.values_list("sequence", "kind"))
    with pytest.raises(Stale):
        dead.append(NewDeliveryRow(DeliveryEventKind.INTENT), due_at=None)
    assert list(DeliveryEntry.objects.values_list("sequence", "kind")) == before


def _delivery_lease(desk: Packets) -> None:
    revision = desk.released()
    dead = _position(desk, revision)
    later = now() + timedelta(hours=1)
    Revision.objects.filter(pk=revision.pk).update(due_at=later)
    assert dead.lease.change(None, failure="too late") is False
    assert delivering.deliver(revision_id=revision.pk, by=desk.worker, lease=dead.lease.due_at) is None
    revision.refresh_from_db()
    assert (revision.due_at, revision.failure) == (later, "")
    assert desk.vendor.calls == []


def _consumed(desk: Packets) -> None:
    """Consumed, then taken back: a second notice changes neither when it was opened nor the state."""
    revision = desk.released()
    desk.deliver(revision)
    desk.vendor.consume(revision.assembly.manifest_digest or "")
    dead = _position(desk, revision)
    desk.deliver(revision)
    at = revision.consumed_at
    with pytest.raises(Stale):
        dead.append(NewDeliveryRow(DeliveryEventKind.CONSUMED), due_at=None)
    desk.ask()
    desk.deliver(revision)
    assert (revision.state, revision.consumed_at, revision.due_at) == ("consumed", at, None)


def _clearance(desk: Packets) -> None:
    revision = desk.assemble()
    desk.ask()
    with pytest.raises((Conflict, HandrailError)):
        holds.clear(
            ref=revision.packet.ref, revision=revision.number, code="x", target="y", reason="Late.",
            by=desk.person("cy"),
        )  # fmt: skip


def _next_revision(desk: Packets) -> None:
    asked = desk.ask()
    with pytest.raises(Conflict, match="being assembled"):
        desk.ask()
    second = Revision.objects.get(pk=asked.id)
    second.pk, second.number = None, 2
    with pytest.raises(IntegrityError):
        second.save(force_insert=True)


def _transition(desk: Packets) -> None:
    revision = desk.assemble()
    late = Revision.objects.select_related("packet").get(pk=revision.pk)
    votes.withdraw(ref=revision.packet.ref, revision=1, reason="No.", by=desk.person("cy"))
    with pytest.raises(Stale):
        moves.move(late, RevisionState.APPROVED, approved_at=now())
    with pytest.raises(Stale):
        moves.end(late, RevisionState.WITHDRAWN, RevisionReason.EXPIRED, by=desk.worker)
    revision.refresh_from_db()
    assert (revision.ended_cause, revision.approved_at) == ("withdrawn", None)


def _recall(desk: Packets) -> None:
    revision = desk.released()
    votes.withdraw(ref=revision.packet.ref, revision=1, reason="No.", by=desk.person("cy"))
    desk.deliver(revision)
    moves.recall(
        Revision.objects.select_related("packet").get(pk=revision.pk),
        desk.worker,
        "Again.",
        moves.RECALLS[RevisionReason.DRIFT],
    )
    revision.refresh_from_db()
    assert revision.due_at is None
    assert DeliveryEntry.objects.filter(revision=revision, kind="recall").count() == 1


def _watch(desk: Packets) -> None:
    """A reading that ends after a later one."""
    revision = desk.released()
    late = Revision.objects.get(pk=revision.pk)
    later = now() + timedelta(hours=1)
    Revision.objects.filter(pk=revision.pk).update(watch_at=later)
    watching._set(late, watch_at=now())
    assert Revision.objects.values_list("watch_at", flat=True).get(pk=revision.pk) == later


def _release(desk: Packets) -> None:
    revision = desk.released()
    with pytest.raises(Conflict):
        releasing.release(ref=revision.packet.ref, revision=1, by=desk.person("cy"))
    assert Release.objects.count() == 1


def _vote(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada")
    digest = str(revision.assembly.manifest_digest)
    with pytest.raises(Stale):
        votes._write(revision, votes.VoteKind.APPROVE, desk.person("ada"), digest=digest)
    assert Vote.objects.count() == 1


def _picture(desk: Packets) -> dict[str, Any]:
    with_pictures(desk)
    desk.sources.attach("ATT-9", "picture", samples.screenshot())
    revision = desk.assemble()
    return {"ref": revision.packet.ref, "revision": revision.number, "annex": "picture-1"}


def _redact(desk: Packets, named: dict[str, Any], *box: int) -> str:
    row = AnnexRow.objects.get(revision__number=named["revision"], name="picture-1")
    given = {"original_digest": str(row.original_digest), "boxes": [[1, *box]]}
    return redacting.redact(**named, **given, by=desk.person("eve")).result_digest


def _redaction(desk: Packets) -> None:
    """Somebody attests what has been redacted otherwise meanwhile."""
    named = _picture(desk)
    before = _redact(desk, named, 0, 0, 90, 90)
    _redact(desk, named, 0, 0, 900, 900)
    with pytest.raises(Conflict):
        redacting.attest(**named, digest=before, by=desk.person("cy"))
    assert not PictureAttestation.objects.exists()


def _attestation(desk: Packets) -> None:
    named = _picture(desk)
    digest = _redact(desk, named, 0, 0, 90, 90)
    redacting.attest(**named, digest=digest, by=desk.person("cy"))
    with pytest.raises(Conflict):
        redacting.attest(**named, digest=digest, by=desk.person("cy"))
    assert PictureAttestation.objects.count() == 1


def _seen(desk: Packets) -> None:
    revision = desk.assemble()
    desk.see(revision, "ada")
    assert seen.keep(desk.person("ada"), revision, everything(revision)) == 0
    assert SeenMark.objects.count() == len(everything(revision))


def _forgetting(desk: Packets) -> None:
    """Two workers find the same packet due."""
    keep(desk)
    packet = ended(desk, days=91).packet
    assert forgetting.forget(packet_id=packet.pk, kind=KeyKind.ANNEX, by=desk.worker)
    assert not forgetting.forget(packet_id=packet.pk, kind=KeyKind.ANNEX, by=desk.worker)
    assert Forgetting.objects.count() == 1


def _upload_address(desk: Packets) -> None:
    """The packet is withdrawn while somebody asks the vendor for an address."""
    with running(Bucket()) as bucket, lanes.use(uploading_to(bucket)):
        vendor = Vendor(desk, bucket)
        taken_back(desk, vendor.revision)
        with pytest.raises(Conflict):
            vendor.give()
    assert not GivenUploadAddress.objects.exists()


def _arrival(desk: Packets) -> None:
    """Two people hear different things from the vendor."""
    with running(Bucket()) as bucket, lanes.use(uploading_to(bucket)):
        vendor = Vendor(desk, bucket)
        vendor.give()
        bucket.answer = 0
        vendor.deliver()
        vendor.settle(arrived=True)
        with pytest.raises(Conflict):
            vendor.settle(arrived=False)
        assert vendor.state == "delivered"


LATE: dict[str, Callable[[Packets], None]] = {
    "assembly": _assembly,
    "packet": _packet,
    "build lease taken": _taken,
    "build lease given up": _given_up,
    "build lease renewed": _renewed,
    "delivery row": _delivery_row,
    "delivery lease": _delivery_lease,
    "consumed": _consumed,
    "clearance": _clearance,
    "next revision": _next_revision,
    "transition": _transition,
    "recall": _recall,
    "watch": _watch,
    "release": _release,
    "vote": _vote,
    "seen": _seen,
    "redaction": _redaction,
    "attestation": _attestation,
    "forgetting": _forgetting,
    "upload address": _upload_address,
    "arrival": _arrival,
}


@pytest.mark.parametrize("late", LATE)
def test_late_writer_loses(desk: Packets, late: str) -> None:
    LATE[late](desk)


def taken_back(desk: Packets, revision: Revision) -> None:
    votes.withdraw(ref=revision.packet.ref, revision=revision.number, reason="Not so.", by=desk.person("cy"))


@pytest.mark.parametrize("answer", ["refused", "busy", "not-sent", "lost", "unheard", "take"])
def test_recall_during_a_call_is_never_lost_whatever_the_lane_answers(
    desk: Packets, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person takes it back while the lane is called: the result of that call does not write over what was ordered."""
    revision = desk.released()
    desk.vendor.script = [] if answer == "take" else [answer]
    deliver = desk.vendor.deliver

    def meanwhile(*given: object) -> object:
        taken_back(desk, revision)
        return deliver(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.vendor, "deliver", meanwhile)
    desk.deliver(revision)
    assert revision.due_at is not None
    assert revision.due_at <= now()
    for _ in range(5):
        if revision.due_at is not None:
            desk.deliver(revision)
    assert revision.due_at is None
    assert fold(ledger.rows_of(revision.pk)).state in {"withdrawn", "never-delivered", "given-up"}
    assert "delivered" not in desk.vendor.states.values()


def test_recall_while_the_lane_is_asked_is_not_put_off_by_its_answer(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = desk.released()
    desk.deliver(revision)
    status = desk.vendor.status

    def meanwhile(digest: str) -> object:
        taken_back(desk, revision)
        return status(digest)

    monkeypatch.setattr(desk.vendor, "status", meanwhile)
    desk.deliver(revision)
    assert revision.due_at is not None
    assert revision.due_at <= now()
    assert revision.state == "withdrawn"


def test_worker_that_found_nothing_left_to_do_does_not_take_a_recall_out_of_the_queue(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look at the ledger and its write a person takes the packet back."""
    revision = desk.released()
    desk.vendor.script = ["refused"]
    desk.deliver(revision)
    assert revision.due_at is None
    rows_of = ledger.rows_of

    def meanwhile(revision_id: int) -> object:
        monkeypatch.setattr(ledger, "rows_of", rows_of)
        rows = rows_of(revision_id)
        taken_back(desk, revision)
        return rows

    monkeypatch.setattr(ledger, "rows_of", meanwhile)
    desk.deliver(revision)
    assert revision.due_at is not None
