"""A package encrypted to the vendor's keys is the same bytes however often it is sent, and the package inside them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from handrail.connectors import lane as lanes
from handrail.connectors.lane.encryption import Encryption
from handrail.kernel.errors import Misconfigured
from handrail.packets import annexes, ledger, packing, settings
from handrail.packets.models import DeliveryEntry, Revision
from handrail.packets.states import DeliveryEventKind
from tests.factories.packets import LANE, Packets

IDENTITY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
AGE = shutil.which("age")
needs_age = pytest.mark.skipif(
    AGE is None and not os.environ.get("CI"), reason="age is not installed: sudo apt-get install age"
)


@contextmanager
def encrypting(desk: Packets, *recipients: str) -> Iterator[None]:
    given = recipients or (str(IDENTITY.to_public()),)
    with lanes.use(lanes.Lanes({LANE: desk.vendor}, encryption={LANE: Encryption(given)})):
        yield


def plain(revision: Revision) -> bytes:
    with packing.packed(revision) as package:
        return package.read_bytes()


def sent_digests(revision: Revision) -> list[str]:
    rows = [row for row in ledger.rows_of(revision.pk) if row.kind is DeliveryEventKind.INTENT]
    return [row.detail.get("sent_digest", "") for row in rows]


def settling(settle: timedelta) -> AbstractContextManager[object]:
    known = settings.current()
    return settings.use(settings.PacketSettings(known.blobs, known.signing_key, settle=settle))


def at_once() -> AbstractContextManager[object]:
    return settling(timedelta())


@pytest.mark.requirement("P-08")
def test_what_the_vendor_decrypts_is_the_package(desk: Packets) -> None:
    revision = desk.released()
    with encrypting(desk):
        desk.deliver(revision)
    (taken,) = desk.vendor.packages.values()
    assert pyrage.decrypt(taken, [IDENTITY]) == plain(revision)
    (intent,) = DeliveryEntry.objects.filter(revision=revision, kind=DeliveryEventKind.INTENT)
    assert intent.detail["encrypted_to"] == [str(IDENTITY.to_public())]
    assert intent.detail["package_digest"] != intent.detail["sent_digest"]


@needs_age
def test_the_age_command_decrypts_for_age_and_ssh_keys_alike(desk: Packets, tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    forms = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    (tmp_path / "ssh").write_bytes(key.private_bytes(serialization.Encoding.PEM, *forms))
    (tmp_path / "age").write_text(str(IDENTITY))
    revision = desk.released()
    with encrypting(desk, str(IDENTITY.to_public()), public.decode() + " vendor@example"):
        desk.deliver(revision)
    (tmp_path / "package.zip.age").write_bytes(*desk.vendor.packages.values())
    for name in ("ssh", "age"):
        assert AGE is not None
        command = [AGE, "-d", "-i", str(tmp_path / name), str(tmp_path / "package.zip.age")]
        assert subprocess.run(command, capture_output=True, check=True).stdout == plain(revision)


def test_a_package_is_sent_again_as_the_same_bytes(desk: Packets) -> None:
    revision = desk.released()
    desk.vendor.script = ["unheard"]
    with encrypting(desk), at_once():
        desk.deliver(revision)
        desk.deliver(revision)
    first, second = sent_digests(revision)
    assert first == second != ""
    assert len(desk.vendor.packages) == 1


def test_other_recipients_change_nothing_that_may_have_arrived(desk: Packets) -> None:
    revision = desk.released()
    desk.vendor.script = ["unheard"]
    with at_once():
        with encrypting(desk):
            desk.deliver(revision)
        with encrypting(desk, str(OTHER.to_public())):
            desk.deliver(revision)
    first, second = sent_digests(revision)
    assert first == second
    assert pyrage.decrypt(*desk.vendor.packages.values(), [IDENTITY])


def test_other_recipients_count_where_certainly_nothing_was_sent(desk: Packets) -> None:
    revision = desk.released()
    desk.vendor.script = ["not-sent"]
    with encrypting(desk):
        desk.deliver(revision)
    with encrypting(desk, str(OTHER.to_public())):
        desk.deliver(revision)
    first, second = sent_digests(revision)
    assert first != second
    assert pyrage.decrypt(*desk.vendor.packages.values(), [OTHER])


def test_bytes_that_were_sent_and_lost_are_not_replaced_by_others(desk: Packets) -> None:
    revision = desk.released()
    desk.vendor.script = ["unheard"]
    with encrypting(desk), settling(timedelta(days=1)):
        desk.deliver(revision)
        assert annexes.remove(revision.packet, sent_digests(revision))
        with at_once():
            desk.deliver(revision)
    revision.refresh_from_db()
    assert "not in the store" in revision.failure
    assert desk.vendor.packages == {}


@pytest.mark.parametrize("key", ["age1short", "ssh-dss AAAA", "", "AGE-SECRET-KEY-1"])
def test_a_recipient_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(Misconfigured, match="encrypt_to"):
        lanes.parse({"vendor": {"kind": "directory", "folder": "/srv", "encrypt_to": [key]}})


@pytest.mark.parametrize("around", ["{}\r\n", " {} "])
def test_a_recipient_out_of_a_file_of_windows_is_read(around: str, tmp_path: Path) -> None:
    own = str(IDENTITY.to_public())
    section = {"kind": "directory", "folder": str(tmp_path), "encrypt_to": [around.format(own)]}
    assert lanes.parse({LANE: section})[LANE].encrypt_to == (own,)


def test_what_was_encrypted_is_kept_under_the_key_of_its_packet(desk: Packets) -> None:
    """Who takes the store, and the vendor's key, has nothing of a packet whose key was destroyed."""
    revision = desk.released()
    with encrypting(desk):
        desk.deliver(revision)
    (taken,) = desk.vendor.packages.values()
    folder: Path = settings.blobs()._folder  # type: ignore[attr-defined]
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert kept
    assert [blob for blob in kept if taken[:50] in blob] == []
