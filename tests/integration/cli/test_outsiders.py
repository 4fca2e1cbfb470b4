"""Outsiders check an event, a packet, an approval and a checkpoint with tools that are not ours, as the guide says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from handrail.access import queries as access
from handrail.access.capabilities import Role
from handrail.access.models import Workspace
from handrail.anchoring import actions
from handrail.anchoring.services import AnchorServices, configured
from handrail.audit import anchors, policy, signing
from handrail.audit.actions import seal_all
from handrail.audit.anchors import AnchorTrust
from handrail.audit.cosignature import CosignatureType
from handrail.audit.models import Anchor, AuditEvent
from handrail.kernel.clock import now
from tests.factories import rows, witnesses
from tests.factories.installation import Installation
from tests.factories.log import event, keep_mark, run, superuser
from tests.factories.packets import connected
from tests.factories.people import secret_of
from tests.factories.timestamping import Authority, honest, stamping
from tests.integration.cli.conftest import Handrail

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs/guides/audit.md").read_text(encoding="utf-8")
READER = ROOT / "tests/outsiders/tlog_proof.py"
OTHER_EVENT, OTHER_PACKET = "1042", "PKT-7Q2M4K"


@dataclass
class Outside:
    """``event``: an event of the packet's workspace. Everything is sealed, cosigned by one witness, and stamped."""

    event: int
    packet: str
    folder: Path
    handrail: Handrail
    witness: str


@pytest.fixture
def outside(db: None, tmp_path: Path, handrail: Handrail, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    with connected(Installation(None, tenant="ten_a").packets) as world:
        packet = world.released().packet
    workspace = Workspace.objects.get(pk=packet.workspace_id)
    auditor = rows.member(workspace, Role.AUDITOR)
    monkeypatch.setenv("HANDRAIL_TOKEN", secret_of(auditor.email, workspace.pk))
    seal_all(by=access.worker("worker-1", 0))
    keep_mark()
    key = witnesses.made(tmp_path / "w", "witness.example/w1", signing.get().verifier(), kind=CosignatureType.ED25519)
    authority = Authority.made(tmp_path / "tsa")
    shutil.copy(authority.folder / "ca.pem", tmp_path / "tsa-roots.pem")
    with witnesses.served(tmp_path / "w") as served, stamping(honest(authority), authority.trust()):
        trust = AnchorTrust(policy.all_of([key]), {"w1": key}, anchors.trust.get().services)
        services = AnchorServices(
            {"w1": witnesses.WitnessService("w1", witnesses.client(served.url))}, configured.get().timestamps
        )
        with anchors.trust.use(trust), configured.use(services):
            actions.anchor(by=access.worker("worker-1", 0))
            monkeypatch.chdir(tmp_path)
            found = AuditEvent.objects.filter(workspace_id=workspace.pk, event="packet.approved").latest("pk").pk
            (tmp_path / "log-key.pem").write_text(handrail("audit", "key", "--pem").out)
            yield Outside(found, packet.ref, tmp_path, handrail, key.to_text())


def blocks() -> list[str]:
    """The commands of the guide's section, one text a block."""
    section = GUIDE.partition("## Check with tools that are not ours\n")[2].partition("\n## ")[0]
    return [block.strip() for block in re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)]


def test_commands_of_the_guide_do_what_it_says(outside: Outside) -> None:
    """Handrail's own run here; those of others as a shell runs them."""
    said = ""
    first, *others = blocks()
    for line in first.splitlines():
        command, _, file = line.replace(OTHER_EVENT, str(outside.event)).partition(" > ")
        words = shlex.split(command.replace(OTHER_PACKET, outside.packet), comments=True)[1:]
        ended = outside.handrail(*words)
        assert ended.code == 0, line
        if file:
            Path(shlex.split(file, comments=True)[0]).write_text(ended.out, encoding="utf-8")
    for block in others:
        script = re.sub(r"^pip install .*$", "", block, flags=re.MULTILINE).replace(OTHER_EVENT, str(outside.event))
        script = script.replace("tests/outsiders/tlog_proof.py", str(READER))
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (script, done.stderr)
        said += done.stdout
    assert "proven\n" in said
    assert "Verification: OK" in said
    assert "Signature Verified Successfully" in said


def test_three_verifiers_that_are_not_ours_accept_event_packet_and_approvals(outside: Outside) -> None:
    import scitt_cose

    outside.handrail("audit", "proof", "event", str(outside.event), "--out", "e")
    outside.handrail("audit", "proof", "packet", outside.packet, "--out", "p")
    log = outside.handrail("audit", "key").out.split()[0]
    found = sorted([*outside.folder.glob("[ep]/*.tlog-proof")])
    assert [path.stem for path in found] == [f"event-{outside.event}", "approval-1", "approval-2", "release"]
    for path in found:
        leaf = path.with_suffix(".leaf").read_bytes()
        done = subprocess.run(
            [sys.executable, "-I", READER, path, log, outside.witness], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout.strip().encode()) == (0, leaf), done.stderr
        receipt = scitt_cose.verify_receipt(
            path.with_suffix(".cose").read_bytes(),
            leaf_entry_hex=leaf.hex(),
            log_public_key_pem=(outside.folder / "log-key.pem").read_bytes(),
        )
        assert receipt.ok, receipt.errors
    assert b'"manifest_digest"' in (outside.folder / "p/release.leaf").read_bytes()
    assert b'"ballot":"approve"' in (outside.folder / "p/approval-1.leaf").read_bytes()


def test_own_reader_takes_policy_and_export_too(outside: Outside) -> None:
    outside.handrail("audit", "proof", "event", str(outside.event), "--out", "e")
    log = outside.handrail("audit", "key").out.split()[0]
    (outside.folder / "policy").write_text(f"witness w {outside.witness}\nquorum w\n")
    words = ("audit", "check-proof", f"e/event-{outside.event}.tlog-proof", "--key", log, "--policy", "policy")
    assert "cosigned by witness.example/w1" in outside.handrail(*words).out
    assert outside.handrail("audit", "export", "--out", "log.jsonl").code == 0
    checked = outside.handrail("audit", "check-export", "log.jsonl", "--key", log, "--policy", "policy")
    assert (checked.code, "lacks cosignatures" in checked.err) == (2, True)  # sealed anew, and not cosigned yet
    Anchor.objects.update(due_at=now())
    keep_mark()
    actions.anchor(by=access.worker("worker-1", 0))
    assert outside.handrail("audit", "witnesses").code == 0


def test_kept_checkpoint_with_cosignatures_is_compared(outside: Outside) -> None:
    kept = outside.handrail("audit", "checkpoint").out
    assert kept.count("— ") == 2
    (outside.folder / "kept").write_text(kept)
    assert outside.handrail("audit", "verify", "--kept", "kept").code == 0


def test_nothing_is_proven_of_a_row_or_log_that_was_changed(outside: Outside) -> None:
    with superuser("audit_auditevent"):
        run("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", outside.event)
    ended = outside.handrail("audit", "proof", "event", str(outside.event), "--out", "e")
    assert (ended.code, "log-differs" in ended.err, (outside.folder / "e").exists()) == (5, True, False)


def test_row_that_waits_and_rows_of_others_are_not_proven(outside: Outside) -> None:
    waiting = event().pk
    with superuser("audit_auditevent"):
        workspace = AuditEvent.objects.get(pk=outside.event).workspace_id
        run("UPDATE audit_auditevent SET workspace_id = %s WHERE id = %s", workspace, waiting)
    assert outside.handrail("audit", "proof", "event", str(waiting), "--out", "e").code == 5
    foreign = event().pk
    assert outside.handrail("audit", "proof", "event", str(foreign), "--out", "e").code == 3
    assert outside.handrail("audit", "proof", "event", "x", "--out", "e").code == 2
    assert outside.handrail("audit", "proof", "packet", "PKT-0000000000", "--out", "e").code == 3


def test_files_are_never_written_over(outside: Outside) -> None:
    (outside.folder / "e").mkdir()
    ended = outside.handrail("audit", "proof", "event", str(outside.event), "--out", "e")
    assert (ended.code, list((outside.folder / "e").iterdir())) == (2, [])
