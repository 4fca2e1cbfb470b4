"""Keys and pins of SFTP lanes, as people and vendors have them."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from handrail.connectors import lane as lanes
from handrail.connectors.lane import ErrorKind, LaneFailed
from handrail.connectors.lane.ssh import HostPin, fingerprint_of, private_key
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets

ED25519 = ed25519.Ed25519PrivateKey.generate()
KEYS = {
    "ed25519": ED25519,
    "rsa": rsa.generate_private_key(65537, 2048),
    "ecdsa": ec.generate_private_key(ec.SECP256R1()),
}
FORMS = {
    "OpenSSH": serialization.PrivateFormat.OpenSSH,
    "PKCS8": serialization.PrivateFormat.PKCS8,
    "PEM": serialization.PrivateFormat.TraditionalOpenSSL,
}
PUBLIC = ED25519.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def written(kind: str, form: str, passphrase: str | None) -> str:
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    return KEYS[kind].private_bytes(serialization.Encoding.PEM, FORMS[form], lock).decode()


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
@pytest.mark.parametrize(
    ("kind", "form"), [(kind, form) for kind in KEYS for form in FORMS if (kind, form) != ("ed25519", "PEM")]
)
def test_a_key_is_read_in_each_form(kind: str, form: str, passphrase: str | None) -> None:
    key = private_key(written(kind, form, passphrase), passphrase)
    public = KEYS[kind].public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert f"{key.get_name()} {key.get_base64()}" == public.decode()


@pytest.mark.parametrize(
    "around", ["\ufeff{}", "Our key for the vendor, Übergabe 2026\n\n{}\n\nas agreed", "Bag Attributes\n  x: 1\n{}"]
)
def test_words_marks_and_windows_line_ends_around_a_key_do_no_harm(around: str) -> None:
    text = around.format(written("ed25519", "OpenSSH", None)).replace("\n", "\r\n")
    assert private_key(text, None).get_name() == "ssh-ed25519"


@pytest.mark.parametrize(
    ("text", "passphrase", "why"),
    [
        (written("ed25519", "OpenSSH", "secret"), None, "has a passphrase"),
        (written("ed25519", "OpenSSH", "secret"), "other", "passphrase is another"),
        (written("ed25519", "OpenSSH", None), "secret", "has no passphrase"),
        (written("rsa", "PKCS8", "secret"), None, "has a passphrase"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", None, "puttygen"),
        (PUBLIC, None, "no private key"),
        (written("ed25519", "OpenSSH", None)[:150], None, "no private key"),
        (written("ed25519", "OpenSSH", None).replace("b3BlbnNz", "AAAAAAAA"), None, "can't be read"),
    ],
    ids=["locked", "other", "unlocked", "pkcs8", "putty", "public", "cut", "damaged"],
)
def test_a_key_that_can_not_be_used_says_why_and_quotes_nothing(text: str, passphrase: str | None, why: str) -> None:
    with pytest.raises(Misconfigured, match=why) as refused:
        private_key(text, passphrase)
    assert not any(line in refused.value.message for line in text.splitlines() if line)


def test_a_dsa_key_is_refused() -> None:
    text = dsa.generate_private_key(2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(Misconfigured, match="Ed25519"):
        private_key(text.decode(), None)


def test_a_pin_is_the_fingerprint_that_openssh_prints(tmp_path: Path) -> None:
    pin = HostPin.parse(PUBLIC)
    assert pin == HostPin(fingerprint_of(base64.b64decode(PUBLIC.split()[1])), "ssh-ed25519")
    assert HostPin.parse(pin.fingerprint) == HostPin(pin.fingerprint)
    assert HostPin.parse(PUBLIC + " vendor@example").fingerprint == pin.fingerprint


@pytest.mark.parametrize(
    "text",
    ["", "SHA256:short", "MD5:aa:bb", "vendor.example " + PUBLIC, "ssh-ed25519 AAAA", "ssh-dss AAAA"],
    ids=str.split("empty short md5 named cut dss"),
)
def test_a_pin_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ssh-keyscan"):
        HostPin.parse(text)


def section(**more: object) -> dict[str, object]:
    own = {"kind": "sftp", "host": "sftp.vendor.example", "user": "handrail", "host_keys": [PUBLIC], "key": "env:KEY"}
    return {name: value for name, value in (own | more).items() if value is not None}


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"host_keys": []}, "host_keys"),
        ({"host_keys": None}, "host_keys"),
        ({"key": None}, "exactly one"),
        ({"password": "env:P"}, "exactly one"),
        ({"key": None, "password": "env:P", "passphrase": "env:Q"}, "passphrase"),
        ({"password": "hunter2", "key": None}, "password"),
    ],
)
def test_a_section_without_pin_or_one_way_to_log_in_is_refused(more: dict[str, object], why: str) -> None:
    with pytest.raises(Misconfigured, match=why) as refused:
        lanes.parse({"vendor": section(**more)})
    assert "hunter2" not in refused.value.message


def test_a_key_that_can_not_be_read_is_found_when_the_lane_is_opened() -> None:
    with pytest.raises(Misconfigured, match=r"lanes\.vendor: The SSH key"):
        lanes.Lanes.open(lanes.parse({"vendor": section()}), Secrets({"KEY": "no key"}))


def test_a_server_that_never_stops_greeting_has_been_sent_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            with suppress(OSError):
                near, _ = listening.accept()
                while True:
                    near.sendall(b"welcome " * 500)

        threading.Thread(target=greet, daemon=True).start()
        section = {"kind": "sftp", "host": "127.0.0.1", "port": listening.getsockname()[1], "user": "handrail"}
        more = {"host_keys": ["SHA256:" + "A" * 43], "password": "env:WORD", "deadline_seconds": 1}
        lane = lanes.Lanes.open(lanes.parse({"vendor": section | more}), Secrets({"WORD": "x"})).lanes["vendor"]
        package = tmp_path / "PKT-7K3M9QX2ZA-r1.zip"
        package.write_bytes(b"PK")
        with pytest.raises(LaneFailed) as failed:
            lane.deliver(package, "sha256:" + "ab" * 32)
    assert failed.value.kind in (ErrorKind.NOT_SENT, ErrorKind.UNKNOWN)
