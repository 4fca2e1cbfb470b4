"""Votes stand while the same would leave: a source that has moved voids them only by what it changes."""

from __future__ import annotations

import pytest

from handrail.audit.models import AuditEvent
from handrail.packets.assembly import artifacts
from handrail.packets.errors import Drifted
from handrail.packets.models import Assembly, Revision, Snapshot
from tests.factories.packets import Packets
from tests.unit.packets.assembly.estate import event

NOTE = "Ana thinks that the signing key was rotated without telling the customer first."


@pytest.fixture
def signed(desk: Packets) -> Revision:
    """One of two has signed."""
    revision = desk.assemble()
    desk.approve(revision, "ada")
    return revision


def noted() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(event="packet.still_stands"))


def test_internal_note_that_nothing_quotes_leaves_votes_as_they_are(desk: Packets, signed: Revision) -> None:
    versions = list(Snapshot.objects.filter(revision=signed).values_list("name", "version"))
    desk.sources.case["bridge_notes"].append(NOTE)
    desk.approve(signed, "ben")
    assert signed.state == "approved"
    desk.sources.case["bridge_notes"].append("Another one, after both had signed.")
    desk.release(signed)
    desk.deliver(signed)
    assert signed.state == "released"
    assert [one.context["sources"] for one in noted()] == [["case"], ["case"]]
    assert "case" in str(noted()[0].context)
    assert NOTE not in str(noted()[0].context)
    assert list(Snapshot.objects.filter(revision=signed).values_list("name", "version")) == versions
    assert Assembly.objects.count() == 1


def test_internal_note_that_a_leaving_text_quotes_voids_votes(desk: Packets, signed: Revision) -> None:
    desk.sources.case["bridge_notes"].append("As told to the vendor: Vendor status page names the signing service.")
    with pytest.raises(Drifted):
        desk.approve(signed, "ben")
    signed.refresh_from_db()
    assert signed.state == "superseded"
    assert not noted()


def test_entry_of_an_internal_class_behind_the_others_leaves_votes_as_they_are(desk: Packets, signed: Revision) -> None:
    desk.sources.case["timeline"].append(event("update", NOTE, "internal"))
    desk.approve(signed, "ben")
    assert signed.state == "approved"


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/cases/CASE-7", "count", 4),
        ("/cases/CASE-7", "tlp", "TLP:RED"),
        ("/cases/CASE-7", "updated_at", "2020-01-01T00:00:00Z"),
        ("/roster", "lane", "another-lane"),
        ("/connectors", "items", []),
    ],
)
def test_what_changes_a_value_or_raises_a_hold_voids_votes(
    desk: Packets, signed: Revision, path: str, name: str, value: object
) -> None:
    desk.sources[path][name] = value
    with pytest.raises(Drifted):
        desk.approve(signed, "ben")


def test_source_that_entitles_voids_votes_by_any_change(desk: Packets, signed: Revision) -> None:
    desk.sources["/tenants/ten_a"]["revision"] = 5
    with pytest.raises(Drifted):
        desk.approve(signed, "ben")


def test_attachment_that_came_meanwhile_voids_votes(desk: Packets, signed: Revision) -> None:
    desk.sources.attach("ATT-9", "screenshot", b"another picture")
    with pytest.raises(Drifted):
        desk.approve(signed, "ben")


def test_nothing_is_sanitised_again_for_the_comparison(
    desk: Packets, signed: Revision, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    own = artifacts.sanitise

    def counted(*given: object, **told: object) -> object:
        asked.append("sanitised")
        return own(*given, **told)  # type: ignore[arg-type]

    monkeypatch.setattr(artifacts, "sanitise", counted)
    desk.sources.case["bridge_notes"].append(NOTE)
    desk.approve(signed, "ben")
    assert asked == []
    assert signed.state == "approved"


def test_source_that_moves_and_comes_back_is_decided_by_the_one_reading(desk: Packets, signed: Revision) -> None:
    """What the comparison sees is what was read when the drift was seen: nothing is asked a second time."""
    desk.sources.case["bridge_notes"].append(NOTE)
    before = len(desk.sources.asked)
    desk.approve(signed, "ben")
    assert len(desk.sources.asked) - before == len(set(desk.sources.asked[before:]))


def test_case_that_became_another_tenants_voids_votes(desk: Packets, signed: Revision) -> None:
    desk.sources.records["/tenants/ten_b"] = dict(desk.sources["/tenants/ten_a"])
    desk.sources.case["tenant_id"] = "ten_b"
    with pytest.raises(Drifted):
        desk.approve(signed, "ben")
    assert not noted()
