"""The vendor answers: what is believed is acted on once, what is not is recorded; its reasons come back as a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from handrail.access import subjects
from handrail.access.actor import Actor
from handrail.access.models import Membership
from handrail.access.subjects import ForgetReason
from handrail.audit.models import AuditEvent
from handrail.connectors import lane as lanes
from handrail.connectors.lane import ErrorKind, LaneFailed, LaneState
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.packets import ledger, queries
from handrail.packets.actions import listening, recalling, settling
from handrail.packets.models import AnnexRow, Revision
from handrail.packets.proof import dsse, recall
from handrail.packets.proof.intake import program
from handrail.packets.proof.keys import KeyRing, SigningKey
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.proof.reply import REASONED, ReplyKind, ReplyReason, VendorReply
from tests.factories.installation import Installation
from tests.factories.packets import LANE, Packets, connected
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.packets.proof.making import KEY, OTHER_KEY, RING
from tests.unit.packets.test_watching import Killed, killed_at, kinds, progress, told

pytestmark = pytest.mark.django_db
K = ReplyKind
VENDOR_KEY: SigningKey = OTHER_KEY
WHY = (ReplyReason("no-capture", "The capture ends too early.", "A whole log-in"), ReplyReason("no-time", "No time."))


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as desk, answered(desk):
        yield desk


def answered(desk: Packets) -> Any:
    return lanes.use(lanes.Lanes({LANE: desk.vendor}, {LANE: KeyRing.of([VENDOR_KEY.public]).to_pem()}))


def reply(desk: Packets, revision: Revision, kind: ReplyKind, number: int = 1, **changes: Any) -> bytes:
    """The vendor writes it, and it lies in the lane."""
    digest = str(revision.assembly.manifest_digest)
    key = changes.pop("key", VENDOR_KEY)
    said = VendorReply(digest, LANE, number, kind, now(), reasons=WHY if kind in REASONED else ())
    envelope = dsse.sign(replace(said, **changes).payload(), key)
    desk.vendor.answers.setdefault(digest, []).append(envelope)
    Revision.objects.filter(pk=revision.pk, due_at__isnull=False).update(due_at=now())
    revision.refresh_from_db()
    return envelope


def delivered(desk: Packets) -> Revision:
    revision = desk.released()
    desk.deliver(revision)
    return revision


def consumed(desk: Packets) -> Revision:
    revision = delivered(desk)
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    desk.deliver(revision)
    return revision


def worked(desk: Packets, revision: Revision) -> None:
    for _ in range(4):
        Revision.objects.filter(pk=revision.pk, due_at__isnull=False).update(due_at=now())
        desk.deliver(revision)


@pytest.mark.parametrize("opened", [False, True], ids=["delivered", "consumed"])
def test_acceptance_is_kept_with_its_ticket_and_told_once(desk: Packets, opened: bool) -> None:
    revision = consumed(desk) if opened else delivered(desk)
    reply(desk, revision, K.ACCEPTED, ticket="VND-7")
    worked(desk, revision)
    view = queries.get_packet(desk.person("ada"), revision.packet.ref).delivery
    assert view is not None
    assert [(one.kind, one.ticket) for one in view.replies] == [(K.ACCEPTED, "VND-7")]
    assert told("packet.replied") == 1
    assert revision.state == ("consumed" if opened else "released")


@pytest.mark.requirement("P-40")
def test_rejection_ends_the_revision_with_the_vendors_reason(desk: Packets) -> None:
    revision = delivered(desk)
    reply(desk, revision, K.REJECTED)
    worked(desk, revision)
    assert (revision.state, revision.ended_cause) == ("rejected", "rejected-by-vendor")
    assert revision.ended_reason == "The capture ends too early.; No time."
    assert set(desk.vendor.states.values()) == {LaneState.WITHDRAWN}
    assert (told("packet.replied"), told("packet.rejected"), told("packet.recalled")) == (1, 1, 1)


def test_what_the_vendor_wrote_is_sealed_and_read_until_it_is_erased(desk: Packets) -> None:
    revision = delivered(desk)
    reply(desk, revision, K.REJECTED)
    worked(desk, revision)
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(detail::text, ' ') FROM packets_deliveryentry")
        stored = str(cursor.fetchone()[0])
    assert "no-capture" in stored  # a code, for figures
    assert "envelope" not in stored
    ada, ref = desk.person("ada"), revision.packet.ref
    assert queries.get_packet(ada, ref).delivery.replies  # type: ignore[union-attr]
    subjects.destroy(revision.tenant_id, reason=ForgetReason.ERASURE, at=now())
    shown = queries.get_packet(ada, ref).delivery
    assert shown is not None
    assert (shown.replies, shown.reasons) == ((), ())
    assert recalling.export(lane=LANE, by=ada) == b""


def test_signed_word_that_it_was_consumed_counts_as_the_lanes_own(desk: Packets) -> None:
    revision = delivered(desk)
    reply(desk, revision, K.CONSUMED)
    worked(desk, revision)
    assert (revision.state, told("packet.consumed")) == ("consumed", 1)


def test_worker_killed_at_any_statement_acts_on_a_rejection_once(desk: Packets) -> None:
    revision = delivered(desk)
    reply(desk, revision, K.REJECTED)
    statement, before = 0, progress(revision)
    while "withdrawn" not in before[0]:
        statement += 1
        with suppress(Killed), connection.execute_wrapper(killed_at(statement)):
            desk.deliver(revision)
        Revision.objects.filter(pk=revision.pk, due_at__isnull=False).update(due_at=now())
        after = progress(revision)
        statement = 0 if after[:2] != before[:2] else statement
        before = after
    assert kinds(revision)[3:] == ["reply", "recall", "recall-signed", "withdrawn"]
    assert (told("packet.replied"), told("packet.rejected"), told("packet.recalled")) == (1, 1, 1)


WRONG: dict[str, dict[str, Any]] = {
    "not-signed": {"key": KEY},
    "other-lane": {"lane": "another-lane"},
    "other-manifest": {"manifest_digest": "sha256:" + "0" * 64},
    "out-of-time": {"at": now() + timedelta(days=1)},
}


@pytest.mark.parametrize("why", WRONG)
def test_what_is_not_believed_is_recorded_once_and_nothing_follows(desk: Packets, why: str) -> None:
    revision = delivered(desk)
    reply(desk, revision, K.REJECTED, **WRONG[why])
    worked(desk, revision)
    view = queries.get_packet(desk.person("ada"), revision.packet.ref).delivery
    assert view is not None
    assert [one.why for one in view.refused_replies] == [why]
    assert (revision.state, view.replies, told("packet.reply_refused")) == ("released", (), 1)


def test_later_reply_that_contradicts_changes_nothing(desk: Packets) -> None:
    revision = consumed(desk)
    reply(desk, revision, K.ACCEPTED, 2)
    worked(desk, revision)
    reply(desk, revision, K.REJECTED, 3)
    reply(desk, revision, K.NEEDS_MORE, 1)
    worked(desk, revision)
    refused = [row.detail["why"] for row in ledger.rows_of(revision.pk) if row.kind == "reply-refused"]
    assert sorted(refused) == ["contradicts", "out-of-order"]
    assert queries.get_packet(desk.person("ada"), revision.packet.ref).checklist == ()


def test_flood_of_false_replies_fills_no_ledger(desk: Packets) -> None:
    revision = delivered(desk)
    digest = str(revision.assembly.manifest_digest)
    for number in range(3):
        desk.vendor.answers[digest] = [f"{number}-{at}".encode() for at in range(60)]
        worked(desk, revision)
    assert kinds(revision).count("reply-refused") == 50
    assert revision.state == "released"


def test_lane_whose_replies_can_not_be_read_still_reports_consumption(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = delivered(desk)

    def fail(_: str) -> tuple[bytes, ...]:
        raise LaneFailed("No replies now.", ErrorKind.UNKNOWN)

    monkeypatch.setattr(desk.vendor, "replies", fail)
    worked(desk, revision)
    assert revision.failure == "No replies now."
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    worked(desk, revision)
    assert revision.state == "consumed"


def test_vendor_is_heard_after_consumption_until_it_has_deleted_the_package(desk: Packets) -> None:
    revision = consumed(desk)
    assert revision.due_at is not None
    reply(desk, revision, K.DELETED)
    worked(desk, revision)
    assert (revision.state, revision.due_at) == ("consumed", None)


def test_lane_without_keys_is_asked_for_no_reply(desk: Packets) -> None:
    with lanes.use(lanes.Lanes({LANE: desk.vendor})):
        revision = consumed(desk)
    assert revision.due_at is None
    assert "replies" not in {call for call, _ in desk.vendor.calls}


# the checklist


def rejected(desk: Packets) -> Revision:
    """The next revision after a rejection."""
    first = delivered(desk)
    reply(desk, first, K.REJECTED)
    worked(desk, first)
    return desk.assemble()


def tick(desk: Packets, key: str, name: str = "eve", **more: str) -> Any:
    ref, number = desk.packet.ref, desk.newest.number
    return settling.settle(ref=ref, revision=number, key=key, reason="Taken again.", by=desk.person(name), **more)


def test_reasons_return_on_the_next_revision_and_are_ticked_by_people(desk: Packets) -> None:
    second = rejected(desk)
    listed = queries.get_packet(desk.person("ada"), second.packet.ref).checklist
    assert [(one.key, one.code, one.wanted, one.settled_by) for one in listed] == [
        ("1.1", "no-capture", "A whole log-in", ""),
        ("1.2", "no-time", "", ""),
    ]
    ticked = tick(desk, "1.1")
    assert [bool(one.settled_by) for one in ticked] == [True, False]
    assert (ticked[0].note, told("packet.reason_settled")) == ("Taken again.", 1)
    with pytest.raises(Conflict):
        tick(desk, "1.1")
    with pytest.raises(NotFound):
        tick(desk, "1.9")


def test_open_reasons_block_nobody_from_signing(desk: Packets) -> None:
    second = rejected(desk)
    desk.approve(second, "ada", "ben")
    assert second.state == "approved"


def test_evidence_is_an_annex_that_leaves_with_the_revision(desk: Packets) -> None:
    rejected(desk)
    with pytest.raises(Invalid):
        tick(desk, "1.1", evidence="nothing-1")
    name = AnnexRow.objects.filter(revision=desk.newest, cleared_digest__isnull=False).values_list("name", flat=True)[0]
    assert tick(desk, "1.1", evidence=name)[0].evidence == name


def test_who_may_not_clear_holds_settles_nothing(desk: Packets) -> None:
    rejected(desk)
    Membership.objects.filter(user=desk.people["eve"]).update(roles=["operator"])
    with pytest.raises(Denied):
        tick(desk, "1.1")


# recalls by a person


def taken_back(desk: Packets, revision: Revision, by: Actor | None = None, **changes: Any) -> None:
    said = {"cause": RecallReason.WRONG_CONTENT, "asks": RecallRequest.DELETE, "reason": "The wrong capture."}
    by = by or desk.person("cy")
    recalling.recall(ref=revision.packet.ref, revision=revision.number, by=by, **{**said, **changes})
    revision.refresh_from_db()


@pytest.mark.parametrize("opened", [False, True], ids=["delivered", "consumed"])
def test_recall_leaves_one_signed_statement_and_the_vendor_acknowledges_it(desk: Packets, opened: bool) -> None:
    revision = consumed(desk) if opened else delivered(desk)
    taken_back(desk, revision)
    worked(desk, revision)
    (envelope,) = desk.vendor.recalls[str(revision.assembly.manifest_digest)]
    said = recall.opened(envelope, keys=RING)
    assert (said.reason, said.asks, said.words) == (RecallReason.WRONG_CONTENT, RecallRequest.DELETE, "")
    assert revision.state == ("consumed" if opened else "withdrawn")
    reply(desk, revision, K.DELETED)
    worked(desk, revision)
    view = queries.get_packet(desk.person("ada"), revision.packet.ref).delivery
    assert view is not None
    assert view.recall is not None
    assert (view.recall.reason, bool(view.recall.closed_at)) == ("wrong-content", True)
    assert [one.kind for one in view.replies] == [K.DELETED]
    assert told("packet.recall_requested") == 1


def test_recall_is_made_once(desk: Packets) -> None:
    revision = consumed(desk)
    taken_back(desk, revision)
    with pytest.raises(Conflict, match="already"):
        taken_back(desk, revision)
    assert kinds(revision).count("recall") == 1


def test_recall_of_what_was_not_released_is_refused(desk: Packets) -> None:
    with pytest.raises(Conflict):
        taken_back(desk, desk.assemble())


@pytest.mark.parametrize("by", ["ada", "eve", "worker"])
def test_recall_needs_a_person_who_may_withdraw(desk: Packets, by: str) -> None:
    revision = delivered(desk)
    actor = desk.worker if by == "worker" else desk.person(by)
    if by == "ada":  # the same set-up, by somebody who may
        taken_back(desk, revision, actor)
        assert revision.state == "withdrawn"
        return
    with pytest.raises(Denied):
        taken_back(desk, revision, actor)
    assert revision.state == "released"


@pytest.mark.parametrize("cause", [RecallReason.SUPERSEDED, RecallReason.EXPIRED])
def test_reason_that_only_handrail_gives_is_no_persons(desk: Packets, cause: RecallReason) -> None:
    revision = delivered(desk)
    with pytest.raises(Invalid):
        taken_back(desk, revision, cause=cause)


def test_words_leave_only_where_the_profile_lets_them_and_hold_nothing_that_may_not(db: None) -> None:
    profile = PROFILE + "recall: {words: true}\n"
    with connected(Installation(None, tenant="ten_a", profile=profile).packets) as desk:
        revision = delivered(desk)
        with pytest.raises(Invalid, match="can't leave"):
            taken_back(desk, revision, reason="Call jo@example.com, the password is swordfish.")
        taken_back(desk, revision, reason="The wrong capture.")
        worked(desk, revision)
        (envelope,) = desk.vendor.recalls[str(revision.assembly.manifest_digest)]
        assert recall.opened(envelope, keys=RING).words == "The wrong capture."


def test_recalls_of_a_lane_are_exported_for_those_who_verify(desk: Packets) -> None:
    revision = consumed(desk)
    assert recalling.export(lane=LANE, by=desk.person("ada")) == b""
    taken_back(desk, revision)
    worked(desk, revision)
    lines = recalling.export(lane=LANE, by=desk.person("ada")).splitlines()
    found = recall.find(lines, str(revision.assembly.manifest_digest), keys=RING)
    assert found is not None
    assert found.reason is RecallReason.WRONG_CONTENT
    with pytest.raises(NotFound):
        recalling.export(lane="another-lane", by=desk.person("ada"))
    assert AuditEvent.objects.filter(event="packet.recalls_exported").count() == 2


def test_exported_recall_makes_the_receivers_verifier_refuse_the_package(
    desk: Packets, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    revision = consumed(desk)
    package, keys, recalls = tmp_path / "package.tar", tmp_path / "keys.pem", tmp_path / "recalls.jsonl"
    package.write_bytes(desk.vendor.packages[str(revision.assembly.manifest_digest)])
    keys.write_text(RING.to_pem())
    told = ("verify", str(package), "--key", str(keys), "--lane", LANE, "--recalls", str(recalls))
    recalls.write_bytes(recalling.export(lane=LANE, by=desk.person("ada")))
    assert program.main(told) == 0
    taken_back(desk, revision)
    worked(desk, revision)
    recalls.write_bytes(recalling.export(lane=LANE, by=desk.person("ada")))
    capsys.readouterr()
    assert program.main(told) == 1
    assert "(wrong-content), and asks you to delete it" in " ".join(capsys.readouterr().out.split())


def test_two_people_who_recall_at_once_leave_one_recall(desk: Packets) -> None:
    """The second one had the page open before the first had done it."""
    revision = delivered(desk)
    taken_back(desk, revision)
    with pytest.raises(Conflict):
        taken_back(desk, revision, desk.person("ada"))
    worked(desk, revision)
    assert (kinds(revision).count("recall"), told("packet.recall_requested")) == (1, 1)


def test_recall_of_what_never_got_to_the_lane_leaves_no_statement(desk: Packets) -> None:
    revision = desk.released()
    taken_back(desk, revision)
    worked(desk, revision)
    assert (revision.state, revision.due_at, kinds(revision)[-1]) == ("withdrawn", None, "never-delivered")
    assert (desk.vendor.recalls, recalling.export(lane=LANE, by=desk.person("ada"))) == ({}, b"")


def test_recall_while_the_outcome_of_the_delivery_is_unknown_takes_back_what_may_be_there(desk: Packets) -> None:
    revision = desk.released()
    desk.vendor.script = ["lost"]
    desk.deliver(revision)
    taken_back(desk, revision)
    worked(desk, revision)
    assert set(desk.vendor.states.values()) == {LaneState.WITHDRAWN}
    assert [len(one) for one in desk.vendor.recalls.values()] == [1]


def test_recall_waits_for_a_lane_that_is_not_configured_any_more(desk: Packets) -> None:
    revision = consumed(desk)
    with lanes.use(lanes.Lanes({}, {})):
        taken_back(desk, revision)
        worked(desk, revision)
        assert (desk.vendor.recalls, bool(revision.failure)) == ({}, True)
    worked(desk, revision)
    assert [len(one) for one in desk.vendor.recalls.values()] == [1]
    assert kinds(revision).count("recall-signed") == 1


# replies that come at the wrong moment


def test_reply_that_comes_before_the_receipt_counts_once_the_lane_has_confirmed(desk: Packets) -> None:
    revision = desk.released()
    desk.vendor.script = ["lost"]
    reply(desk, revision, K.ACCEPTED)
    worked(desk, revision)
    assert kinds(revision)[-2:] == ["receipt", "reply"]


@pytest.mark.parametrize("kind", [K.ACCEPTED, K.REJECTED, K.NEEDS_MORE])
def test_decision_about_a_superseded_revision_comes_late_and_touches_no_other(desk: Packets, kind: ReplyKind) -> None:
    revision = delivered(desk)
    second = desk.assemble()
    worked(desk, revision)
    reply(desk, revision, kind)
    worked(desk, revision)
    view = queries.get_packet(desk.person("ada"), revision.packet.ref, 1).delivery
    assert view is not None
    assert [one.why for one in view.refused_replies] == ["late"]
    second.refresh_from_db()
    assert (revision.state, second.state, told("packet.replied")) == ("superseded", "in_review", 0)


def test_rejection_of_what_the_vendor_has_opened_leaves_it_consumed(desk: Packets) -> None:
    revision = consumed(desk)
    reply(desk, revision, K.REJECTED)
    worked(desk, revision)
    assert (revision.state, revision.ended_cause, kinds(revision).count("recall")) == ("consumed", "", 0)
    assert told("packet.rejected") == 0


def test_reply_that_was_believed_stays_so_when_the_vendor_rotates_its_key(desk: Packets) -> None:
    revision = delivered(desk)
    reply(desk, revision, K.ACCEPTED, ticket="VND-7")
    worked(desk, revision)
    with lanes.use(lanes.Lanes({LANE: desk.vendor}, {LANE: RING.to_pem()})):
        reply(desk, revision, K.NEEDS_MORE, 2)
        reply(desk, revision, K.DELETED, 3, key=KEY)
        worked(desk, revision)
    view = queries.get_packet(desk.person("ada"), revision.packet.ref).delivery
    assert view is not None
    assert [one.kind for one in view.replies] == [K.ACCEPTED, K.DELETED]
    assert [one.why for one in view.refused_replies] == ["not-signed"]


def test_reply_by_a_clock_that_is_ahead_counts_once_ours_has_got_there(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = delivered(desk)
    reply(desk, revision, K.ACCEPTED, at=now() + timedelta(minutes=8))
    worked(desk, revision)
    assert kinds(revision)[-1] == "reply-refused"
    monkeypatch.setattr(listening, "now", lambda: now() + timedelta(minutes=4))
    worked(desk, revision)
    assert (kinds(revision).count("reply-refused"), kinds(revision)[-1]) == (1, "reply")


@pytest.mark.parametrize("text", ["\x1b[2J", "a\u202eb", "a\nb", "\x00"])
def test_text_that_would_move_a_terminal_is_no_reply(desk: Packets, text: str) -> None:
    revision = delivered(desk)
    good = VendorReply(str(revision.assembly.manifest_digest), LANE, 1, K.ACCEPTED, now(), ticket="TICKET")
    payload = good.payload().replace(b"TICKET", json.dumps(text)[1:-1].encode())
    desk.vendor.answers[good.manifest_digest] = [dsse.sign(payload, VENDOR_KEY)]
    worked(desk, revision)
    view = queries.get_packet(desk.person("ada"), revision.packet.ref).delivery
    assert view is not None
    assert [one.why for one in view.refused_replies] == ["malformed"]


def test_next_revision_recalls_what_was_consumed_with_a_signed_statement(desk: Packets) -> None:
    revision = consumed(desk)
    desk.ask()
    worked(desk, revision)
    (envelope,) = desk.vendor.recalls[str(revision.assembly.manifest_digest)]
    assert recall.opened(envelope, keys=RING).reason is RecallReason.SUPERSEDED


def test_lane_that_takes_no_statement_gets_its_notice_and_the_page_says_so(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = consumed(desk)

    def refuse(*_: object) -> None:
        raise LaneFailed("The lane answered with status 404.", ErrorKind.REFUSED)

    monkeypatch.setattr(desk.vendor, "recall", refuse)
    taken_back(desk, revision)
    worked(desk, revision)
    view = queries.get_packet(desk.person("ada"), revision.packet.ref).delivery
    assert view is not None
    assert view.recall is not None
    assert (view.state, view.recall.refused) == ("noticed", "The lane answered with status 404.")
