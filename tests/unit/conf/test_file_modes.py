"""``handrail check`` about files: who else can read a key, or change the configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.cli import file_modes
from handrail.cli.demo import workspace
from handrail.conf import config
from handrail.connectors.finding import Finding

pytestmark = pytest.mark.requirement("R2-23")


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with configuration, a secret that it refers to, and a state directory with keys; nothing is open."""
    home = tmp_path / "installation"
    for directory in (home, home / "secrets", home / "state"):
        directory.mkdir(mode=0o755)
        directory.chmod(0o755)
    for name in (*(f"state/{key}" for key in file_modes.KEYS), "secrets/tasks"):
        (home / name).write_text("unused")
        (home / name).chmod(0o600)
    (home / "handrail.toml").write_text(
        f'state_directory = "{home / "state"}"\n'
        '[connectors.tasks]\nkind = "rest"\nbase_url = "https://tasks.example.com"\n'
        f'auth = {{ kind = "bearer", secret = "file:{home / "secrets" / "tasks"}" }}\n'
    )
    (home / "handrail.toml").chmod(0o644)
    monkeypatch.setenv("HANDRAIL_CONFIG", str(home / "handrail.toml"))
    monkeypatch.delenv("HANDRAIL_STATE_DIR")
    config.load.cache_clear()
    yield home
    config.load.cache_clear()


def findings() -> list[Finding]:
    return list(file_modes.findings(config.load()))


def test_closed_files_are_in_order(installation: Path) -> None:
    assert [(one.ok, one.fix) for one in findings()] == [(True, "")]


FAULTS: dict[str, tuple[str, int, str, bool]] = {
    "secret that all can read": ("secrets/tasks", 0o604, "chmod o=", False),
    "secret that all can write": ("secrets/tasks", 0o602, "chmod o=", False),
    "secret that its group can write": ("secrets/tasks", 0o620, "chmod go-w", False),
    "secret that its group can read": ("secrets/tasks", 0o640, "chmod g=", True),
    "session key that all can read": ("state/web-secret-key", 0o644, "chmod o=", False),
    "audit key that all can read": ("state/audit-signing-key.pem", 0o644, "chmod o=", False),
    "release key that all can read": ("state/release-signing-key.pem", 0o644, "chmod o=", False),
    "configuration that all can write": ("handrail.toml", 0o666, "chmod go-w", False),
    "configuration that its group can write": ("handrail.toml", 0o664, "chmod go-w", False),
    "directory of secrets that all can write": ("secrets", 0o777, "chmod o-w", False),
    "directory of the configuration that all can write": (".", 0o757, "chmod o-w", False),
    "state directory that all can write": ("state", 0o777, "chmod o-w", False),
    "state directory that its group can write": ("state", 0o775, "chmod g-w", True),
}


@pytest.mark.parametrize(("name", "mode", "fix", "ok"), FAULTS.values(), ids=FAULTS)
def test_mode_that_lets_others_in_is_named_with_its_file(
    installation: Path, name: str, mode: int, fix: str, ok: bool
) -> None:
    path = installation / name
    path.chmod(mode)
    (found,) = findings()
    assert found.ok is ok
    assert found.message.startswith(f"{path} ")
    assert f"{mode:04o}" in found.message
    assert fix in found.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", ["secrets/tasks", "handrail.toml", "secrets", "state/web-secret-key"])
def test_file_of_another_user_is_named(installation: Path, name: str) -> None:
    os.chown(installation / name, 65534, -1)
    (found,) = findings()
    assert not found.ok
    assert found.message.startswith(f"{installation / name} belongs to another user")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_files_of_the_services_own_user_are_in_order_when_root_looks(installation: Path) -> None:
    for path in (installation, *installation.rglob("*")):
        os.chown(path, 65534, -1)
    assert [one.ok for one in findings()] == [True]


def test_sticky_directory_is_in_order(installation: Path) -> None:
    (installation / "secrets").chmod(0o1777)
    assert [one.ok for one in findings()] == [True]


def test_demo_keeps_its_secrets_to_its_owner(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "webhook").touch(mode=0o644)  # of an earlier version
    with workspace.prepare(tmp_path) as demo:
        assert {path.stat().st_mode & 0o777 for path in (demo.directory / "secrets").iterdir()} == {0o600}
