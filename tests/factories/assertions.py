"""A key that signs WebAuthn assertions in software, rightly and in every wrong way that a test asks for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handrail.kernel.assertions import Algorithm, Assertion, CredentialKey, RelyingParty, challenge_text

PRESENT, VERIFIED = 0x01, 0x04
SITE = RelyingParty("handrail.example", ("https://handrail.example",))


@cache
def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private(algorithm: Algorithm) -> Any:
    if algorithm is Algorithm.ES256:
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate() if algorithm is Algorithm.EDDSA else _rsa()


@dataclass
class SoftKey:
    """One credential. ``sign`` makes an assertion; its keywords say what is wrong with it."""

    algorithm: Algorithm = Algorithm.ES256
    private: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.private = self.private or _private(self.algorithm)

    @property
    def public(self) -> CredentialKey:
        der = self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return CredentialKey(der, self.algorithm)

    def sign(self, challenge: bytes, /, *, rp_id: str = SITE.id, flags: int = PRESENT | VERIFIED, more: bytes = b"",
             **said: Any) -> Assertion:  # fmt: skip
        client = {"type": "webauthn.get", "challenge": challenge_text(challenge), "origin": SITE.origins[0],
                  "crossOrigin": False} | said  # fmt: skip
        return self.over(json.dumps(client).encode(), rp_id=rp_id, flags=flags, more=more)

    def over(self, client: bytes, *, rp_id: str = SITE.id, flags: int = PRESENT | VERIFIED, more: bytes = b"",
             ) -> Assertion:  # fmt: skip
        """An assertion whose client data are these very bytes."""
        data = hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + (0).to_bytes(4, "big") + more
        content = data + hashlib.sha256(client).digest()
        if self.algorithm is Algorithm.ES256:
            signature = self.private.sign(content, ec.ECDSA(SHA256()))
        elif self.algorithm is Algorithm.EDDSA:
            signature = self.private.sign(content)
        else:
            signature = self.private.sign(content, padding.PKCS1v15(), SHA256())
        return Assertion(data, client, signature)
