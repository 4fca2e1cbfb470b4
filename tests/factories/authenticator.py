"""An authenticator in software: makes passkeys and signs with them as a browser hands it over, and as it should not.

Every knob is what somebody could do wrong: another origin, another relying party, no user verification, a counter that
goes back. What it hands over is the JSON that ``PublicKeyCredential.toJSON()`` gives.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2 import cbor
from fido2.cose import ES256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass(slots=True)
class SoftPasskey:
    """One passkey. ``counter`` 0 stays so, as of passkeys that are synchronised between devices."""

    rp_id: str
    user_handle: bytes
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    counter: int = 0

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(slots=True)
class SoftAuthenticator:
    """``counts``: whether its passkeys count their signatures. ``passkeys``: those that it has made, by relying party
    and the last one first."""

    origin: str = "http://localhost:8000"
    counts: bool = True
    passkeys: list[SoftPasskey] = field(default_factory=list)

    def make(
        self, options: Mapping[str, Any], *, verified: bool = True, rp_id: str = "", **client: Any
    ) -> dict[str, Any]:
        """Answers ``navigator.credentials.create``. ``options``: what the server began with, as JSON."""
        asked = options.get("publicKey", options)
        made = SoftPasskey(rp_id or asked["rp"]["id"], unb64(asked["user"]["id"]), counter=int(self.counts))
        self.passkeys.insert(0, made)
        cose = cbor.encode(dict(ES256.from_cryptography_key(made.key.public_key())))
        attested = bytes(16) + len(made.credential_id).to_bytes(2, "big") + made.credential_id + cose
        data = _authenticator_data(made, PRESENT | ATTESTED | (VERIFIED if verified else 0)) + attested
        return _credential(
            made,
            clientDataJSON=b64(self.client_data("webauthn.create", asked["challenge"], **client)),
            attestationObject=b64(cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})),
        )

    def sign(
        self, options: Mapping[str, Any], passkey: SoftPasskey | None = None, *, verified: bool = True, **client: Any
    ) -> dict[str, Any]:
        """Answers ``navigator.credentials.get`` with ``passkey``, or the last one made."""
        asked = options.get("publicKey", options)
        used = passkey or self.passkeys[0]
        if self.counts:
            used.counter += 1
        data = _authenticator_data(used, PRESENT | (VERIFIED if verified else 0))
        said = self.client_data("webauthn.get", asked["challenge"], **client)
        signature = used.key.sign(data + sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        return _credential(
            used,
            clientDataJSON=b64(said),
            authenticatorData=b64(data),
            signature=b64(signature),
            userHandle=b64(used.user_handle),
        )

    def client_data(self, ceremony: str, challenge: str, /, **changes: Any) -> bytes:
        """What a browser says of itself; ``changes`` are its members, such as ``origin`` or ``crossOrigin``."""
        said = {"type": ceremony, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps({**said, **changes}).encode()


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _authenticator_data(passkey: SoftPasskey, flags: int) -> bytes:
    return sha256(passkey.rp_id.encode()).digest() + bytes([flags]) + passkey.counter.to_bytes(4, "big")


def _credential(passkey: SoftPasskey, **response: str) -> dict[str, Any]:
    name = b64(passkey.credential_id)
    return {
        "id": name,
        "rawId": name,
        "type": "public-key",
        "response": response,
        "clientExtensionResults": {"credProps": {"rk": True}},
        "authenticatorAttachment": "platform",
    }
