"""A tenant is erased after its runs and packets: its values are in no dump, and what was proven still is."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from handrail.access import erasures, kept_erasures, queries, subjects
from handrail.access.capabilities import Role
from handrail.access.keystore import KeyName
from handrail.access.models import Tenant
from handrail.cli import restored as before_serving
from handrail.cli.entry import run as handrail
from handrail.kernel.clock import now
from handrail.packets.models import Revision
from handrail.packets.proof import verify
from handrail.packets.proof.keys import KeyRing
from handrail.runbooks.models import OperationRun, Report
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.packets import LANE, connected
from tests.factories.switches import SwitchBoard
from tests.factories.switches import connected as with_board
from tests.integration.cli.test_restore import program, restored
from tests.unit.packets.assembly.estate import GIVEN
from tests.unit.packets.proof.making import KEY

UNAVAILABLE = 7
SWITCH, CUSTOMER = "unmistakable-switch", "Unmistakable Ltd"


@pytest.mark.requirement("R2-23")
def test_values_of_an_erased_tenant_are_nowhere_and_proofs_stay_whole(
    committed_db: str, django_db_blocker: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = SwitchBoard()
    board.add(SWITCH, owner="ten_a")
    before, after = tmp_path / "before.dump", tmp_path / "after.dump"
    with django_db_blocker.unblock(), kept_erasures.configured.use(tmp_path / "kept-erasures"):
        house = Installation(tenant="ten_a", customer=CUSTOMER)
        with with_board(board):
            assert house.runs.advance(house.runs.start(switch=SWITCH)).state == "completed"
        Report.objects.update(due_at=None, delivered_at="2026-01-01T00:00:00Z")
        with connected(house.packets) as desk:
            revision = desk.released()
            desk.deliver(revision)
            digest = revision.assembly.manifest_digest or ""
            package = desk.vendor.packages[digest]
            desk.vendor.consume(digest)
            desk.deliver(revision)
            assert revision.state == "consumed"
            Revision.objects.update(due_at=now())  # the vendor may still reply
        said(capsys, "audit", "seal")
        dumped(committed_db, before)
        copy = {name: subjects.store().read(name) for name in living(house.tenant.pk)}
        values = [SWITCH, CUSTOMER, *(str(one) for one in GIVEN.values() if len(str(one)) > 5)]
        assert any(value.encode() in package for value in values)

        erase(house)
        dumped(committed_db, after)
        assert not Revision.objects.filter(due_at__isnull=False).exists()
        left = [value for value in values if value in text_of(after)]
        assert left == []
        said(capsys, "audit", "seal")
        assert json.loads(said(capsys, "audit", "verify", "--json"))["whole"] is True
        assert accepted(package)

        with restored(committed_db, before):  # and a copy of the keys that is as old
            for name, record in copy.items():
                subjects.store().replace(name, record or "")
            subjects.forget_cached()
            assert OperationRun.objects.get().task["switch_id"] == SWITCH
            nothing_is_served_with_a_changed_list(capsys)
            before_serving.forget_again()
            assert f"{len(copy)} keys destroyed again" in capsys.readouterr().out
            assert SWITCH not in json.dumps(OperationRun.objects.get().task)
            assert CUSTOMER not in Tenant.objects.get().name


def nothing_is_served_with_a_changed_list(capsys: pytest.CaptureFixture[str]) -> None:
    kept = kept_erasures.configured.get()
    whole = kept.read_bytes()
    kept.write_bytes(whole.replace(b"A", b"B"))
    for command in ("worker", "web"):
        assert handrail([command]) == UNAVAILABLE
        assert "was not signed by this installation" in capsys.readouterr().err
    kept.write_bytes(whole)


def erase(house: Installation) -> None:
    one, two = (queries.actor_for(rows.member(house.workspace, Role.GOVERNANCE_OWNER)) for _ in range(2))
    ref = erasures.ask(key="ten_a", reason="The contract ended.", by=one)
    finished = erasures.confirm(ref=ref, by=two)
    assert finished.state == "finished"
    sealed = {one["column"] for one in json.loads(finished.certificate)["forgotten"]}
    assert {"packets_deliveryentry.detail", "packets_release.manifest_envelope"} <= sealed


def living(tenant_id: int) -> list[KeyName]:
    return [name for name in subjects.keys(tenant_id) if subjects.destroyed(name) is None]


def dumped(url: str, to: Path) -> None:
    subprocess.run([program("pg_dump"), "--format=custom", f"--file={to}", url], check=True)


def text_of(dump: Path) -> str:
    """All rows but the definitions, which name tenants where people wrote so: the certificate lists those."""
    done = subprocess.run([program("pg_restore"), "--file=-", dump], check=True, capture_output=True)
    tables = done.stdout.decode().split("\nCOPY ")
    return "".join(one for one in tables if not one.startswith("public.definitions_definition"))


def accepted(package: bytes) -> bool:
    """As its receiver would, with the public key alone."""
    expect = verify.Expectation(keys=KeyRing.of([KEY.public]), lane=LANE, at=now())
    return bool(verify.verify(io.BytesIO(package), expect).accepted)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert handrail(arguments) == 0
    return capsys.readouterr().out
