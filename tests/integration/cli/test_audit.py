"""``handrail audit``: what an auditor types, and what it answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from handrail.access.models import Workspace
from handrail.audit.models import AuditEvent
from handrail.cli.entry import run as handrail
from handrail.kernel.clock import now
from tests.factories.log import event, run, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def workspace(db: None) -> None:
    Workspace.objects.create(pk=1_000_000, slug="acme", name="Acme", created_at=now())


def test_verify_tells_a_whole_record_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    event()
    assert handrail(["audit", "seal"]) == 0
    capsys.readouterr()
    assert handrail(["audit", "verify", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["whole"], found["sealed_size"], found["unsealed"]) == (True, 2, 0)


def test_verify_names_an_altered_row_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    made = event().pk
    handrail(["audit", "seal"])
    with superuser("audit_auditevent"):
        run("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", made)
    assert handrail(["audit", "verify"]) == 1
    assert f"audit.event {made} has changed since it was sealed." in capsys.readouterr().out


def test_kept_checkpoint_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event()
    handrail(["audit", "seal"])
    capsys.readouterr()
    assert handrail(["audit", "checkpoint"]) == 0
    kept = tmp_path / "kept"
    kept.write_text(capsys.readouterr().out, encoding="utf-8")
    assert handrail(["audit", "verify", "--kept", str(kept)]) == 0
    assert handrail(["audit", "verify", "--kept", str(tmp_path / "none")]) == 2
    assert "can't be read" in capsys.readouterr().err


def test_export_is_checked_with_the_printed_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event()
    out = tmp_path / "log.jsonl"
    assert handrail(["audit", "export", "--out", str(out)]) == 0
    assert handrail(["audit", "export", "--out", str(out)]) == 2
    capsys.readouterr()
    handrail(["audit", "key"])
    key = capsys.readouterr().out.strip()
    assert handrail(["audit", "check-export", str(out), "--key", key]) == 0
    assert "intact: " in capsys.readouterr().out
    out.write_text(out.read_text(encoding="utf-8").replace("audit.exported", "audit.sealed"), encoding="utf-8")
    assert handrail(["audit", "check-export", str(out), "--key", key]) == 2
    assert "the row is not the one that was sealed" in capsys.readouterr().err


def test_prove_prints_the_proof_of_an_event_in_scope_only(capsys: pytest.CaptureFixture[str]) -> None:
    foreign = event().pk
    handrail(["audit", "seal"])
    own = AuditEvent.objects.get(event="audit.sealed").pk
    capsys.readouterr()
    assert handrail(["audit", "prove", str(own)]) == 0
    assert json.loads(capsys.readouterr().out)["index"] == 1
    assert handrail(["audit", "prove", str(foreign)]) == 3


def test_accept_restore_with_an_unchanged_log_says_that_there_is_nothing_to_accept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    event()
    handrail(["audit", "seal"])
    assert handrail(["audit", "accept-restore", "--reason", "To be sure."]) == 5
    assert "there is nothing to accept" in capsys.readouterr().err


def test_seal_of_a_changed_log_is_refused_until_it_is_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    made = event().pk
    handrail(["audit", "seal"])
    with superuser("audit_auditevent"):
        run("UPDATE audit_auditevent SET actor = 'x' WHERE id = %s", made)
    assert handrail(["audit", "seal"]) == 5
    assert f"Nothing was sealed. audit.event {made} has changed since it was sealed." in capsys.readouterr().err
    assert handrail(["audit", "verify"]) == 1
    assert "sealing stopped" in capsys.readouterr().out
    assert (
        handrail(["audit", "accept-restore", "--reason", "Corrected on request of the data protection officer."]) == 0
    )
    assert "sealed again" in capsys.readouterr().out
