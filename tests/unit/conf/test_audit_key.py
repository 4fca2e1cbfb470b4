"""The key that signs checkpoints: one for the installation, for nobody else to read."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.audit.signing import load_key, new_key_pem
from handrail.conf import config
from handrail.conf.config import AuditSection, Config
from handrail.conf.keys import AUDIT_FILE, audit_signing_key
from handrail.kernel.errors import Misconfigured


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes_raw()


def test_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    installation = Config(state_directory=tmp_path / "var")
    first = audit_signing_key(installation)
    assert raw(audit_signing_key(installation)) == raw(first)
    assert stat.S_IMODE((tmp_path / "var" / AUDIT_FILE).stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == [AUDIT_FILE]


def test_key_made_by_many_at_once_is_one(tmp_path: Path) -> None:
    installation = Config(state_directory=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: raw(audit_signing_key(installation)), range(32)))
    assert len(keys) == 1


def test_key_is_read_whatever_an_editor_did_around_it() -> None:
    pem = new_key_pem()
    assert raw(load_key("\ufeffour key\r\n" + pem.replace("\n", "\r\n"))) == raw(load_key(pem))


def test_key_is_taken_by_reference(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(new_key_pem())
    installation = Config(state_directory=tmp_path / "var", audit=AuditSection(signing_key=f"file:{file}"))
    assert raw(audit_signing_key(installation)) == raw(load_key(file.read_text()))
    assert not (tmp_path / "var").exists()


def test_key_that_is_none_is_refused_without_quoting_it(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----")
    with pytest.raises(Misconfigured) as caught:
        audit_signing_key(Config(audit=AuditSection(signing_key=f"file:{file}")))
    assert caught.value.code == "audit-key"
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("line", ['origin = "a log"', 'origin = ""', 'origin = "a+b"', "seal_seconds = 0", "pace = 1"])
def test_audit_section_that_is_wrong_is_refused(line: str) -> None:
    with pytest.raises(Misconfigured, match=r"audit\." + line.split(maxsplit=1)[0]):
        config.parse(f"[audit]\n{line}")
