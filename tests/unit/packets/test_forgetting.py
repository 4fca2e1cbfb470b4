"""What of a packet is forgotten, when, and what remains."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection

from handrail.access import queries as access
from handrail.access import subjects
from handrail.access.fields import is_forgotten
from handrail.access.models import LegalHold
from handrail.access.subjects import ForgetReason, KeyKind, SubjectKeysUnavailable
from handrail.audit import signing, verification
from handrail.audit.actions import seal_all
from handrail.audit.models import AuditEvent
from handrail.connectors.blobs import BlobUnavailable
from handrail.definitions.states import DefinitionKind
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict
from handrail.packets import evaluation, metrics, queries, settings
from handrail.packets.actions import assembling, exporting, forgetting
from handrail.packets.models import Forgetting, Packet, Revision
from handrail.packets.proof import verify
from handrail.packets.proof.keys import KeyRing
from tests.factories.installation import Installation, define
from tests.factories.log import superuser
from tests.factories.packets import KEY, LANE, Packets, connected, retire
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.packets.test_encrypted import encrypting

KEEP = "keep: {annexes: 90d, values: 400d}\n"


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        keep(one)
        yield one


def keep(desk: Packets) -> None:
    """Their profile keeps things for a time."""
    retire(DefinitionKind.PACKET)
    text = PROFILE.replace("version: 2", "version: 3", 1).replace("hold_owner:", f"{KEEP}hold_owner:", 1)
    define(desk.workspace, text, DefinitionKind.PACKET)


def ended(desk: Packets, *, days: int) -> Revision:
    """A packet that the vendor consumed so many days ago."""
    revision = desk.released()
    desk.deliver(revision)
    desk.vendor.consume(str(revision.assembly.manifest_digest))
    desk.deliver(revision)
    revision.refresh_from_db()
    assert revision.state == "consumed"
    Revision.objects.filter(pk=revision.pk).update(updated_at=now() - timedelta(days=days), due_at=None)
    return Revision.objects.select_related("packet", "assembly", "release").get(pk=revision.pk)


def forget() -> int:
    subjects.forget_cached()
    done = forgetting.forget_due(name="worker")
    subjects.forget_cached()
    return done


def everything() -> str:
    """Every row of every table of packets, as text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'packets_%%'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t")
            found += [row for (row,) in cursor.fetchall()]
    return "\n".join(found)


def test_nothing_is_forgotten_before_its_time(desk: Packets) -> None:
    ended(desk, days=89)
    assert forget() == 0


def test_annexes_go_first(desk: Packets) -> None:
    revision = ended(desk, days=91)
    assert forget() == 1
    with pytest.raises(Conflict, match="erased on"):
        exporting.package(ref=revision.packet.ref, revision=1, by=desk.person("ada"))
    detail = queries.get_packet(desk.person("ada"), revision.packet.ref)
    assert [part.what for part in detail.forgotten] == ["cleared annexes"]
    assert detail.fields


def test_blobs_of_forgotten_annexes_are_removed(desk: Packets) -> None:
    ended(desk, days=91)
    folder: Path = settings.blobs()._folder  # type: ignore[attr-defined]
    assert [path for path in folder.rglob("*") if path.is_file()]
    forget()
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_encrypted_to_the_vendor_is_removed_with_them(desk: Packets) -> None:
    with encrypting(desk):
        ended(desk, days=91)
    folder: Path = settings.blobs()._folder  # type: ignore[attr-defined]
    forget()
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_values_are_nowhere_in_the_tables(desk: Packets) -> None:
    revision = ended(desk, days=401)
    case, values = revision.packet.inputs["case"], str(revision.snapshots.first().values)
    assert forget() == 2
    assert case not in everything()
    assert values not in everything()
    assert Packet.objects.get().terms == []


def test_page_of_a_forgotten_packet_says_so(desk: Packets) -> None:
    revision = ended(desk, days=401)
    forget()
    review = queries.get_packet_review(desk.person("ada"), revision.packet.ref)
    assert [part.what for part in review.detail.forgotten] == ["cleared annexes", "values"]
    assert review.detail.summary.subject.startswith("erased on ")
    assert (review.detail.fields, review.detail.holds, review.comparison) == ((), (), None)
    assert queries.list_packets(desk.person("ada"))[0].subject.startswith("erased on ")


def test_forgotten_packet_is_not_found_by_its_case(desk: Packets) -> None:
    revision = ended(desk, days=401)
    case = revision.packet.inputs["case"]
    assert queries.find_packets(desk.person("ada"), case, limit=5)
    forget()
    assert not queries.find_packets(desk.person("ada"), case, limit=5)


@pytest.mark.parametrize("name", ["packet.json", "cover.txt"])
def test_documents_of_a_forgotten_packet_are_refused(desk: Packets, name: str) -> None:
    revision = ended(desk, days=401)
    forget()
    with pytest.raises(Conflict) as refused:
        exporting.document(ref=revision.packet.ref, revision=1, name=name, by=desk.person("ada"))
    assert refused.value.code == "forgotten"


def test_case_can_be_assembled_again(desk: Packets) -> None:
    before = ended(desk, days=401)
    forget()
    asked = assembling.request(profile="outage-escalation", inputs=desk.inputs(), by=desk.person("dee"))
    assert asked.ref != before.packet.ref
    assert desk.build(asked.id).assembly.packet


def test_forgotten_packet_has_no_next_revision(desk: Packets) -> None:
    before = ended(desk, days=401)
    forget()
    with pytest.raises(Conflict) as refused:
        assembling.again(ref=before.packet.ref, reason="New evidence came in.", by=desk.person("dee"))
    assert refused.value.code == "forgotten"


def test_it_is_recorded_once(desk: Packets) -> None:
    revision = ended(desk, days=401)
    assert (forget(), forget()) == (2, 0)
    events = AuditEvent.objects.filter(event="packet.forgotten", subject=revision.packet.ref)
    assert {event.context["what"] for event in events} == {"annexes", "values"}
    [metric] = [one for one in metrics.read() if one.name == "handrail_packets_forgotten"]
    assert dict(metric.values) == {"annex": 1, "values": 1}


def test_worker_killed_between_key_and_record_leaves_it_to_the_next(desk: Packets) -> None:
    revision = ended(desk, days=401)
    subjects.destroy(revision.tenant_id, record=revision.packet.ref, reason=ForgetReason.RETENTION, at=now())
    assert forget() == 2
    assert Forgetting.objects.count() == 2


def test_store_that_is_away_leaves_nothing_recorded(desk: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(desk, days=401)

    def away(*_: Any) -> None:
        raise SubjectKeysUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(subjects.store(), "replace", away)
        with pytest.raises(SubjectKeysUnavailable):
            forget()
    assert not Forgetting.objects.exists()
    assert forget() == 2


def test_legal_hold_stops_it(desk: Packets) -> None:
    revision = ended(desk, days=401)
    hold = LegalHold.objects.create(
        ref="HLD-1", workspace=desk.workspace, tenant_id=revision.tenant_id, at=now(), by="cy", reason="A court asked."
    )
    assert forget() == 0
    LegalHold.objects.filter(pk=hold.pk).update(
        lifted_at=now(), lifted_by="ben", lift_asked_at=now(), lift_asked_by="cy", lift_reason="It is over."
    )
    assert forget() == 2


def test_packet_that_goes_on_is_kept(desk: Packets) -> None:
    revision = ended(desk, days=401)
    Revision.objects.update(due_at=now())
    assert forget() == 0
    assert revision.packet.inputs


def test_package_that_was_delivered_still_verifies(desk: Packets, tmp_path: Path) -> None:
    revision = ended(desk, days=401)
    package = desk.vendor.packages[str(revision.assembly.manifest_digest)]
    forget()
    (tmp_path / "package.zip").write_bytes(package)
    expected = verify.Expectation(keys=KeyRing.of([KEY.public]), lane=LANE, at=now())
    assert verify.verify(tmp_path / "package.zip", expected).findings == ()
    assert Revision.objects.get(pk=revision.pk).release.manifest_envelope
    assert evaluation.evaluate(desk.person("ada")).bound == 1


def test_log_that_sealed_it_stays_whole(desk: Packets) -> None:
    with signing.use(signing.Signing("example.com/log", Ed25519PrivateKey.generate())):
        revision = ended(desk, days=401)
        sealer = access.worker("worker", 0)
        seal_all(by=sealer)
        forget()
        seal_all(by=sealer)
        found = verification.verify()
    assert (found.whole, found.unsealed) == (True, 0)
    assert is_forgotten(Revision.objects.get(pk=revision.pk).cause_detail or Packet.objects.get().subject)


def test_removal_that_failed_is_made_up_for(desk: Packets, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(desk, days=91)
    folder: Path = settings.blobs()._folder  # type: ignore[attr-defined]

    def away(*_: Any) -> None:
        raise BlobUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(settings.blobs(), "remove", away)
        assert forget() == 0
    assert not Forgetting.objects.exists()
    assert forget() == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_packet_from_before_is_not_said_to_be_erased(desk: Packets) -> None:
    revision = ended(desk, days=401)
    with superuser("packets_packet"), connection.cursor() as cursor:
        cursor.execute("UPDATE packets_packet SET inputs = %s", ['{"case": "CASE-1"}'])
    assert forget() == 0
    assert queries.get_packet(desk.person("ada"), revision.packet.ref).forgotten == ()
    assert not AuditEvent.objects.filter(event="packet.forgotten").exists()


def test_key_kinds_are_named() -> None:
    assert set(forgetting.WORDS) == {KeyKind.ANNEX, KeyKind.VALUES}
