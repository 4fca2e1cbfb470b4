"""A dry run says what a packet would be, and leaves nothing behind but the event that sources were read."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from handrail.access.models import Membership, Tenant
from handrail.audit.models import AuditEvent
from handrail.connectors.blobs import FolderBlobs
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, HandrailError, Invalid, NotFound, Unavailable
from handrail.packets import settings
from handrail.packets.actions import assembling, previewing
from handrail.packets.actions.previewing import PacketPreview
from handrail.packets.errors import Drifted
from handrail.packets.models import Assembly, Revision, Snapshot
from tests.factories.packets import Packets


def preview(desk: Packets, by: str = "dee", **changes: Any) -> PacketPreview:
    inputs = {**desk.inputs(), **changes}
    return previewing.preview(profile="outage-escalation", inputs=inputs, by=desk.person(by))


def kept() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in apps.get_app_config("packets").get_models()}


def test_preview_says_what_the_revision_would(desk: Packets) -> None:
    desk.sources.case["plan"] = "biz"
    found = preview(desk)
    revision = desk.assemble()
    assert found.state == revision.state == "held"
    made = {(hold.code, hold.target) for hold in revision.holds.all()}
    assert {(hold.code, target) for hold in found.holds for target in hold.targets} == made
    assert {(annex.name, annex.cleared) for annex in found.annexes} == {
        (row.name, row.cleared_digest is not None) for row in revision.annexes.all()
    }
    held = {field.path: field.held for field in found.fields if field.held}
    assert held == {"tenant.plan": ("source-conflict",)}


def test_preview_keeps_nothing_but_its_audit_event(desk: Packets) -> None:
    before = kept()
    preview(desk)
    assert kept() == before
    store = settings.blobs()
    assert isinstance(store, FolderBlobs)
    assert not [path for path in vars(store)["_folder"].rglob("*") if path.is_file()]
    event = AuditEvent.objects.get(event="packet.previewed")
    assert (event.actor, event.subject_kind, event.subject) == ("dee@example.com", "profile", "outage-escalation")


def test_preview_shows_blocking_holds_first_and_no_facts(desk: Packets) -> None:
    desk.sources.case["plan"] = "planted-plan"
    found = preview(desk)
    assert [hold.blocking for hold in found.holds] == sorted((hold.blocking for hold in found.holds), reverse=True)
    assert "planted-plan" not in repr(found)


def test_preview_is_refused_as_assembling_is(desk: Packets) -> None:
    for changes, refusal in (({"case": "no case"}, Invalid), ({"tenant": "ten_nobody"}, NotFound)):
        with pytest.raises(refusal):
            preview(desk, **changes)
        with pytest.raises(refusal):
            assembling.request(profile="outage-escalation", inputs={**desk.inputs(), **changes}, by=desk.person("dee"))
    assert not AuditEvent.objects.filter(event="packet.previewed").exists()


def test_preview_for_a_closed_tenant_is_refused_as_assembling_is(desk: Packets) -> None:
    Tenant.objects.update(closed_at=now(), closed_by="olga@example.com", closed_reason="Gone.")
    codes = []
    for act in (previewing.preview, assembling.request):
        with pytest.raises(HandrailError) as refused:
            act(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))  # type: ignore[operator]
        codes.append(refused.value.code)
    assert codes[0] == codes[1]


def test_preview_without_the_capability_is_denied(desk: Packets) -> None:
    Membership.objects.filter(user=desk.people["dee"]).update(roles=["auditor"])
    with pytest.raises(Denied):
        preview(desk)


def test_preview_says_when_a_source_can_not_be_read(desk: Packets) -> None:
    desk.sources.failing.add("/cases/CASE-7")
    with pytest.raises(Unavailable):
        preview(desk)


def test_preview_of_another_tenants_case_shows_nothing_of_it(desk: Packets) -> None:
    """Who may ask is decided by the tenant that they named, what is read by the case."""
    desk.sources.case["tenant_id"] = "ten_b"
    with pytest.raises(Conflict) as refused:
        preview(desk)
    assert refused.value.code == "other-tenant"
    assert "ten_b" not in refused.value.message


def test_assembly_of_another_tenants_case_keeps_nothing_of_it(desk: Packets) -> None:
    asked = desk.ask()
    desk.sources.case["tenant_id"] = "ten_b"
    with pytest.raises(Conflict, match="does not belong to ten_a"):
        desk.build(asked.id)
    assert not Assembly.objects.exists()
    assert not Snapshot.objects.exists()


def test_case_that_becomes_another_tenants_is_superseded_and_not_shown_again(desk: Packets) -> None:
    revision = desk.assemble()
    desk.see(revision, "ada")
    desk.sources.case["tenant_id"] = "ten_b"
    with pytest.raises(Drifted):
        desk.approve(revision, "ada")
    following = Revision.objects.exclude(pk=revision.pk).get()
    with pytest.raises(Conflict, match="does not belong to ten_a"):
        desk.build(following.pk)
