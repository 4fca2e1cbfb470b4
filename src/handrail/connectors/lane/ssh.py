"""A connection to an SSH server whose host key is pinned, with keys as people have them, within one total deadline."""

from __future__ import annotations

import base64
import binascii
import io
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from handrail.connectors.lane.lane import ErrorKind, LaneFailed
from handrail.kernel.errors import Misconfigured

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_TYPES = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))")
# With a key of this type the server signs by these.
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_OLD = {"ciphers": ["3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc"], "macs": ["hmac-md5", "hmac-md5-96"]}
_MOST_NAMED = 5

# What a passphrase may be asked for.
_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_PUTTY = "PuTTY-User-Key-File"


@dataclass(frozen=True, slots=True)
class HostPin:
    """One host key that counts: its fingerprint, and its type where the whole key was given."""

    fingerprint: str
    type: str = ""

    @classmethod
    def parse(cls, text: str) -> HostPin:
        """From ``SHA256:…``, or a line as in known_hosts without names: ``ssh-ed25519 AAAA…``. Raises ValueError."""
        if _FINGERPRINT.fullmatch(text):
            return cls(text)
        kind, _, rest = text.strip().partition(" ")
        encoded = rest.strip().partition(" ")[0]
        try:
            blob = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            blob = b""
        prefix = len(kind).to_bytes(4, "big") + kind.encode()
        if not _TYPES.fullmatch(kind) or not blob.startswith(prefix):
            raise ValueError("must be SHA256:… as of ssh-keygen -l, or a key as of ssh-keyscan without the host's name")
        return cls(fingerprint_of(blob), kind)


def fingerprint_of(blob: bytes) -> str:
    """As OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(sha256(blob).digest()).decode().rstrip("=")


def private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """A key in OpenSSH's, PKCS #8 or the older PEM forms, with a byte order mark, CRLF or words before it as well.

    Raises Misconfigured, which quotes nothing of it.
    """
    block = _block(text.replace("\r\n", "\n").replace("\r", "\n"))
    secret = passphrase.encode() if passphrase else None
    load = serialization.load_ssh_private_key if b"BEGIN OPENSSH" in block else serialization.load_pem_private_key
    try:
        key = load(block, secret)
    except TypeError:  # it has a passphrase and none was given, or the other way round
        raise _key("has a passphrase, which is not configured" if secret is None else "has no passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        why = "can't be read: it is damaged, or the passphrase is another" if secret else "can't be read"
        raise _key(why) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _key("is of a type that is not used any more; make an Ed25519 key")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    types: dict[type, type[paramiko.PKey]] = {
        ed25519.Ed25519PrivateKey: paramiko.Ed25519Key,
        rsa.RSAPrivateKey: paramiko.RSAKey,
    }
    kind = next((found for base, found in types.items() if isinstance(key, base)), paramiko.ECDSAKey)
    try:
        return kind(file_obj=io.StringIO(plain))
    except (paramiko.SSHException, ValueError):
        raise _key("is of a kind that SSH does not know") from None


def _block(text: str) -> bytes:
    if text.lstrip("\ufeff").startswith(_PUTTY):
        raise _key("is one of PuTTY; convert it with: puttygen KEY.ppk -O private-openssh -o KEY")
    begin = _BLOCK.search(text)
    end = _END.search(text, begin.end()) if begin else None
    if begin is None or end is None:
        raise _key("holds no private key between BEGIN and END")
    lines = text[begin.start() : end.end()].split("\n")
    return ("\n".join(line.strip() for line in lines) + "\n").encode()


def _key(why: str) -> Misconfigured:
    return Misconfigured(f"The SSH key {why}.", code="ssh-key")


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in: with a key or a password."""

    user: str
    key: paramiko.PKey | None = None
    password: str | None = None


class Until:
    """What is left of one call's time."""

    def __init__(self, seconds: float) -> None:
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds, more than none. Raises TimeoutError."""
        seconds = self._end - monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


@contextmanager
def connected(
    name: str, address: tuple[str, int], pins: tuple[HostPin, ...], login: Login, until: Until
) -> Iterator[paramiko.SFTPClient]:
    """A session, for as long as the block runs. Raises LaneFailed (not sent) before it begins.

    The server's host key is compared before a user name, key or password leaves.
    """
    transport: paramiko.Transport | None = None
    try:
        try:
            transport = _pinned(name, address, pins, until)
            client = _session(transport, login, until)
        except (OSError, EOFError, paramiko.SSHException, paramiko.SFTPError) as error:
            raise LaneFailed(f"The lane {name}: {_why(error)}.", ErrorKind.NOT_SENT) from None
        yield client
    finally:
        if transport is not None:
            transport.close()


def _pinned(name: str, address: tuple[str, int], pins: tuple[HostPin, ...], until: Until) -> paramiko.Transport:
    """A connection whose host key is pinned. A fingerprint doesn't say of which type its key is, so the server is asked
    for each type that it has. Raises LaneFailed, with the first key that was shown, where none is pinned."""
    first: LaneFailed | None = None
    shown: frozenset[str] = frozenset()
    while True:
        try:
            transport = _transport(address, pins, until, without=shown)
        except (OSError, EOFError, paramiko.SSHException):
            if first is None:
                raise
            raise first from None
        try:
            _check_host(name, transport, pins)
        except LaneFailed as error:
            kind = transport.get_remote_server_key().get_name()
            transport.close()
            first = first or error
            shown |= frozenset(_RSA if kind == "ssh-rsa" else (kind,))
            if all(pin.type for pin in pins):
                raise first from None
        else:
            return transport


def _transport(
    address: tuple[str, int], pins: tuple[HostPin, ...], until: Until, *, without: frozenset[str]
) -> paramiko.Transport:
    sock = socket.create_connection(address, timeout=until.left())
    transport = paramiko.Transport(sock, disabled_algorithms=_OLD)
    transport.banner_timeout = transport.auth_timeout = transport.channel_timeout = until.left()
    _prefer(transport, pins, without)
    done = threading.Event()
    transport.start_client(event=done)
    ended = done.wait(until.left())
    if not ended or not transport.is_active():
        transport.close()
        raise transport.get_exception() or TimeoutError()
    return transport


def _prefer(transport: paramiko.Transport, pins: tuple[HostPin, ...], without: frozenset[str]) -> None:
    """A server with keys of several types is asked for the pinned ones first; what else it has is compared too."""
    options = transport.get_security_options()
    pinned = {name for pin in pins for name in (_RSA if pin.type == "ssh-rsa" else (pin.type,))}
    left = [known for known in options.key_types if known not in without]
    if not left:
        transport.close()
        raise paramiko.SSHException
    options.key_types = sorted(left, key=lambda known: known not in pinned)


def _check_host(name: str, transport: paramiko.Transport, pins: tuple[HostPin, ...]) -> None:
    found = fingerprint_of(transport.get_remote_server_key().asbytes())
    if found not in {pin.fingerprint for pin in pins}:
        expected = ", ".join(pin.fingerprint for pin in pins[:_MOST_NAMED])
        raise LaneFailed(
            f"The lane {name}: its server's host key is {found}, and {expected} is pinned. Nothing was sent. "
            "Ask the vendor over another channel before you change host_keys.",
            ErrorKind.NOT_SENT,
        )


def _session(transport: paramiko.Transport, login: Login, until: Until) -> paramiko.SFTPClient:
    transport.auth_timeout = until.left()
    if login.key is not None:
        missing = transport.auth_publickey(login.user, login.key)
    else:
        missing = transport.auth_password(login.user, login.password or "")
    if missing:
        raise paramiko.AuthenticationException
    transport.channel_timeout = until.left()
    channel = transport.open_session(timeout=until.left())
    channel.settimeout(until.left())
    channel.invoke_subsystem("sftp")
    return paramiko.SFTPClient(channel)


def _why(error: Exception) -> str:
    if isinstance(error, paramiko.AuthenticationException):
        return "its server refused user name, key or password"
    if isinstance(error, TimeoutError):
        return "its server did not answer in time"
    if isinstance(error, paramiko.ChannelException):
        return "its server offers no file transfer to this account"
    if isinstance(error, socket.gaierror):
        return "its server's name is not known"
    if isinstance(error, ConnectionError | OSError) and not isinstance(error, paramiko.SSHException):
        return "its server can't be reached"
    return "its server and Handrail could not agree on a connection"
