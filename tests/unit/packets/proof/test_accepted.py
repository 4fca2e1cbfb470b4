"""The receiver's memory of what it accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.proof.accepted import AcceptedManifests
from handrail.packets.proof.findings import Code
from tests.unit.packets.proof import making

MADE = making.make_manifest()
LATER = making.make_manifest(revision=3, supersedes=MADE.digest())


def test_record_is_what_load_gives(tmp_path: Path) -> None:
    memory = AcceptedManifests(tmp_path / "accepted")
    path = memory.record(making.check(making.pack()))
    assert path.stem == MADE.digest().removeprefix("sha256:")
    assert memory.load() == (MADE,)


def test_record_twice_changes_nothing(tmp_path: Path) -> None:
    memory = AcceptedManifests(tmp_path)
    verdict = making.check(making.pack())
    assert memory.record(verdict) == memory.record(verdict)
    assert len(list(tmp_path.iterdir())) == 1


def test_record_refuses_a_refused_package(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="Only an accepted package"):
        AcceptedManifests(tmp_path).record(making.check(making.pack(), lane="other"))
    assert list(tmp_path.iterdir()) == []


def test_load_gives_nothing_without_a_directory(tmp_path: Path) -> None:
    assert AcceptedManifests(tmp_path / "absent").load() == ()


def test_recorded_manifest_refuses_an_earlier_one(tmp_path: Path) -> None:
    memory = AcceptedManifests(tmp_path)
    memory.record(making.check(making.pack(making.seal(LATER))))
    assert making.check(making.pack(), accepted=memory.load()).codes == (Code.SUPERSEDED,)


def test_load_refuses_a_changed_file(tmp_path: Path) -> None:
    memory = AcceptedManifests(tmp_path)
    path = memory.record(making.check(making.pack()))
    path.write_bytes(path.read_bytes().replace(b'"revision":2', b'"revision":1'))
    with pytest.raises(Invalid, match="was changed") as caught:
        memory.load()
    assert path.name in caught.value.message


def test_load_refuses_a_huge_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(bytes(4 * 1024 * 1024 + 1))
    with pytest.raises(Invalid, match="over 4194304 bytes"):
        AcceptedManifests(tmp_path).load()
