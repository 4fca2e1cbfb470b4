"""Figures by which the work on packets is judged, counted from what was stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handrail.access.models import Membership
from handrail.packets import evaluation
from handrail.packets.evaluation import PacketFigures
from handrail.packets.models import Revision
from handrail.packets.proof.recall import RecallReason
from handrail.packets.proof.reply import ReplyKind
from handrail.web.audit import packet_figures
from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected
from tests.unit.packets.test_listening import answered, consumed, delivered, reply, taken_back, worked
from tests.unit.packets.test_watching import WATCHED, due, entitle, kinds

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a", profile=WATCHED).packets) as desk, answered(desk):
        yield desk


def figures(desk: Packets) -> PacketFigures:
    return evaluation.evaluate(desk.person("ada"))


def named(found: tuple[evaluation.Named, ...]) -> dict[str, int]:
    return {one.name: one.count for one in found}


@pytest.mark.requirement("P-40")
def test_nothing_of_nothing_is_no_share(desk: Packets) -> None:
    desk.assemble()
    found = figures(desk)
    assert (found.accepted_unchanged, found.approved) == (0, 0)
    shares = {one.name: one.value for one in packet_figures.present(desk.person("ada"), None).figures}
    assert "%" not in shares["Accepted as approved"]


@pytest.mark.requirement("P-40")
def test_accepted_are_approved_packets_that_the_vendor_opened_and_nobody_corrected(desk: Packets) -> None:
    revision = consumed(desk)
    worked(desk, revision)
    found = figures(desk)
    assert (found.accepted_unchanged, found.approved, found.corrections) == (1, 1, ())
    taken_back(desk, revision)
    found = figures(desk)
    assert (found.accepted_unchanged, found.approved) == (0, 1)


@pytest.mark.requirement("P-40")
def test_what_the_vendor_rejects_is_not_accepted_and_its_codes_are_counted(desk: Packets) -> None:
    revision = consumed(desk)
    reply(desk, revision, ReplyKind.REJECTED)
    worked(desk, revision)
    found = figures(desk)
    assert (found.accepted_unchanged, found.rejected, found.released) == (0, 1, 1)
    assert named(found.rejected_for) == {"no-capture": 1, "no-time": 1}
    assert named(found.corrections) == {"rejected-by-vendor": 1}


@pytest.mark.requirement("P-41")
def test_corrections_are_counted_by_cause_also_after_the_vendor_opened_it(desk: Packets) -> None:
    first = delivered(desk)
    entitle(desk)
    due(first)
    worked(desk, first)
    assert named(figures(desk).corrections) == {"drift": 1}
    assert figures(desk).approved_revisions == 1


@pytest.mark.requirement("P-41")
def test_recall_from_the_wrong_recipient_is_a_correction_of_the_audience(desk: Packets) -> None:
    revision = consumed(desk)
    taken_back(desk, revision, cause=RecallReason.WRONG_RECIPIENT)
    assert named(figures(desk).corrections) == {"audience": 1}


@pytest.mark.requirement("P-41")
def test_annex_that_had_been_withheld_is_a_cause_of_its_own(desk: Packets) -> None:
    consumed(desk)
    desk.sources.attach("ATT-9", "other", b"Nobody knows what this is.")
    desk.assemble()
    assert named(figures(desk).corrections) == {"held-annex": 1}


@pytest.mark.requirement("P-43")
@pytest.mark.requirement("P-12")
def test_supersessions_are_counted_by_trigger_and_state_with_the_time_to_notice(desk: Packets) -> None:
    first = delivered(desk)
    entitle(desk)
    due(first)
    worked(desk, first)
    assert "withdrawn" in kinds(first)
    (found,) = figures(desk).supersessions
    assert (found.trigger, found.state, found.count, found.left, found.notified) == ("drift", "released", 1, 1, 1)
    assert found.median_seconds is not None
    assert found.median_seconds == found.longest_seconds


@pytest.mark.requirement("P-43")
def test_notice_that_nobody_has_confirmed_is_not_counted_as_one(desk: Packets) -> None:
    revision = consumed(desk)
    desk.ask()
    (found,) = figures(desk).supersessions
    assert (found.trigger, found.state, found.left, found.notified) == ("new-evidence", "consumed", 1, 0)
    worked(desk, revision)
    assert figures(desk).supersessions[0].notified == 1


def test_opened_while_stale_counts_those_of_which_it_is_known(desk: Packets) -> None:
    revision = delivered(desk)
    assert figures(desk).opened_known == 0
    entitle(desk)
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    worked(desk, revision)
    assert (figures(desk).opened_stale, figures(desk).opened_known) == (1, 1)


def test_fields_that_were_held_before_approval_are_counted_once(desk: Packets) -> None:
    Membership.objects.filter(user=desk.people["cy"]).update(roles=["escalation-owner", "identity-owner"])
    desk.sources.case["plan"] = "biz"
    desk.assemble()
    desk.assemble()
    assert figures(desk).held_fields == ()
    desk.sources.case["plan"] = "ent"
    last = desk.assemble()
    desk.approve(last, "ada", "ben")
    assert Revision.objects.get(pk=last.pk).approved_at is not None
    assert named(figures(desk).held_fields)["source-conflict"] == 1
