"""Proofs of events and packets, as an auditor finds and downloads them; and what the API gives."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from handrail.access import queries as access
from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.audit import signing, tlogproof
from handrail.audit.actions import seal_all
from handrail.audit.models import AuditEvent
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.log import keep_mark
from tests.factories.packets import Packets, connected

pytestmark = pytest.mark.django_db
Enter = Callable[[User], Client]


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        yield one


@pytest.fixture
def packet(desk: Packets) -> str:
    """A packet that is released and sealed."""
    found = desk.released().packet.ref
    seal_all(by=access.worker("worker-1", 0))
    keep_mark()
    return found


@pytest.fixture
def auditor(desk: Packets, enter: Enter) -> Client:
    return enter(rows.member(desk.tenant.workspace, Role.AUDITOR))


def test_proofs_of_a_released_packet_are_found_from_its_page_and_downloaded(packet: str, auditor: Client) -> None:
    address = f"/admin/audit/proofs/packet/{packet}"
    assert address in auditor.get(f"/admin/packets/{packet}").content.decode()
    page = auditor.get(address)
    said = page.content.decode()
    assert (page.status_code, "Vote of ada" in said, "Vote of ben" in said) == (200, True, True)
    assert signing.get().verifier().to_text() in said
    file = auditor.get(f"{address}?file=approval-1.tlog-proof")
    assert file["Content-Disposition"] == 'attachment; filename="approval-1.tlog-proof"'
    by = signing.get()
    proven = tlogproof.verify(file.content.decode(), origin=by.origin, keys=[by.verifier()])
    assert proven.leaf == auditor.get(f"{address}?file=approval-1.leaf").content
    receipt = auditor.get(f"{address}?file=release.cose")
    assert (receipt["Content-Type"], receipt.content[:1]) == ("application/cose", b"\xd2")


def test_proof_of_an_event_is_behind_its_number(packet: str, auditor: Client, desk: Packets) -> None:
    event = AuditEvent.objects.filter(event="packet.released").get().pk
    address = f"/admin/audit/proofs/event/{event}"
    assert address in auditor.get("/admin/audit?event=packet.released").content.decode()
    assert auditor.get(address).status_code == 200
    assert auditor.get(f"{address}?file=event-{event}.tlog-proof").content.startswith(b"c2sp.org/tlog-proof@v1\nextra ")


@pytest.mark.parametrize("file", ["release.exe", "other.cose", "release", "."])
def test_file_that_is_not_there_is_not_found(packet: str, auditor: Client, file: str) -> None:
    assert auditor.get(f"/admin/audit/proofs/packet/{packet}?file={file}").status_code == 404


def test_packet_that_is_not_released_has_nothing_to_prove(desk: Packets, auditor: Client) -> None:
    revision = desk.assemble()
    page = auditor.get(f"/admin/audit/proofs/packet/{revision.packet.ref}")
    assert (page.status_code, "has not been released" in page.content.decode()) == (409, True)


def test_members_without_the_audit_log_prove_packets_and_no_events(packet: str, desk: Packets, enter: Enter) -> None:
    operator = enter(rows.member(desk.tenant.workspace, Role.OPERATOR))
    assert operator.get(f"/admin/audit/proofs/packet/{packet}").status_code == 200
    event = AuditEvent.objects.filter(event="packet.released").get().pk
    assert operator.get(f"/admin/audit/proofs/event/{event}").status_code == 403


def test_api_gives_the_same(packet: str, auditor: Client) -> None:
    event = AuditEvent.objects.filter(event="packet.released").get().pk
    one = auditor.get(f"/api/v1/audit/events/{event}/proof").json()
    assert (one["name"], one["row"]["quorum"]) == (f"event-{event}", None)
    several = auditor.get(f"/api/v1/packets/{packet}/proofs").json()
    assert [found["name"] for found in several] == ["release", "approval-1", "approval-2"]
    by = signing.get()
    for found in (one, *several):
        assert tlogproof.verify(found["row"]["proof"], origin=by.origin, keys=[by.verifier()])
        assert b64decode(found["row"]["receipt"])[0] == 0xD2
    status = auditor.get("/api/v1/audit/witnesses").json()
    assert (status["configured"], status["anchors"]) == (False, [])
    assert auditor.get("/api/v1/audit/timestamp").status_code == 409
