"""What leaves, looked at before and after: by whom, which bytes, and that it is in the audit log."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from handrail.access.models import Membership
from handrail.audit.models import AuditEvent
from handrail.connectors.blobs import BlobRefused
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.packets import annexes, settings
from handrail.packets.actions import exporting
from handrail.packets.models import AnnexRow, Revision
from handrail.packets.proof import manifest as manifests
from handrail.packets.proof import verify
from handrail.packets.proof.keys import KeyRing
from tests.factories.log import superuser
from tests.factories.packets import LANE, Packets
from tests.unit.packets.proof.making import KEY

ANNEX = "annexes/har-1.json"


def taken(desk: Packets, revision: Revision, name: str, by: str = "ada") -> bytes:
    found = exporting.document(ref=revision.packet.ref, revision=revision.number, name=name, by=desk.person(by))
    with found.stream as stream:
        return stream.read()


def test_every_document_has_the_digest_that_is_shown(desk: Packets) -> None:
    revision = desk.assemble()
    of = revision.assembly
    digests = {"packet.json": of.packet_digest, "trace.json": of.trace_digest, "holds.json": of.holds_digest}
    digests |= {"manifest.json": of.manifest_digest, ANNEX: AnnexRow.objects.get(path=ANNEX).cleared_digest}
    assert {name: digest_bytes(taken(desk, revision, name)) for name in digests} == digests
    assert json.loads(taken(desk, revision, ANNEX))["log"]["entries"]


def test_a_document_that_was_taken_is_in_the_audit_log(desk: Packets) -> None:
    revision = desk.assemble()
    taken(desk, revision, ANNEX, by="ben")
    event = AuditEvent.objects.get(event="packet.document_taken")
    assert (event.actor, event.subject, event.context["document"]) == (
        "ben@example.com",
        revision.packet.ref,
        ANNEX,
    )


@pytest.mark.parametrize("name", ["annexes/other-1.json", "other-1", "", "../packet.json", "annexes/", "x.json"])
def test_what_stays_inside_or_is_none_is_not_found(desk: Packets, name: str) -> None:
    revision = desk.assemble()
    with pytest.raises(NotFound):
        taken(desk, revision, name)
    assert not AuditEvent.objects.filter(event="packet.document_taken").exists()


def test_a_document_without_capability_is_denied(desk: Packets) -> None:
    revision = desk.assemble()
    Membership.objects.filter(user=desk.people["eve"]).update(roles=["workspace-administrator"])
    with pytest.raises(Denied):
        taken(desk, revision, "packet.json", by="eve")


def test_a_document_of_a_revision_that_is_being_assembled_is_refused(desk: Packets) -> None:
    revision = Revision.objects.select_related("packet").get(pk=desk.ask().id)
    with pytest.raises(Conflict, match="being assembled"):
        taken(desk, revision, "packet.json")


def test_there_is_no_package_of_a_revision_that_is_being_assembled(desk: Packets) -> None:
    revision = Revision.objects.select_related("packet").get(pk=desk.ask().id)
    with pytest.raises(Conflict, match="not released"):
        exporting.package(ref=revision.packet.ref, revision=1, by=desk.person("ada"))


def test_an_annex_that_was_changed_in_its_store_is_not_given(desk: Packets) -> None:
    revision = desk.assemble()
    key = f"{revision.tenant_id}.{revision.packet.ref}.annex.0"
    name = annexes.name_of(key, str(AnnexRow.objects.get(path=ANNEX).cleared_digest))
    folder: Path = settings.blobs()._folder  # type: ignore[attr-defined]
    (folder / name[:2] / name).write_bytes(b"other bytes")
    with pytest.raises(BlobRefused):
        taken(desk, revision, ANNEX)


def test_the_package_is_what_the_lane_got(desk: Packets) -> None:
    revision = desk.released()
    desk.deliver(revision)
    found = exporting.package(ref=revision.packet.ref, revision=1, by=desk.person("ada"))
    with found.stream as stream:
        assert stream.read() == desk.vendor.packages[str(revision.assembly.manifest_digest)]
    assert (found.filename, found.media_type) == (f"{revision.packet.ref}-r1.zip", "application/zip")
    assert AuditEvent.objects.filter(event="packet.exported").count() == 1


def test_the_package_before_release_is_refused(desk: Packets) -> None:
    revision = desk.assemble()
    with pytest.raises(Conflict, match="not released"):
        exporting.package(ref=revision.packet.ref, revision=1, by=desk.person("ada"))


def test_the_package_is_for_those_who_may_release(desk: Packets) -> None:
    revision = desk.released()
    with pytest.raises(Denied):
        exporting.package(ref=revision.packet.ref, revision=1, by=desk.person("eve"))


def test_write_document_replaces_nothing(desk: Packets, tmp_path: Path) -> None:
    revision = desk.assemble()
    asked = {"ref": revision.packet.ref, "revision": 1, "name": ANNEX, "directory": tmp_path, "by": desk.person("ada")}
    path = exporting.write_document(**asked)
    assert (path.name, path.read_bytes()) == (f"{revision.packet.ref}-r1-har-1.json", taken(desk, revision, ANNEX))
    with pytest.raises(Invalid):
        exporting.write_document(**asked)


def test_cover_before_release_is_a_preview_and_afterwards_what_the_package_has(desk: Packets, tmp_path: Path) -> None:
    revision = desk.assemble()
    before = taken(desk, revision, "cover.txt").decode()
    assert "This is a preview." in before
    assert f"From: {desk.workspace.name}" in before
    desk.approve(revision, "ada", "ben")
    desk.release(revision)
    package = exporting.export(ref=revision.packet.ref, revision=1, directory=tmp_path, by=desk.person("ada"))
    with zipfile.ZipFile(package) as archive:
        for name in ("cover.txt", "cover.html"):
            assert archive.read(f"{package.stem}/{name}") == taken(desk, revision, name)
    after = taken(desk, revision, "cover.txt").decode()
    assert "This is a preview." not in after
    assert "ada: escalation-owner" in after.lower()


def test_release_of_the_first_form_is_exported_as_it_was(desk: Packets, tmp_path: Path) -> None:
    """An upgrade finds revisions whose manifest was made before packages had covers, signed or not."""
    revision = desk.assemble()
    of = revision.assembly
    earlier = replace(manifests.from_payload(bytes(of.manifest)), sender=None)
    with superuser("packets_assembly"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE packets_assembly SET manifest = %s, manifest_digest = %s WHERE revision_id = %s",
            [earlier.payload(), earlier.digest(), revision.pk],
        )
    revision = Revision.objects.select_related("assembly", "packet").get(pk=revision.pk)
    with pytest.raises(NotFound):
        taken(desk, revision, "cover.txt")
    desk.approve(revision, "ada", "ben")
    desk.release(revision)
    package = exporting.export(ref=revision.packet.ref, revision=1, directory=tmp_path, by=desk.person("ada"))
    with zipfile.ZipFile(package) as archive:
        assert not [name for name in archive.namelist() if "cover" in name]
    verdict = verify.verify(package, verify.Expectation(keys=KeyRing.of([KEY.public]), lane=LANE, at=now()))
    assert verdict.findings == ()
    assert verdict.manifest == earlier
