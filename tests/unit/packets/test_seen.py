"""Nobody approves what they have not seen all of, whatever door they come by; a mark lasts as long as a digest."""

from __future__ import annotations

import pytest

from handrail.audit.models import AuditEvent
from handrail.kernel.errors import Conflict, Denied
from handrail.packets import queries
from handrail.packets.actions import seeing, votes
from handrail.packets.models import Revision, SeenMark, Vote
from tests.factories.packets import Packets, everything

NOTHING = "sha256:" + "0" * 64


def approve(desk: Packets, revision: Revision, name: str, *seen: str) -> None:
    digest = str(revision.assembly.manifest_digest)
    votes.approve(ref=revision.packet.ref, revision=revision.number, digest=digest, seen=seen, by=desk.person(name))


def mark(desk: Packets, revision: Revision, name: str, *digests: str) -> seeing.Marked:
    return seeing.mark(ref=revision.packet.ref, revision=revision.number, digests=digests, by=desk.person(name))


def test_approve_unseen_is_refused_and_names_what_is_missing(desk: Packets) -> None:
    revision = desk.assemble()
    first, *others = everything(revision)
    with pytest.raises(Conflict) as refused:
        approve(desk, revision, "ada", *others)
    assert refused.value.code == "not-seen"
    assert [(fault.where, fault.message) for fault in refused.value.faults] == [("holds.json", first)]
    assert not Vote.objects.exists()
    assert not SeenMark.objects.exists()


def test_approve_after_marks_needs_no_names(desk: Packets) -> None:
    revision = desk.assemble()
    *most, last = everything(revision)
    assert mark(desk, revision, "ada", *most) == seeing.Marked(3, 4)
    assert mark(desk, revision, "ada", last, last) == seeing.Marked(4, 4)
    approve(desk, revision, "ada")
    assert Vote.objects.count() == 1


def test_what_is_named_with_the_vote_is_kept_as_seen(desk: Packets) -> None:
    revision = desk.assemble()
    approve(desk, revision, "ada", *everything(revision), NOTHING)
    assert set(SeenMark.objects.values_list("digest", flat=True)) == set(everything(revision))
    assert [one.by_you for one in queries.get_packet(desk.person("ada"), revision.packet.ref).seen] == [True] * 4
    assert [one.others for one in queries.get_packet(desk.person("ben"), revision.packet.ref).seen] == [1] * 4


def test_marks_are_of_one_person(desk: Packets) -> None:
    revision = desk.assemble()
    desk.see(revision, "ben")
    with pytest.raises(Conflict, match="not seen"):
        approve(desk, revision, "ada")


def test_what_stays_the_same_in_the_next_revision_stays_seen(desk: Packets) -> None:
    first = desk.assemble()
    desk.see(first, "ada")
    desk.sources.case["count"] = 9
    second = desk.assemble()
    with pytest.raises(Conflict) as refused:
        approve(desk, second, "ada")
    missing = {fault.where for fault in refused.value.faults}
    assert "packet.json" in missing
    assert "annexes/har-1.json" not in missing


def test_mark_of_what_the_revision_has_not_is_refused(desk: Packets) -> None:
    revision = desk.assemble()
    with pytest.raises(Conflict) as refused:
        mark(desk, revision, "ada", everything(revision)[0], NOTHING)
    assert refused.value.code == "digest-differs"
    assert not SeenMark.objects.exists()


def test_marking_twice_is_one_mark_and_one_event(desk: Packets) -> None:
    revision = desk.assemble()
    for _ in range(2):
        desk.see(revision, "ada")
    assert SeenMark.objects.count() == 4
    assert AuditEvent.objects.filter(event="packet.seen").count() == 1


def test_mark_needs_who_may_approve(desk: Packets) -> None:
    with pytest.raises(Denied):
        desk.see(desk.assemble(), "eve")


def test_nothing_of_a_revision_that_is_over_is_marked(desk: Packets) -> None:
    revision = desk.assemble()
    desk.assemble()
    with pytest.raises(Conflict) as refused:
        desk.see(revision, "ada")
    assert refused.value.code == "is-superseded"


def test_digests_of_an_earlier_revision_named_with_the_vote_are_not_enough(desk: Packets) -> None:
    earlier = everything(desk.assemble())
    desk.sources.case["count"] = 4
    revision = desk.assemble()
    with pytest.raises(Conflict) as refused:
        votes.approve(
            ref=revision.packet.ref,
            revision=revision.number,
            digest=revision.assembly.manifest_digest or "",
            by=desk.person("ada"),
            seen=earlier,
        )
    assert refused.value.code == "not-seen"
    assert not SeenMark.objects.exists()
