"""Pictures: one person redacts, another attests, and only then the newly drawn picture leaves."""

from __future__ import annotations

import json

import pytest

from handrail.access.models import Membership
from handrail.connectors import registry
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.packets import annexes
from handrail.packets.actions import redacting
from handrail.packets.actions.redacting import RedactionView
from handrail.packets.models import AnnexRow, Packet, PictureAttestation, PictureRedaction, Revision
from tests.factories.installation import define
from tests.factories.packets import Packets, retire
from tests.unit.packets.pictures import samples
from tests.unit.packets.pictures.profiles import WITH_PICTURES, with_pictures
from tests.unit.packets.pictures.samples import SECRET

BOX = [1, 0, 350, 800, 300]


@pytest.fixture
def held(desk: Packets) -> Revision:
    """A revision with a screenshot that nobody has redacted."""
    with_pictures(desk)
    desk.sources.attach("ATT-9", "picture", samples.screenshot())
    return desk.assemble()


def annex(revision: Revision) -> AnnexRow:
    return AnnexRow.objects.get(revision=revision, name="picture-1")


def redact(desk: Packets, revision: Revision, by: str = "eve", box: list[int] | None = None) -> RedactionView:
    return redacting.redact(
        ref=revision.packet.ref, revision=revision.number, annex="picture-1",
        original_digest=annex(revision).original_digest or "", boxes=[box or BOX], by=desk.person(by),
    )  # fmt: skip


def attest(desk: Packets, revision: Revision, digest: str, by: str = "cy") -> Revision:
    asked = redacting.attest(
        ref=revision.packet.ref, revision=revision.number, annex="picture-1", digest=digest, by=desk.person(by)
    )
    return desk.build(asked.id)


def test_picture_stays_inside_until_it_is_attested(desk: Packets, held: Revision) -> None:
    done = redact(desk, held)
    assert (annex(held).reason, annex(held).path) == ("unsanitised-artifact", "")
    following = attest(desk, held, done.result_digest)
    row = annex(following)
    assert (row.path, row.media_type, row.cleared_digest) == ("annexes/picture-1.png", "image/png", done.result_digest)
    with annexes.open_annex(Packet.objects.get(), done.result_digest) as stream:
        assert SECRET.encode() not in stream.read()


def test_lineage_has_both_digests_and_both_people(desk: Packets, held: Revision) -> None:
    done = redact(desk, held)
    following = attest(desk, held, done.result_digest)
    traced = json.loads(following.assembly.trace)["annexes"]["picture-1"]
    assert traced["digest"] == done.result_digest
    assert traced["report"]["original"] == annex(held).marker
    people = {name: (traced["report"][name]["by"], traced["report"][name]["role"]) for name in ("redacted", "attested")}
    assert people == {
        "redacted": (f"usr-{desk.people['eve'].pk}", "senior-support"),
        "attested": (f"usr-{desk.people['cy'].pk}", "escalation-owner"),
    }
    assert str(annex(held).original_digest) not in following.assembly.trace


def test_who_redacts_or_attests_is_no_signer_of_it(desk: Packets, held: Revision) -> None:
    following = attest(desk, held, redact(desk, held).result_digest)
    excluded = json.loads(bytes(following.assembly.manifest or b""))["predicate"]["signers"]["excluded"]
    assert {one["id"] for one in excluded if one["why"] == "hold-editor"} == {
        f"usr-{desk.people[name].pk}" for name in ("eve", "cy")
    }


def test_who_redacted_cannot_attest(desk: Packets, held: Revision) -> None:
    done = redact(desk, held, by="cy")
    with pytest.raises(Conflict) as refused:
        attest(desk, held, done.result_digest, by="cy")
    assert refused.value.code == "own-redaction"
    assert not PictureAttestation.objects.exists()


def test_new_redaction_voids_the_attestation(desk: Packets, held: Revision) -> None:
    following = attest(desk, held, redact(desk, held).result_digest)
    redact(desk, following, box=[1, 0, 0, 900, 900])
    last = desk.build(desk.newest.pk)
    assert (last.number, annex(last).path) == (following.number + 1, "")


def test_internal_note_that_changes_nothing_leaves_votes_for_an_attested_picture(desk: Packets, held: Revision) -> None:
    following = attest(desk, held, redact(desk, held).result_digest)
    desk.approve(following, "ada")
    desk.sources.case["bridge_notes"].append("Ana thinks that the signing key was rotated without telling anybody.")
    desk.approve(following, "ben")
    assert following.state == "approved"


def test_redaction_of_another_original_does_not_count(desk: Packets, held: Revision) -> None:
    attest(desk, held, redact(desk, held).result_digest)
    desk.sources["/cases/CASE-7/attachments"]["items"].pop()
    desk.sources.attach("ATT-9", "picture", samples.cmyk())
    assert annex(desk.assemble()).path == ""


@pytest.mark.parametrize(("by", "code"), [("ben", "not-yours")])
def test_roles_are_those_of_the_profile(desk: Packets, held: Revision, by: str, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        redact(desk, held, by=by)
    assert refused.value.code == code
    done = redact(desk, held)
    with pytest.raises(Conflict) as refused:
        attest(desk, held, done.result_digest, by=by)
    assert refused.value.code == code


def test_attesting_something_else_than_was_shown_is_refused(desk: Packets, held: Revision) -> None:
    first = redact(desk, held).result_digest
    redact(desk, held, box=[1, 5, 5, 50, 50])
    with pytest.raises(Conflict) as refused:
        attest(desk, held, first)
    assert refused.value.code == "digest-differs"


def test_attesting_what_nobody_redacted_is_refused(desk: Packets, held: Revision) -> None:
    with pytest.raises(Conflict) as refused:
        attest(desk, held, "sha256:" + "0" * 64)
    assert refused.value.code == "not-redacted"


def test_role_that_the_profile_names_no_more_keeps_the_picture_inside(desk: Packets, held: Revision) -> None:
    following = attest(desk, held, redact(desk, held).result_digest)
    retire(DefinitionKind.PACKET)
    other = WITH_PICTURES.replace("by: [senior-support, escalation-owner]", "by: [governance-owner]")
    define(desk.workspace, other.replace("version: 3", "version: 4"), DefinitionKind.PACKET)
    assert annex(desk.assemble()).path == ""
    assert annex(following).path != ""


def test_boxes_that_cannot_be_drawn_are_invalid(desk: Packets, held: Revision) -> None:
    with pytest.raises(Invalid):
        redact(desk, held, box=[2, 0, 0, 10, 10])
    assert not PictureRedaction.objects.exists()


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_original_is_shown_only_to_who_may_see_inside(desk: Packets, held: Revision, role: str) -> None:
    Membership.objects.filter(user=desk.people["eve"]).update(roles=[role])
    with pytest.raises(Denied):
        redacting.look(ref=held.packet.ref, revision=None, annex="picture-1", by=desk.person("eve"))
    with pytest.raises(Denied):
        redacting.page(ref=held.packet.ref, revision=None, annex="picture-1", number=1, boxes=(), by=desk.person("eve"))


def test_annex_of_another_kind_is_no_picture(desk: Packets, held: Revision) -> None:
    with pytest.raises(NotFound):
        redacting.look(ref=held.packet.ref, revision=None, annex="har-1", by=desk.person("eve"))


def test_finding_says_whether_it_is_covered(desk: Packets, held: Revision) -> None:
    desk.sources.attach("ATT-10", "picture", samples.report())
    revision = desk.assemble()
    name = {row.original_digest: row.name for row in AnnexRow.objects.filter(revision=revision)}
    digest = next(d for d, data in desk.sources.blobs.items() if data == samples.report())
    look = {"ref": revision.packet.ref, "revision": None, "annex": name[digest], "by": desk.person("eve")}
    before = redacting.look(**look)
    assert [one.covered for one in before.findings if one.finding.where == "text layer"] == [False]
    redacting.redact(**look | {"revision": revision.number}, original_digest=digest, boxes=[[1, 0, 200, 1000, 200]])
    assert all(one.covered for one in redacting.look(**look).findings)


def test_picture_that_cannot_be_drawn_says_why(desk: Packets, held: Revision) -> None:
    desk.sources.blobs[annex(held).original_digest or ""] = b"broken"
    found = redacting.look(ref=held.packet.ref, revision=None, annex="picture-1", by=desk.person("eve"))
    assert (found.pages, found.refused[:15]) == (0, "It is not a PDF")
    assert registry.current() is not None
