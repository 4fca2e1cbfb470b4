"""Release: decided once, delivered once, whatever gets lost on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

import pytest

from handrail.access.models import Membership
from handrail.connectors import lane as lanes
from handrail.connectors.lane import LaneState
from handrail.kernel import clock
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Misconfigured
from handrail.kernel.secrets import Secrets
from handrail.packets import deliveryview, evaluation, settings
from handrail.packets.actions import releasing
from handrail.packets.models import DeliveryEntry, Revision
from handrail.packets.proof import verify
from handrail.packets.proof.keys import KeyRing
from handrail.packets.states import ASIDE
from tests.factories.lane_server import serving
from tests.factories.packets import LANE, Packets
from tests.unit.packets.proof.making import KEY


def kinds(revision: Revision) -> list[str]:
    """The rows that move the delivery."""
    rows = DeliveryEntry.objects.filter(revision=revision).exclude(kind__in=ASIDE).order_by("sequence")
    return list(rows.values_list("kind", flat=True))


@contextmanager
def settling(seconds: float) -> Iterator[None]:
    """A lane's word that it has nothing is not believed for so long after a lost answer."""
    with settings.use(replace(settings.current(), settle=timedelta(seconds=seconds))):
        yield


def past_expiry(revision: Revision, monkeypatch: pytest.MonkeyPatch) -> None:
    later = revision.assembly.expires_at + timedelta(seconds=1)

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return later.astimezone(tz)

    monkeypatch.setattr(clock, "datetime", Later)


def test_release_delivers_a_package_that_the_vendor_accepts(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    digest = revision.assembly.manifest_digest
    assert list(desk.vendor.packages) == [digest]
    expect = verify.Expectation(keys=KeyRing.of([KEY.public]), lane=LANE, at=now())
    verdict = verify.verify(io.BytesIO(desk.vendor.packages[digest]), expect)
    assert verdict.accepted, verdict.findings
    assert kinds(revision) == ["released", "intent", "receipt"]


def test_release_twice_is_refused_and_delivers_once(desk: Packets) -> None:
    revision = desk.released()
    with pytest.raises(Conflict, match="released once"):
        desk.release(revision)
    desk.deliver(revision)
    desk.deliver(revision)
    assert [call for call, _ in desk.vendor.calls].count("deliver") == 1


def test_release_without_capability_is_denied(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    with pytest.raises(Denied):
        desk.release(revision, by="eve")


def test_release_with_a_signer_who_is_of_both_groups(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "cy")
    desk.release(revision)
    assert revision.state == "released"


@pytest.mark.parametrize("names", [[], ["ada"], ["ben"]])
def test_release_short_of_signers_is_refused(desk: Packets, names: list[str]) -> None:
    revision = desk.assemble()
    desk.approve(revision, *names)
    with pytest.raises(Conflict):
        desk.release(revision)
    assert revision.state == "in_review"


def test_release_after_a_signer_was_demoted_reopens_the_review(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    assert revision.state == "approved"
    Membership.objects.filter(user=desk.people["ben"]).update(roles=["packet-signer"])
    with pytest.raises(Conflict) as refused:
        desk.release(revision)
    assert refused.value.code == "short-of-signers"
    revision.refresh_from_db()
    assert revision.state == "in_review"
    desk.approve(revision, "cy")
    desk.release(revision)
    assert revision.state == "released"


def test_a_lost_answer_is_resolved_by_asking(desk: Packets) -> None:
    desk.vendor.script = ["lost"]
    revision = desk.released()
    desk.deliver(revision)
    assert kinds(revision) == ["released", "intent", "unknown", "receipt"]
    assert [call for call, _ in desk.vendor.calls].count("deliver") == 1


def test_a_package_that_never_arrived_is_sent_once_the_lane_says_so(desk: Packets) -> None:
    desk.vendor.script = ["unheard"]
    revision = desk.released()
    desk.deliver(revision)
    assert kinds(revision) == ["released", "intent", "unknown", "absent", "intent", "receipt"]


def test_a_lane_that_refuses_is_not_asked_again(desk: Packets) -> None:
    desk.vendor.script = ["refused"]
    revision = desk.released()
    desk.deliver(revision)
    desk.deliver(revision)
    assert kinds(revision) == ["released", "intent", "refused"]


def test_a_busy_lane_is_tried_again_later(desk: Packets) -> None:
    desk.vendor.script = ["busy"]
    revision = desk.released()
    desk.deliver(revision)
    assert kinds(revision) == ["released", "intent", "not-taken"]
    assert revision.due_at is not None
    desk.deliver(revision)
    assert kinds(revision)[-1] == "receipt"


@pytest.mark.requirement("P-11", "P-14")
def test_consumption_is_recorded_when_the_lane_reports_it(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.vendor.consume(revision.assembly.manifest_digest or "")
    desk.deliver(revision)
    assert revision.state == "consumed"
    assert revision.due_at is None


def test_a_delivered_revision_is_withdrawn_from_the_lane_when_superseded(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.assemble()
    desk.deliver(revision)
    assert revision.state == "superseded"
    assert desk.vendor.states[revision.assembly.manifest_digest or ""] is LaneState.WITHDRAWN
    assert kinds(revision)[-2:] == ["recall", "withdrawn"]


def test_a_consumed_revision_gets_a_notice_when_another_follows(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    digest = revision.assembly.manifest_digest or ""
    desk.vendor.consume(digest)
    desk.deliver(revision)
    following = desk.assemble()
    desk.deliver(revision)
    assert revision.state == "consumed"
    assert len(desk.vendor.notices[digest]) == 1
    manifest = following.assembly.manifest
    assert manifest is not None
    assert digest.removeprefix("sha256:").encode() in bytes(manifest)


@pytest.mark.requirement("P-40")
def test_a_revision_consumed_before_the_recall_arrives_gets_a_notice(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    digest = revision.assembly.manifest_digest or ""
    desk.assemble()
    desk.vendor.consume(digest)
    desk.deliver(revision)
    assert kinds(revision)[-2:] == ["consumed", "noticed"]
    assert desk.vendor.notices[digest]
    assert revision.state == "superseded"
    assert revision.consumed_at is not None
    assert evaluation.evaluate(desk.person("ada")).accepted == 1


def test_a_revision_superseded_before_it_was_sent_is_never_sent(desk: Packets) -> None:
    revision = desk.released()
    desk.assemble()
    desk.deliver(revision)
    assert kinds(revision) == ["released", "recall", "never-delivered"]
    assert desk.vendor.packages == {}


@pytest.mark.parametrize("meets", ["busy", "refused"])
def test_a_recall_asks_the_lane_unless_nothing_was_sent(meets: str, desk: Packets) -> None:
    desk.vendor.script = [meets]
    revision = desk.released()
    desk.deliver(revision)
    desk.assemble()
    desk.deliver(revision)
    assert ("withdraw", revision.assembly.manifest_digest) in desk.vendor.calls
    assert kinds(revision)[-1] == "never-delivered"
    assert desk.vendor.states[str(revision.assembly.manifest_digest)] is LaneState.WITHDRAWN


def test_a_recall_of_what_was_certainly_never_sent_asks_nobody(desk: Packets) -> None:
    desk.vendor.script = ["not-sent"]
    revision = desk.released()
    desk.deliver(revision)
    desk.assemble()
    desk.deliver(revision)
    assert [call for call, _ in desk.vendor.calls] == ["deliver"]
    assert kinds(revision)[-1] == "never-delivered"


def test_an_intake_that_answers_202_has_the_package(desk: Packets) -> None:
    with serving() as intake:
        intake.says = 202
        section = {"kind": "http", "base_url": intake.url, "deadline_seconds": 5}
        with lanes.use(lanes.Lanes.open(lanes.parse({LANE: section}), Secrets({}))):
            revision = desk.released()
            desk.deliver(revision)
            assert kinds(revision) == ["released", "intent", "unknown", "receipt"]
            desk.assemble()
            desk.deliver(revision)
        assert intake.states[str(revision.assembly.manifest_digest)] == "withdrawn"
    assert kinds(revision)[-1] == "withdrawn"


def test_a_recall_asks_a_forgetful_lane_until_nothing_can_be_on_its_way(desk: Packets) -> None:
    desk.vendor.script, desk.vendor.forgets = ["unheard"], True
    with settling(60):
        revision = desk.released()
        desk.deliver(revision)
        assert kinds(revision)[-1] == "unknown"
        desk.assemble()
        desk.deliver(revision)
        assert kinds(revision)[-1] == "recall"
        desk.vendor.land(str(revision.assembly.manifest_digest), b"PK late")
        desk.deliver(revision)
    assert kinds(revision)[-1] == "withdrawn"
    assert desk.vendor.states == {revision.assembly.manifest_digest: LaneState.WITHDRAWN}


def test_a_recall_ends_when_a_forgetful_lane_stays_with_it_that_it_has_nothing(desk: Packets) -> None:
    desk.vendor.script, desk.vendor.forgets = ["unheard"], True
    with settling(60):
        revision = desk.released()
        desk.deliver(revision)
        desk.assemble()
        desk.deliver(revision)
    desk.deliver(revision)
    assert kinds(revision)[-2:] == ["recall", "never-delivered"]


def test_a_lane_that_has_nothing_just_after_a_lost_answer_is_asked_again_before_it_gets_it_again(desk: Packets) -> None:
    desk.vendor.script = ["unheard"]
    with settling(60):
        revision = desk.released()
        desk.deliver(revision)
        desk.deliver(revision)
        assert kinds(revision) == ["released", "intent", "unknown"]
        desk.vendor.land(str(revision.assembly.manifest_digest), b"PK late")
        desk.deliver(revision)
    assert kinds(revision) == ["released", "intent", "unknown", "receipt"]
    assert [call for call, _ in desk.vendor.calls].count("deliver") == 1


@pytest.mark.parametrize("state", [LaneState.WITHDRAWN, LaneState.GONE])
def test_a_lane_that_gave_the_package_up_is_shown_and_not_asked_any_more(state: LaneState, desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.vendor.states[str(revision.assembly.manifest_digest)] = state
    desk.deliver(revision)
    asked = len(desk.vendor.calls)
    desk.deliver(revision)
    assert len(desk.vendor.calls) == asked
    assert kinds(revision) == ["released", "intent", "receipt", "given-up"]
    assert (revision.state, revision.due_at) == ("released", None)
    shown = deliveryview.delivery(revision)
    assert shown is not None
    assert shown.state == "given-up"


@pytest.mark.parametrize("state", [LaneState.WITHDRAWN, LaneState.GONE])
def test_a_lost_answer_of_a_lane_that_gave_it_up_is_no_receipt(state: LaneState, desk: Packets) -> None:
    desk.vendor.script = ["lost"]
    revision = desk.released()
    desk.vendor.loses = state
    desk.deliver(revision)
    assert kinds(revision) == ["released", "intent", "unknown", "given-up"]


def test_a_lane_that_forgot_a_package_gave_it_up_once_it_stays_with_that(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    digest = str(revision.assembly.manifest_digest)
    with settling(60):
        kept = desk.vendor.states.pop(digest)
        desk.deliver(revision)
        desk.vendor.states[digest] = kept
        desk.deliver(revision)
        assert kinds(revision)[2:] == ["receipt", "absent", "receipt"]
        del desk.vendor.states[digest]
        desk.deliver(revision)
        desk.deliver(revision)
        assert kinds(revision)[-2:] == ["receipt", "absent"]
    desk.deliver(revision)
    assert kinds(revision)[-2:] == ["absent", "given-up"]


def test_what_was_given_up_is_recalled_all_the_same(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    desk.vendor.states[str(revision.assembly.manifest_digest)] = LaneState.GONE
    desk.deliver(revision)
    desk.assemble()
    desk.deliver(revision)
    desk.deliver(revision)
    assert kinds(revision)[-3:] == ["given-up", "recall", "given-up"]
    assert revision.due_at is None


def test_a_package_consumed_before_it_expired_is_consumed_without_a_notice(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = desk.released()
    desk.deliver(revision)
    digest = str(revision.assembly.manifest_digest)
    desk.vendor.consume(digest)
    past_expiry(revision, monkeypatch)
    assert releasing.expire_all(name="worker-1") == 0
    desk.deliver(revision)
    assert (revision.state, kinds(revision)[-1]) == ("consumed", "consumed")
    assert desk.vendor.notices == {}


def test_a_delivered_package_that_expires_unopened_is_taken_back(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = desk.released()
    desk.deliver(revision)
    past_expiry(revision, monkeypatch)
    assert releasing.expire_all(name="worker-1") == 0
    desk.deliver(revision)
    assert (revision.state, revision.ended_cause) == ("withdrawn", "expired")
    assert kinds(revision)[-2:] == ["recall", "withdrawn"]


def test_a_refused_package_expires_without_its_lane(desk: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.vendor.script = ["refused"]
    revision = desk.released()
    desk.deliver(revision)
    past_expiry(revision, monkeypatch)
    assert releasing.expire_all(name="worker-1") == 1
    revision.refresh_from_db()
    assert revision.ended_cause == "expired"


def test_release_without_its_lane_says_what_to_add(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    with lanes.use(lanes.Lanes()), pytest.raises(Misconfigured, match="vendor-intake"):
        desk.release(revision)
    assert revision.state == "approved"


def test_a_delivery_whose_lane_is_gone_from_the_configuration_waits(desk: Packets) -> None:
    revision = desk.released()
    with lanes.use(lanes.Lanes()):
        desk.deliver(revision)
    assert "vendor-intake" in revision.failure
    desk.deliver(revision)
    assert kinds(revision)[-1] == "receipt"
