"""The public keys of a file in whatever form it is: for people who compare IDs, and who convert it to PEM."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_ssh_public_key,
)

from handrail.kernel import keyfiles
from handrail.kernel.errors import Invalid
from handrail.kernel.keyfiles import PemBlock
from handrail.packets.proof.keys import MAX_KEYS, KeyRing, counting_no_more

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


YES = "yes"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """One key. ``counts``: yes, or why not."""

    key_id: str
    kind: str
    counts: str
    pem: str

    def facts(self) -> dict[str, str]:
        return {"id": self.key_id, "kind": self.kind, "counts": self.counts}


@dataclass(frozen=True, slots=True)
class KeyList:
    keys: tuple[ListedKey, ...]
    notes: str

    def pem(self) -> str:
        """A key file for ``verify``: the keys that count, and the lines of those that count no more. Raises Invalid
        where it would hold neither."""
        text = "".join(one.pem for one in self.keys if one.counts == YES) + self.notes
        if not text:
            raise Invalid("None of these keys counts: release keys are Ed25519.", code="key-file")
        return text


def read(raw: bytes, *, name: str) -> KeyList:
    """Every public key in the file. Raises Invalid for none, and for a private one."""
    text = keyfiles.text_of(raw, name=name)
    found = keyfiles.blocks(text)
    ders = [der for block in found if (der := _public_der(block)) is not None]
    ders += [der for line in text.splitlines() if (der := _ssh_der(line)) is not None]
    if not 1 <= len(ders) <= MAX_KEYS or any(block.is_private for block in found):
        is_ = keyfiles.what_it_is(text) if len(ders) <= MAX_KEYS else ""
        raise Invalid(f"{name} holds {len(ders)} public keys that can be read. {is_}".rstrip(), code="key-file")
    retired, revoked = counting_no_more(text)
    listed = tuple(_listed(der, retired, revoked) for der in dict.fromkeys(ders))
    return KeyList(listed, KeyRing((), None, retired, revoked).to_pem())


def _public_der(block: PemBlock) -> bytes | None:
    if block.der is None:
        return None
    try:
        if block.label in keyfiles.CERTIFICATES:
            certified = x509.load_der_x509_certificate(block.der).public_key()
            return certified.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if block.label.endswith(keyfiles.PUBLIC):
            return load_der_public_key(block.der).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _UNREADABLE:
        pass
    return None


def _ssh_der(line: str) -> bytes | None:
    if not keyfiles.is_openssh(line):
        return None
    try:
        key = load_ssh_public_key(line.encode("utf-8", "replace"))
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except _UNREADABLE:
        return None


def _listed(der: bytes, retired: frozenset[str], revoked: frozenset[str]) -> ListedKey:
    key_id = hashlib.sha256(der).hexdigest()
    kind = type(load_der_public_key(der)).__name__.removesuffix("PublicKey")
    counts = YES if kind == "Ed25519" else "no: release keys are Ed25519"
    if key_id in revoked:
        counts = "no: revoked"
    elif key_id in retired:
        counts = "no: retired"
    return ListedKey(key_id, kind, counts, PemBlock(keyfiles.PUBLIC, der).pem())
