"""``handrail keys`` and ``handrail intake``: what needs neither database nor Django."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handrail.cli.entry import run
from handrail.conf import config, release
from handrail.kernel.errors import Misconfigured
from handrail.packets.proof.keys import KeyRing
from tests.unit.packets.proof.making import KEY, LANE, NOW, OTHER_KEY, pack

VERIFY = (
    "import sys; from handrail.cli.entry import run; code = run(sys.argv[1:]);"
    "assert not [name for name in sys.modules if name.split('.')[0] in ('django', 'psycopg')]; sys.exit(code)"
)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation of its own: an empty state directory."""
    monkeypatch.setenv("HANDRAIL_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    config.load.cache_clear()
    yield tmp_path
    config.load.cache_clear()


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    assert run(["keys", "list", "--json"]) == 0
    return {row["key"]: row["state"] for row in json.loads(capsys.readouterr().out)}


def test_generate_makes_the_key_that_releases_are_signed_with(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "generate"]) == 0
    key = release.signing_key()
    assert listed(capsys) == {key.key_id: "signs"}
    assert (installation / release.KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert key.to_pem() not in capsys.readouterr().out


def test_a_change_of_keys_without_a_database_says_that_it_is_not_in_the_audit_log(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "generate"]) == 0
    assert "No audit event was written" in capsys.readouterr().out
    assert not (installation / "postgres").exists()


def test_generate_twice_is_refused(installation: Path) -> None:
    assert run(["keys", "generate"]) == 0
    before = release.signing_key().key_id
    assert run(["keys", "generate"]) == 5
    assert release.signing_key().key_id == before


def test_rotate_keeps_the_key_before_accepted_until_it_is_retired(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["keys", "generate"])
    old = release.signing_key().key_id
    assert run(["keys", "rotate"]) == 0
    new = release.signing_key().key_id
    assert listed(capsys) == {old: "accepted", new: "signs"}
    assert run(["keys", "retire", new]) == 5
    assert run(["keys", "retire", old[:12]]) == 0
    assert listed(capsys) == {new: "signs", old: "retired"}


def test_a_revoked_key_signs_nothing_more(installation: Path) -> None:
    run(["keys", "generate"])
    assert run(["keys", "revoke", release.signing_key().key_id]) == 0
    with pytest.raises(Misconfigured):
        release.signing_key()


def test_export_gives_public_keys_only(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["keys", "generate"])
    capsys.readouterr()
    assert run(["keys", "export"]) == 0
    shown = capsys.readouterr().out
    assert "BEGIN PUBLIC KEY" in shown
    assert "PRIVATE" not in shown


def verify(
    tmp_path: Path, package: bytes, *more: str, lane: str | None = LANE, keys: str = KEY.public.to_pem()
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "package.zip").write_bytes(package)
    (tmp_path / "keys.pem").write_text(keys)
    at = NOW.replace(tzinfo=None, microsecond=0).isoformat()
    arguments = ["intake", "verify", "package.zip", "--key", "keys.pem", "--at", at, *more]
    arguments += ["--lane", lane] if lane else []
    environ = {
        key: value for key, value in os.environ.items() if not key.startswith(("HANDRAIL", "DATABASE", "DJANGO"))
    }
    return subprocess.run(
        [sys.executable, "-c", VERIFY, *arguments],
        check=False,
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
    )


def test_verify_accepts_a_package_without_database_or_django(tmp_path: Path) -> None:
    done = verify(tmp_path, pack(), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["accepted"] is True
    assert ["Lane", LANE] in said["package"]


def test_verify_refuses_another_lane(tmp_path: Path) -> None:
    done = verify(tmp_path, pack(), lane="vendor-second-intake")
    assert done.returncode == 1
    assert "other-lane" in done.stdout


def test_verify_without_a_lane_shows_it_and_accepts_nothing(tmp_path: Path) -> None:
    done = verify(tmp_path, pack(), lane=None)
    assert done.returncode == 8, done.stderr
    assert LANE in done.stdout
    assert "lane-not-compared" in done.stdout
    assert "NOT ACCEPTED" in done.stdout
    assert json.loads(verify(tmp_path, pack(), "--json", lane=None).stdout)["accepted"] is False


def test_verify_without_a_lane_refuses_what_is_wrong_otherwise(tmp_path: Path) -> None:
    raw = bytearray(pack())
    raw[-400] ^= 1
    assert verify(tmp_path, bytes(raw), lane=None).returncode == 1


def test_verify_without_a_lane_records_nothing(tmp_path: Path) -> None:
    assert verify(tmp_path, pack(), "--accepted", "seen", "--record", lane=None).returncode == 2
    assert not (tmp_path / "seen").exists()


@pytest.mark.parametrize(("move", "code"), [("retire", "rotated-key"), ("revoke", "revoked-key")])
def test_verify_names_a_key_that_the_exported_file_says_counts_no_more(move: str, code: str, tmp_path: Path) -> None:
    ring = KeyRing((KEY.public, OTHER_KEY.public), OTHER_KEY.key_id)
    done = verify(tmp_path, pack(), keys=getattr(ring, move)(KEY.key_id).to_pem())
    assert done.returncode == 1
    assert code in done.stdout


def test_export_after_the_only_key_was_revoked_says_so(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["keys", "generate"])
    revoked = release.signing_key().key_id
    run(["keys", "revoke", revoked])
    capsys.readouterr()
    assert run(["keys", "export"]) == 0
    assert capsys.readouterr().out == f"# revoked key {revoked}\n"


def test_verify_refuses_a_package_accepted_before_once_it_was_recorded(tmp_path: Path) -> None:
    assert verify(tmp_path, pack(), "--accepted", "seen", "--record").returncode == 0
    assert verify(tmp_path, pack(), "--accepted", "seen").returncode == 0
    assert verify(tmp_path, pack(), "--accepted", "seen", "--once").returncode == 1


def test_verify_refuses_an_altered_byte(tmp_path: Path) -> None:
    raw = bytearray(pack())
    raw[-400] ^= 1
    done = verify(tmp_path, bytes(raw))
    assert done.returncode == 1
    assert "REFUSED" in done.stdout


def test_a_key_that_the_ring_does_not_name_signs_nothing(installation: Path) -> None:
    run(["keys", "generate"])
    ring = release.key_ring(config.load())
    ring.save(replace(ring.load(), current=None))
    with pytest.raises(Misconfigured, match="names no signing key"):
        release.signing_key()
