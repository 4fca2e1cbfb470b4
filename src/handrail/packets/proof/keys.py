"""Release keys: Ed25519 pairs, their ids, and which ones a receiver accepts.

A key id is the SHA-256 of the public key's DER (SubjectPublicKeyInfo), in hexadecimal, so that anybody can check it
with ``openssl pkey -pubin -in KEY.pem -outform DER | sha256sum``. Private keys come from the caller, who resolves the
reference.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from handrail.kernel import keyfiles
from handrail.kernel.errors import Conflict, Invalid, Misconfigured
from handrail.kernel.keyfiles import PemBlock

MAX_KEYS = 100
MAX_NOTES = 1000
_KINDS = {"RSA": ", but an RSA key", "EC": ", but an EC key", "Ed448": ", but an Ed448 key"}
# Text between the blocks of a PEM file is nobody's business (RFC 7468, section 2), so other tools pass over these.
_NOTE = re.compile(r"^[ \t]{0,20}# ?(retired|revoked) key ([0-9a-f]{64})(?![0-9a-zA-Z])", re.MULTILINE)
# What somebody meant as such a line must not pass unread.
_MEANT = re.compile(r"^[ \t]{0,20}#[ \t]{0,20}(?:retired|revoked)[ \t]{1,20}key\b", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key by its id."""

    key_id: str
    crypto: Ed25519PublicKey = field(compare=False)

    @classmethod
    def of(cls, crypto: Ed25519PublicKey) -> PublicKey:
        der = crypto.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(hashlib.sha256(der).hexdigest(), crypto)

    def to_pem(self) -> str:
        return self.crypto.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A release key's private half. Shown by accident it prints its id only."""

    crypto: Ed25519PrivateKey = field(compare=False)
    public: PublicKey

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"

    @property
    def key_id(self) -> str:
        return self.public.key_id

    @classmethod
    def of(cls, crypto: Ed25519PrivateKey) -> SigningKey:
        return cls(crypto, PublicKey.of(crypto.public_key()))

    @classmethod
    def generate(cls) -> SigningKey:
        """A fresh pair from the operating system's randomness."""
        return cls.of(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: str) -> SigningKey:
        """Reads an unencrypted PKCS#8 Ed25519 key. Raises Misconfigured, never quoting it."""
        found = cls.find_in(pem)
        if found is None:
            raise Misconfigured(
                "The release key is not an Ed25519 key in unencrypted PKCS#8 PEM. Run: handrail keys generate.",
                code="release-key",
            )
        return found

    @classmethod
    def find_in(cls, pem: str) -> SigningKey | None:
        """The first private key in the text, where it is an unencrypted PKCS#8 Ed25519 key."""
        try:
            block = next((one for one in keyfiles.blocks(keyfiles.tidy(pem)) if one.is_private), None)
            crypto = load_pem_private_key(block.pem().encode() if block else b"", password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            crypto = None
        return cls.of(crypto) if isinstance(crypto, Ed25519PrivateKey) else None

    def to_pem(self) -> str:
        """The private key itself: for the secret store, nothing else."""
        return self.crypto.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, message: bytes) -> bytes:
        return self.crypto.sign(message)


def public_keys(pem: str) -> tuple[PublicKey, ...]:  # PF-56
    """Every public key in the text, at least one and at most 100.

    Raises Invalid when there is none, when one is not Ed25519, and for a private key, which belongs into no such file.
    """
    text = keyfiles.tidy(pem)
    found = keyfiles.blocks(text)
    public = [one for one in found if one.label == keyfiles.PUBLIC]
    if not 1 <= len(public) <= MAX_KEYS or any(one.is_private for one in found):
        is_ = keyfiles.what_it_is(text) if len(public) <= MAX_KEYS else ""
        counted = f"A key file holds 1 to {MAX_KEYS} public keys in PEM; this one has {len(public)}."
        raise Invalid(f"{counted} {is_}".rstrip(), code="key-file")
    return tuple(_public(block, number) for number, block in enumerate(public, start=1))


def _public(block: PemBlock, number: int) -> PublicKey:
    if block.der is None:
        raise Invalid(f"Public key {number} of the key file is cut or damaged: get the file again.", code="key-file")
    try:
        crypto = load_der_public_key(block.der)
    except (ValueError, UnsupportedAlgorithm):
        crypto = None
    if not isinstance(crypto, Ed25519PublicKey):
        is_ = _KINDS.get(type(crypto).__name__.partition("Public")[0], "")
        raise Invalid(f"Public key {number} of the key file is not an Ed25519 key{is_}.", code="key-file")
    return PublicKey.of(crypto)


def counting_no_more(text: str) -> tuple[frozenset[str], frozenset[str]]:  # PF-57
    """The IDs of the retired and of the revoked keys that a key file names. Raises Invalid for a line that seems to
    name one and doesn't."""
    notes = _NOTE.findall(text)
    if len(notes) > MAX_NOTES:
        raise Invalid(f"A key file names at most {MAX_NOTES} retired and revoked keys.", code="key-file")
    if len(_MEANT.findall(text)) != len(notes):
        raise Invalid(
            "A line of the key file calls a key retired or revoked and doesn't name it: # revoked key, then its ID of "
            "64 hexadecimal digits in lower case.",
            code="key-file",
        )
    revoked = frozenset(key_id for word, key_id in notes if word == "revoked")
    return frozenset(key_id for _, key_id in notes) - revoked, revoked


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Which keys count. ``current`` signs; every key in ``accepted`` verifies; ``retired`` and ``revoked`` ids refuse.

    A key leaves ``accepted`` when what it signed has expired: then it is rotated out (retired). A revoked one is
    refused at once.
    """

    accepted: tuple[PublicKey, ...]
    current: str | None = None
    retired: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        ids = [key.key_id for key in self.accepted]
        if len(set(ids)) != len(ids):
            raise Conflict("A key is listed twice.", code="key-ring")
        if set(ids) & (self.retired | self.revoked):
            raise Conflict("A key can't be accepted and retired or revoked at once.", code="key-ring")
        if self.current is not None and self.current not in ids:
            raise Conflict("The current key must be among the accepted ones.", code="key-ring")

    @classmethod
    def of(cls, keys: Iterable[PublicKey]) -> KeyRing:
        """A ring of accepted keys, each once, that signs nothing: the receiver's."""
        return cls(tuple({key.key_id: key for key in keys}.values()))

    @classmethod
    def from_pem(cls, text: str) -> KeyRing:
        """The receiver's ring from the sender's key file, as ``to_pem`` writes it. A key that any line calls retired or
        revoked doesn't count, also where an older export stands in the same file.

        Raises Invalid for a file that names no key, or holds one that is not Ed25519, and for a line that seems to
        name a key that counts no more and doesn't.
        """
        text = keyfiles.tidy(text)
        retired, revoked = counting_no_more(text)
        keys = public_keys(text) if keyfiles.blocks(text) or not retired | revoked else ()
        accepted = {key.key_id: key for key in keys if key.key_id not in retired | revoked}
        return cls(tuple(accepted.values()), None, retired, revoked)

    def find(self, key_id: str) -> PublicKey | None:
        return next((key for key in self.accepted if key.key_id == key_id), None)

    def rotate(self, key: PublicKey) -> KeyRing:
        """``key`` signs from now on; the one before it is still accepted. Raises Conflict for a key used before."""
        if self.find(key.key_id) or key.key_id in self.retired | self.revoked:
            raise Conflict("This key was used before. Rotate to a fresh one.", code="key-ring")
        return KeyRing((*self.accepted, key), key.key_id, self.retired, self.revoked)

    def retire(self, key_id: str) -> KeyRing:
        """The key is no longer accepted. Raises Conflict for the current one (rotate first) and one not accepted."""
        if key_id == self.current or self.find(key_id) is None:
            raise Conflict("Only an accepted key that no longer signs can be retired.", code="key-ring")
        return KeyRing(self._without(key_id), self.current, self.retired | {key_id}, self.revoked)

    def revoke(self, key_id: str) -> KeyRing:
        """The key is refused at once; were it the current one, nothing can be signed until the next rotation."""
        current = None if key_id == self.current else self.current
        return KeyRing(self._without(key_id), current, self.retired - {key_id}, self.revoked | {key_id})

    def to_pem(self) -> str:
        """For receivers: the accepted public keys, and a line for each that counts no more."""
        notes = [f"# retired key {key_id}\n" for key_id in sorted(self.retired)]
        notes += [f"# revoked key {key_id}\n" for key_id in sorted(self.revoked)]
        return "".join([*(key.to_pem() for key in self.accepted), *notes])

    def _without(self, key_id: str) -> tuple[PublicKey, ...]:
        return tuple(key for key in self.accepted if key.key_id != key_id)
