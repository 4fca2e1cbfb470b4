"""Key files as vendors have them: marks, line ends and notes of their editors, and every kind of wrong file."""

from __future__ import annotations

import datetime
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from handrail.kernel import keyfiles
from handrail.kernel.errors import Invalid
from handrail.packets.proof.keys import KeyRing
from tests.unit.packets.proof.making import KEY, OTHER_KEY

PEM = KEY.public.to_pem()
REVOKED = f"# revoked key {OTHER_KEY.key_id}\n"
BOM = b"\xef\xbb\xbf"
# The case of the field: a byte order mark, and lines as Windows ends them.
FIELD_KEY = "MCowBQYDK2VwAyEAJEglYBVLHRQQkf/hl5E+JTgA4QkggBEFO7nzr8kDCPA="
FIELD = BOM + f"-----BEGIN PUBLIC KEY-----\r\n{FIELD_KEY}\r\n-----END PUBLIC KEY-----\r\n".encode()


def ring(raw: bytes) -> KeyRing:
    return KeyRing.from_pem(keyfiles.text_of(raw, name="sender.pem"))


def test_the_field_case_is_read() -> None:
    assert len(ring(FIELD).accepted) == 1


@pytest.mark.parametrize(
    "raw",
    [
        BOM + PEM.encode(),
        PEM.replace("\n", "\r\n").encode(),
        PEM.replace("\n", "\r").encode(),
        PEM.rstrip("\n").encode(),
        b"  " + PEM.replace("\n", " \n\t").encode(),
        PEM.replace("\n", " ").encode(),
        PEM.encode() + b"\x00\x00\x00\x1a",
        "Ключ отправителя, 発信者の鍵\n".encode() + PEM.encode(),
        "Schlüssel für Müller\r\n".encode("latin-1") + PEM.replace("\n", "\r\n").encode(),
        BOM + "Ключ\n".encode() + BOM + PEM.encode(),
        PEM.encode() + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"Bag Attributes\n    friendlyName: k\n" + PEM.encode(),
        b"-----BEGIN NOTHING----- \n" + PEM.encode(),
    ],
)
def test_what_editors_do_around_a_key_changes_nothing(raw: bytes) -> None:
    assert [key.key_id for key in ring(raw).accepted] == [KEY.key_id]


@pytest.mark.parametrize(
    "before", [b"", BOM, b"note\r", b"note\r\n", "note\u2028".encode(), "note\u0085".encode(), b" "]
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b" \n", b" since May\n"])
def test_a_revoked_key_counts_no_more_wherever_its_line_stands(before: bytes, end: bytes) -> None:
    note = before + REVOKED.rstrip("\n").encode() + end
    both = (PEM + OTHER_KEY.public.to_pem()).encode()
    for raw in (note + both, both + note):
        read = ring(raw)
        assert [key.key_id for key in read.accepted] == [KEY.key_id]
        assert read.revoked == {OTHER_KEY.key_id}


@pytest.mark.parametrize(
    "line",
    [
        "# revoked key " + "A" * 64,
        "# revoked key " + "a" * 63,
        "# revoked key " + "a" * 65,
        "# Revoked Key " + "a" * 64,
        "# revoked key: " + "a" * 64,
        "#  revoked  key " + "a" * 64,
        "# retired key of last year",
    ],
)
def test_a_line_that_was_meant_to_revoke_is_never_passed_over(line: str) -> None:
    with pytest.raises(Invalid, match="calls a key retired or revoked and doesn't name it"):
        ring(f"{line}\n{PEM}".encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_utf_16_is_refused_with_the_advice(encoding: str) -> None:
    with pytest.raises(Invalid, match="Save it again as UTF-8"):
        ring(PEM.encode(encoding))


def certificate() -> str:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    built = built.serial_number(1).not_valid_before(at).not_valid_after(at + datetime.timedelta(days=1))
    return built.sign(private, None).public_bytes(Encoding.PEM).decode()


def private(kind: PrivateFormat, password: bytes = b"") -> str:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return KEY.crypto.private_bytes(Encoding.PEM, kind, how).decode()


RSA = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
SSH = KEY.public.crypto.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize(
    ("text", "is_", "advice"),
    [
        (certificate(), "a certificate", "openssl x509 -in FILE -pubkey -noout"),
        (
            RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
            "an RSA key",
            "handrail keys export",
        ),
        (RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "an RSA key", ""),
        (EC.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "an EC key", ""),
        (SSH + " ada@example.com\n", "OpenSSH", "handrail-intake keys FILE --pem"),
        (private(PrivateFormat.PKCS8), "a private key", "openssl pkey -in FILE -pubout"),
        (private(PrivateFormat.PKCS8, b"secret"), "a private key", "make a new one"),
        (private(PrivateFormat.OpenSSH), "a private key", "make a new one"),
        (PEM + private(PrivateFormat.PKCS8), "a private key", "make a new one"),
        (
            EC.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode(),
            "a private key",
            "",
        ),
        (PEM.replace("-----", "\u2014\u2013"), "five hyphens", ""),
        (PEM.replace("-----", "----"), "five hyphens", ""),
        (PEM[:-20], "cut or damaged", ""),
        (PEM.replace("MCow", "MC.w"), "cut or damaged", ""),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n", "an OpenPGP key", ""),
        ("no key here\n", "this one has 0", ""),
        ("", "this one has 0", ""),
    ],
)
def test_a_wrong_file_is_refused_by_what_it_is(text: str, is_: str, advice: str) -> None:
    with pytest.raises(Invalid) as caught:
        ring(text.encode())
    assert is_ in caught.value.message
    assert advice in caught.value.message


@pytest.mark.parametrize("kind", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
def test_a_private_key_is_never_repeated(kind: PrivateFormat) -> None:
    text = private(kind)
    body = "".join(text.splitlines()[1:-1])
    with pytest.raises(Invalid) as caught:
        ring(text.encode())
    shown = f"{caught.value} {keyfiles.blocks(text)}"
    assert not any(body[at : at + 8] in shown for at in range(0, len(body) - 8, 4))
    assert KEY.crypto.private_bytes_raw().hex() not in shown


def test_a_binary_key_is_refused_with_the_command_that_converts_it() -> None:
    der = KEY.public.crypto.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(Invalid, match="openssl pkey -pubin -inform DER"):
        ring(der)


def test_a_huge_file_is_refused_unread() -> None:
    with pytest.raises(Invalid, match="not a key file"):
        ring(b"x" * (keyfiles.MAX_BYTES + 1))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_ring_or_refused(raw: bytes) -> None:
    for make in (lambda: raw, lambda: PEM.encode() + raw, lambda: raw + b"\n" + PEM.encode()):
        try:
            ring(make())
        except Invalid:
            continue


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
@pytest.mark.parametrize("make", [certificate, lambda: private(PrivateFormat.PKCS8)])
def test_the_advice_works(make: Callable[[], str], tmp_path: Path) -> None:
    file = tmp_path / "given.pem"
    file.write_text(make())
    with pytest.raises(Invalid) as caught:
        ring(file.read_bytes())
    command = caught.value.message.rpartition(": openssl ")[2].replace("FILE", str(file)).split()
    done = subprocess.run(["openssl", *command], capture_output=True, check=True)
    assert len(ring(done.stdout).accepted) == 1
