"""The store of subject keys: what is on the disk, and what the outside does to it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handrail.access import keystore, subjects
from handrail.access.keystore import (
    FolderKeys,
    KeyName,
    KeyRecord,
    SubjectKeyDamaged,
    SubjectKeyMissing,
    SubjectKeysUnavailable,
)
from handrail.access.subjects import ForgetReason, KeyDestroyed, KeyKind, KeySubject

AT = datetime(2026, 11, 27, tzinfo=UTC)
PACKET = KeySubject(7, "PKT-7K3M9QX2ZA")
BOUND = "a place"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "subject keys"


@pytest.fixture(autouse=True)
def store(folder: Path) -> Iterator[FolderKeys]:
    made = FolderKeys(folder, make=True)
    with subjects.use(made):
        yield made
    subjects.forget_cached()


def read_by_another_process(sealed: str, *, tenant: int = 7) -> bytes:
    subjects.forget_cached()
    return subjects.unseal(sealed, tenant_id=tenant, bound=BOUND)


def file_of(folder: Path) -> Path:
    [file] = (folder / "7").iterdir()
    return file


def test_another_process_reads_what_was_sealed() -> None:
    assert read_by_another_process(subjects.seal(PACKET, b"value", bound=BOUND)) == b"value"


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_keys_are_the_owners_alone_under_any_umask(folder: Path, mask: int) -> None:
    before = os.umask(mask if mask != 0o777 else 0o177)
    try:
        folder.mkdir(mode=0o700)
        folder.chmod(0o700)
        (folder / "7").mkdir()
        (folder / "7").chmod(0o700)
        subjects.seal(PACKET, b"value", bound=BOUND)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file_of(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_two_threads_that_need_the_same_key_make_one(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda n: subjects.seal(PACKET, str(n).encode(), bound=BOUND), range(40)))
    assert [read_by_another_process(text) for text in sealed] == [str(n).encode() for n in range(40)]
    assert file_of(folder).name == "PKT-7K3M9QX2ZA.values.0"


def test_slower_process_takes_the_key_of_the_faster(store: FolderKeys) -> None:
    name = KeyName(7, PACKET.record, "values")
    assert store.create(name, KeyRecord(name, AT, bytes(32)).text())
    assert not store.create(name, KeyRecord(name, AT, b"x" * 32).text())
    assert subjects.key_for(PACKET).secret == bytes(32)


def test_destroyed_key_leaves_a_mark_and_no_secret(folder: Path) -> None:
    sealed = subjects.seal(PACKET, b"value", bound=BOUND)
    secret = subjects.key_for(PACKET).secret
    assert [str(n) for n in subjects.destroy(7, reason=ForgetReason.RETENTION, at=AT)] == ["7.PKT-7K3M9QX2ZA.values.0"]
    with pytest.raises(KeyDestroyed) as ended:
        read_by_another_process(sealed)
    assert (ended.value.at, ended.value.reason) == (AT, "retention")
    found = KeyRecord.parse(KeyName(7, PACKET.record, "values"), file_of(folder).read_text())
    assert found.secret is None
    assert secret not in file_of(folder).read_bytes()


def test_old_files_blocks_are_written_over(folder: Path) -> None:
    subjects.seal(PACKET, b"value", bound=BOUND)
    linked = folder / "copy"
    os.link(file_of(folder), linked)
    subjects.destroy(7, reason=ForgetReason.ERASURE, at=AT)
    assert not linked.read_bytes().strip(b"\0")


def test_destroying_again_destroys_nothing_more() -> None:
    subjects.seal(PACKET, b"value", bound=BOUND)
    subjects.destroy(7, reason=ForgetReason.RETENTION, at=AT)
    assert subjects.destroy(7, reason=ForgetReason.ERASURE, at=AT) == []


def test_only_what_was_named_is_destroyed() -> None:
    annex = subjects.seal(KeySubject(7, PACKET.record, KeyKind.ANNEX), b"annex", bound=BOUND)
    other = subjects.seal(KeySubject(7, "PKT-0000000000"), b"other", bound=BOUND)
    elsewhere = subjects.seal(KeySubject(8, PACKET.record), b"elsewhere", bound=BOUND)
    subjects.seal(PACKET, b"value", bound=BOUND)
    ended = subjects.destroy(7, record=PACKET.record, kinds=[KeyKind.VALUES], reason=ForgetReason.RETENTION, at=AT)
    assert len(ended) == 1
    assert read_by_another_process(annex) == b"annex"
    assert read_by_another_process(other) == b"other"
    assert read_by_another_process(elsewhere, tenant=8) == b"elsewhere"


def test_what_is_written_after_the_end_gets_another_key() -> None:
    subjects.seal(PACKET, b"value", bound=BOUND)
    subjects.destroy(7, reason=ForgetReason.RETENTION, at=AT)
    assert read_by_another_process(subjects.seal(PACKET, b"later", bound=BOUND)) == b"later"


@pytest.mark.parametrize("before", [None, ForgetReason.RETENTION])
def test_record_of_an_erased_tenant_gets_no_other_key(before: ForgetReason | None) -> None:
    subjects.seal(PACKET, b"value", bound=BOUND)
    if before:
        subjects.destroy(7, reason=before, at=AT)
    subjects.destroy(7, reason=ForgetReason.ERASURE, at=AT)
    with pytest.raises(KeyDestroyed):
        subjects.seal(PACKET, b"late", bound=BOUND)


def test_store_restored_without_keys_is_missing_and_not_destroyed(folder: Path) -> None:
    sealed = subjects.seal(PACKET, b"value", bound=BOUND)
    file_of(folder).unlink()
    with pytest.raises(SubjectKeyMissing, match="Bring back the store"):
        read_by_another_process(sealed)


@pytest.mark.parametrize("left", [0, 1, 40, -2])
def test_key_file_that_was_cut_short_is_damaged(folder: Path, left: int) -> None:
    sealed = subjects.seal(PACKET, b"value", bound=BOUND)
    file_of(folder).write_text(file_of(folder).read_text()[:left])
    with pytest.raises(SubjectKeyDamaged, match="restore it"):
        read_by_another_process(sealed)


def test_another_keys_file_in_its_place_is_damaged(folder: Path) -> None:
    sealed = subjects.seal(PACKET, b"value", bound=BOUND)
    subjects.seal(KeySubject(8, PACKET.record), b"value", bound=BOUND)
    [other] = (folder / "8").iterdir()
    file_of(folder).write_text(other.read_text())
    with pytest.raises(SubjectKeyDamaged):
        read_by_another_process(sealed)


def test_damaged_key_is_destroyed_too(folder: Path) -> None:
    sealed = subjects.seal(PACKET, b"value", bound=BOUND)
    file_of(folder).write_text("")
    subjects.destroy(7, reason=ForgetReason.ERASURE, at=AT)
    with pytest.raises(KeyDestroyed):
        read_by_another_process(sealed)


@pytest.mark.parametrize("harm", ["tenant", "bound", "content", "name"])
def test_ciphertext_is_taken_for_nothing_else(harm: str) -> None:
    sealed = subjects.seal(PACKET, b"value", bound=BOUND)
    subjects.seal(KeySubject(7, "PKT-0000000000"), b"value", bound=BOUND)
    tenant, bound = 7, BOUND
    if harm == "tenant":
        tenant = 8
    elif harm == "bound":
        bound = "another place"
    elif harm == "content":
        sealed = sealed[:-8] + ("AAAA" if sealed[-8:-4] != "AAAA" else "BBBB") + sealed[-4:]
    else:
        sealed = sealed.replace(PACKET.record, "PKT-0000000000")
    with pytest.raises(SubjectKeyDamaged):
        subjects.unseal(sealed, tenant_id=tenant, bound=bound)


@pytest.mark.parametrize(
    "text", ["", "v1", "v1:", "v1:../../etc/passwd:AAAA", "v1:7.PKT-1.values.0:%", "v2:7.a.b.0:AA"]
)
def test_what_is_no_ciphertext_is_damaged(text: str) -> None:
    with pytest.raises(SubjectKeyDamaged):
        subjects.unseal(text, tenant_id=7, bound=BOUND)


def test_configured_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    away = FolderKeys(tmp_path / "mounted" / "keys", make=False)
    with subjects.use(away), pytest.raises(SubjectKeysUnavailable, match="can't be used"):
        subjects.seal(PACKET, b"value", bound=BOUND)
    assert not (tmp_path / "mounted").exists()
    with subjects.use(away), pytest.raises(SubjectKeysUnavailable):
        subjects.unseal("v1:7.PKT-1.values.0:AAAA", tenant_id=7, bound=BOUND)


def test_full_disk_leaves_no_part_of_a_key(store: FolderKeys, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subjects.seal(PACKET, b"value", bound=BOUND)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keystore.os, "fsync", full)
    with pytest.raises(SubjectKeysUnavailable, match="No space left"):
        subjects.seal(KeySubject(7, "PKT-0000000000"), b"value", bound=BOUND)
    assert file_of(folder).name == "PKT-7K3M9QX2ZA.values.0"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_what_root_makes_belongs_to_the_folders_owner(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    subjects.seal(PACKET, b"value", bound=BOUND)
    assert {path.stat().st_uid for path in folder.rglob("*")} == {65534}


def test_cache_keeps_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "CACHED_KEYS", 3)
    for number in range(9):
        subjects.seal(KeySubject(7, f"PKT-{number}"), b"value", bound=BOUND)
    assert len(subjects._cache._kept) == 3


def test_destroyed_key_is_gone_in_every_process_once_the_cache_has_ended(
    store: FolderKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = subjects.seal(PACKET, b"value", bound=BOUND)
    name = KeyName(7, PACKET.record, "values")
    store.replace(name, KeyRecord(name, AT, None, "erasure").text())  # another process
    moment = subjects.steady()
    monkeypatch.setattr(subjects, "steady", lambda: moment + subjects.CACHED_SECONDS + 1)
    with pytest.raises(KeyDestroyed):
        subjects.unseal(sealed, tenant_id=7, bound=BOUND)
