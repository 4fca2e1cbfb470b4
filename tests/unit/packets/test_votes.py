"""Votes: one person, one vote, for one exact manifest; and what moved meanwhile."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from handrail.access.fields import sealed_value
from handrail.access.models import Membership
from handrail.definitions.states import DefinitionKind
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound, Unavailable
from handrail.packets import evaluation, permissions, queries
from handrail.packets.actions import assembling, holds, releasing, votes
from handrail.packets.errors import Drifted
from handrail.packets.models import Assembly, HoldRow, Packet, Revision, Vote
from tests.factories.installation import define, member
from tests.factories.packets import Packets, everything, retire
from tests.unit.definitions.profile_samples import PROFILE


def vote(desk: Packets, revision: Revision, name: str, digest: str | None = None) -> None:
    votes.approve(
        ref=revision.packet.ref,
        revision=revision.number,
        digest=digest or str(revision.assembly.manifest_digest),
        by=desk.person(name),
        seen=everything(revision),
    )


@pytest.mark.requirement("P-09")
def test_two_owners_approve_a_revision(desk: Packets) -> None:
    revision = desk.assemble()
    assert revision.state == "in_review", list(HoldRow.objects.values_list("code", "target", "blocking"))
    desk.approve(revision, "ada")
    assert revision.state == "in_review"
    desk.approve(revision, "ben")
    assert revision.state == "approved"


@pytest.mark.requirement("P-09")
def test_approve_another_digest_is_refused(desk: Packets) -> None:
    revision = desk.assemble()
    with pytest.raises(Conflict) as refused:
        vote(desk, revision, "ada", "sha256:" + "0" * 64)
    assert refused.value.code == "digest-differs"


@pytest.mark.requirement("P-09")
def test_approve_as_the_assembler_is_refused(desk: Packets) -> None:
    with pytest.raises(Conflict) as refused:
        vote(desk, desk.assemble(), "dee")
    assert refused.value.code == "assembler"


def test_approve_twice_is_refused(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada")
    with pytest.raises(Conflict) as refused:
        vote(desk, revision, "ada")
    assert refused.value.code == "voted"


def test_approve_without_capability_is_denied(desk: Packets) -> None:
    with pytest.raises(Denied):
        vote(desk, desk.assemble(), "eve")


def test_approve_by_somebody_who_joined_later_is_refused(desk: Packets) -> None:
    revision = desk.assemble()
    Membership.objects.filter(user=desk.people["eve"]).update(roles=["escalation-owner"])
    with pytest.raises(Conflict) as refused:
        vote(desk, revision, "eve")
    assert refused.value.code == "not-a-signer"


def test_a_member_of_another_workspace_sees_nothing(desk: Packets) -> None:
    revision = desk.assemble()
    stranger = desk.person("ada").__class__(**{**_fields(desk.person("ada")), "workspace_id": 10**6})
    with pytest.raises(NotFound):
        queries.get_packet(stranger, revision.packet.ref)


@pytest.mark.requirement("P-12")
def test_approve_after_a_source_moved_makes_a_new_revision(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada")
    desk.sources["/tenants/ten_a"]["status"] = "suspended"
    with pytest.raises(Drifted) as refused:
        vote(desk, revision, "ben")
    assert ("tenant.status", "changed from active to suspended") in [
        (fault.where, fault.message) for fault in refused.value.faults
    ]
    revision.refresh_from_db()
    assert (revision.state, revision.ended_cause) == ("superseded", "drift")
    following = desk.build(desk.newest.pk)
    assert following.state == "held"
    assert not Vote.objects.filter(revision=following).exists()


def test_drift_names_the_fields_of_the_packet_and_what_was_added(desk: Packets) -> None:
    revision = desk.assemble()
    desk.sources["/tenants/ten_a"]["plan"] = "biz"
    desk.sources.attach("ATT-9", "har", b"{}")
    with pytest.raises(Drifted) as refused:
        vote(desk, revision, "ben")
    told = {fault.where: fault.message for fault in refused.value.faults}
    assert told["tenant.plan"] == "changed from ent to biz; it feeds tenant.plan"
    assert told["artifacts.items"] == "changed from 2 entries to 3: 1 added: ATT-9"
    assert {"where": "tenant.plan", "before": "ent", "after": "biz", "fields": ["tenant.plan"]} in (
        desk.newest.cause_detail
    )


def test_a_moved_value_that_stays_inside_is_not_quoted(desk: Packets) -> None:
    revision = desk.assemble()
    desk.sources.case["bridge_notes"] = ["Another secret."]
    desk.sources.case["count"] = 4  # by itself the note changes nothing that leaves
    with pytest.raises(Drifted) as refused:
        vote(desk, revision, "ben")
    assert "secret" not in str(refused.value.faults)


@pytest.mark.parametrize(
    ("path", "name", "was"),
    [("/tenants/ten_a", "plan", "ent"), ("/cases/CASE-7", "tags", ["outage"])],
)
def test_what_must_not_leave_of_a_moved_value_is_not_quoted(desk: Packets, path: str, name: str, was: object) -> None:
    revision = desk.assemble()
    said = "The password is Winter2026! for now."
    desk.sources[path][name] = [said] if isinstance(was, list) else said
    desk.sources.case["plan"] = "biz"
    with pytest.raises(Drifted) as refused:
        vote(desk, revision, "ben")
    told = f"{refused.value.faults} {desk.newest.cause_detail}"
    assert ("Winter2026" in told, "[masked: password] for now." in told) == (False, True)


@pytest.mark.requirement("P-12", "P-41", "P-43")
def test_release_after_a_source_moved_supersedes_instead(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    desk.sources.case["count"] = 4
    with pytest.raises(Drifted):
        desk.release(revision)
    revision.refresh_from_db()
    assert revision.state == "superseded"
    figures = evaluation.evaluate(desk.person("ada"))
    assert [(one.name, one.count) for one in figures.corrections] == [("drift", 1)]
    assert [(one.name, one.count) for one in figures.superseded] == [("approved", 1)]


@pytest.mark.requirement("P-13")
def test_approve_after_the_profile_changed_makes_a_held_revision(desk: Packets) -> None:
    revision = desk.assemble()
    retire(DefinitionKind.PACKET)
    define(desk.workspace, PROFILE.replace("version: 2", "version: 3"), DefinitionKind.PACKET)
    with pytest.raises(Drifted):
        vote(desk, revision, "ada")
    following = desk.build(desk.newest.pk)
    assert following.cause == "definition-changed"
    assert HoldRow.objects.filter(revision=following, code="definition-changed").exists()


def test_approve_while_a_source_is_away_changes_nothing(desk: Packets) -> None:
    revision = desk.assemble()
    desk.sources.failing.add("/tenants/ten_a")
    with pytest.raises(Unavailable):
        vote(desk, revision, "ada")
    assert desk.newest == revision


def test_reject_needs_a_reason_and_ends_the_revision(desk: Packets) -> None:
    revision = desk.assemble()
    with pytest.raises(Invalid):
        votes.reject(ref=revision.packet.ref, revision=1, reason=" ", by=desk.person("ada"))
    votes.reject(ref=revision.packet.ref, revision=1, reason="Wrong impact.", by=desk.person("ada"))
    revision.refresh_from_db()
    assert (revision.state, revision.ended_reason) == ("rejected", "Wrong impact.")


def test_an_expired_revision_is_withdrawn_and_can_not_be_approved(
    desk: Packets, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada", "ben")
    later = revision.assembly.expires_at
    monkeypatch.setattr("handrail.packets.expiry.now", lambda: later)
    with pytest.raises(Conflict) as refused:
        desk.release(revision)
    assert refused.value.code == "expired"
    assert releasing.expire_all(name="worker-1") == 1
    revision.refresh_from_db()
    assert (revision.state, revision.ended_cause) == ("withdrawn", "expired")


@pytest.mark.requirement("P-12")
def test_clearing_a_hold_makes_a_revision_that_its_clearer_can_not_approve(desk: Packets) -> None:
    desk.sources.case["plan"] = "biz"  # the tenant registry says otherwise
    revision = desk.assemble()
    assert revision.state == "held"
    hold = HoldRow.objects.get(revision=revision, code="source-conflict")
    with pytest.raises(Conflict) as refused:
        clear(desk, revision, hold, "ada")
    assert refused.value.code == "not-yours"
    Membership.objects.filter(user=desk.people["cy"]).update(roles=["escalation-owner", "privacy", "identity-owner"])
    asked = clear(desk, revision, hold, "cy")
    revision.refresh_from_db()
    assert (revision.state, revision.ended_cause) == ("superseded", "hold-cleared")
    following = desk.build(asked.id)
    assert following.state == "in_review"
    with pytest.raises(Conflict) as barred:
        vote(desk, following, "cy")
    assert barred.value.code == "hold-editor"
    desk.approve(following, "ada", "ben")
    assert following.state == "approved"


def test_a_revision_that_nobody_could_sign_is_held_and_says_why(desk: Packets) -> None:
    Membership.objects.filter(user__email__in=["ben@example.com", "cy@example.com"]).update(is_active=False)
    revision = desk.assemble()
    assert revision.state == "held"
    assert "privacy" in revision.assembly.fault


def test_the_database_refuses_to_change_what_was_assembled_or_voted(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada")
    for rows, changes in (
        (Assembly.objects.all(), {"packet": sealed_value(revision.assembly, "packet", "{}")}),
        (Packet.objects.all(), {"subject": sealed_value(revision.packet, "subject", "another")}),
        (Vote.objects.all(), {"name": "somebody"}),
        (Revision.objects.all(), {"number": 9}),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(**changes)
    assert connection.is_usable()


def test_counting_votes_asks_as_often_for_many_members_as_for_few(
    desk: Packets, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    revision = desk.assemble()
    who = desk.person("ada")
    for name in ("ben", "cy"):
        limited = Membership.objects.get(user=desk.people[name])
        limited.tenants.add(desk.tenant, through_defaults={"created_at": now()})
        Membership.objects.filter(pk=limited.pk).update(all_tenants=False)
    with CaptureQueriesContext(connection) as few:
        permissions.why_not_release(who, revision)
    for number in range(5):
        member(desk.workspace, f"more-{number}", ["packet-signer", "privacy"])
    more = Membership.objects.filter(user__email__startswith="more-")
    for one in more:
        one.tenants.add(desk.tenant, through_defaults={"created_at": now()})
    more.update(all_tenants=False)
    with django_assert_num_queries(len(few)):
        refused = permissions.why_not_release(who, revision)
    assert refused is not None
    assert refused.code == "short-of-signers"


def test_a_page_gets_all_parts_of_a_revision(desk: Packets) -> None:
    revision = desk.assemble()
    desk.approve(revision, "ada")
    found = queries.get_packet(desk.person("ben"), revision.packet.ref)
    assert found.why_not_approve is None
    assert found.votes is not None
    assert found.votes.missing == ("1 of 2 approvals", "0 of 1 from privacy")
    assert {one.name: one.signed for one in found.votes.signers} == {"Ada": True, "Ben": False, "Cy": False}
    assert next(one for one in found.fields if one.path == "tenant.id").value == "VND-0017"
    assert {one.cleared for one in found.annexes} == {True, False}
    assert queries.list_packets(desk.person("ben"))[0].ref == revision.packet.ref


def clear(desk: Packets, revision: Revision, hold: HoldRow, name: str) -> assembling.Requested:
    return holds.clear(
        ref=revision.packet.ref,
        revision=revision.number,
        code=hold.code,
        target=hold.target,
        reason="Both plans mean the same contract.",
        by=desk.person(name),
    )


def _fields(actor: object) -> dict[str, object]:
    return {name: getattr(actor, name) for name in actor.__slots__}  # type: ignore[attr-defined]
