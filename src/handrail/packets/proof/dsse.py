"""DSSE envelopes with exactly one Ed25519 signature by a release key.

https://github.com/secure-systems-lab/dsse/blob/master/envelope.md. Around
it stands one rule of ours: an envelope has one byte form (canonical JSON, canonical base64, one signature), so that no
byte of the file can be changed without being noticed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature

from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.proof import reading
from handrail.packets.proof.findings import Code, Refused
from handrail.packets.proof.keys import KeyRing, SigningKey
from handrail.packets.proof.reading import strict
from handrail.packets.proof.rules import JsonName, Length, String

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
MAX_BYTES = 6 * 1024 * 1024
SIGNATURE_BYTES = 64
MAX_SIGNATURES = 100

_ShortText = Annotated[str, String(most=200)]


@strict
class _Signature:
    keyid: _ShortText
    sig: Annotated[str, String(most=1000)]


@strict
class _Envelope:
    payload: str
    payload_type: Annotated[_ShortText, JsonName("payloadType")]
    signatures: Annotated[tuple[_Signature, ...], Length(0, MAX_SIGNATURES)]


@dataclass(frozen=True, slots=True)
class Opened:
    """An envelope whose signature holds."""

    payload: bytes
    key_id: str


def sign(payload: bytes, key: SigningKey) -> bytes:
    """The envelope's bytes. Ed25519 is deterministic: the same payload and key give the same bytes."""
    signature = _Signature(key.key_id, _encoded(key.sign(_signed_bytes(payload))))
    return canonical_bytes(reading.plain(_Envelope(_encoded(payload), PAYLOAD_TYPE, (signature,))))


def open_envelope(raw: bytes, *, keys: KeyRing, file: str) -> Opened:
    """The payload, once its one signature by an accepted key holds. Raises Refused, naming ``file``."""
    read = _read(raw, file)
    payload, key_id = _decoded(read.payload), _signed_by(read, file)
    if payload is None or canonical_bytes(reading.plain(read)) != raw:  # PF-19
        raise Refused(Code.MALFORMED_ENVELOPE, "the envelope is not in its one canonical form", file=file)
    if read.payload_type != PAYLOAD_TYPE:  # PF-20
        raise Refused(Code.MALFORMED_ENVELOPE, f"the payload type is not {PAYLOAD_TYPE}", file=file)
    key = keys.find(key_id)  # PF-22
    if key is None:
        raise _unaccepted(key_id, keys, file)
    try:
        key.crypto.verify(_decoded(read.signatures[0].sig) or b"", _signed_bytes(payload))
    except InvalidSignature:  # PF-22
        raise Refused(Code.WRONG_SIGNATURE, "the signature doesn't fit the content", file=file) from None
    return Opened(payload, key_id)


def payload_of(raw: bytes) -> bytes:
    """An envelope's payload, without checking its signature. Raises Refused when it isn't one."""
    payload = _decoded(_read(raw, "").payload)
    if payload is None:
        raise Refused(Code.MALFORMED_ENVELOPE, "its payload is not canonical base64", file="")
    return payload


def _read(raw: bytes, file: str) -> _Envelope:
    if len(raw) > MAX_BYTES:  # PF-10
        raise Refused(Code.TOO_LARGE, f"an envelope is at most {MAX_BYTES} bytes", file=file)
    try:
        return reading.read(_Envelope, raw, what="envelope")  # PF-19
    except Invalid:
        raise Refused(Code.MALFORMED_ENVELOPE, "this is not a DSSE envelope", file=file) from None


def _signed_by(envelope: _Envelope, file: str) -> str:
    if not envelope.signatures:  # PF-21
        raise Refused(Code.NO_SIGNATURE, "the envelope carries no signature", file=file)
    if len(envelope.signatures) > 1:  # PF-21
        raise Refused(Code.EXTRA_SIGNATURE, "the envelope carries more than its one signature", file=file)
    signature = _decoded(envelope.signatures[0].sig)
    if signature is None or len(signature) != SIGNATURE_BYTES:  # PF-21
        raise Refused(Code.CUT_SIGNATURE, f"the signature is not {SIGNATURE_BYTES} bytes of base64", file=file)
    return envelope.signatures[0].keyid


def _unaccepted(key_id: str, keys: KeyRing, file: str) -> Refused:
    shown = ascii(key_id[:64]).strip("'\"")
    if key_id in keys.revoked:
        return Refused(Code.REVOKED_KEY, f"it is signed with a revoked key, {shown}", file=file)
    if key_id in keys.retired:
        return Refused(Code.ROTATED_KEY, f"it is signed with a key that was rotated out, {shown}", file=file)
    return Refused(Code.UNKNOWN_KEY, f"it is signed with a key that isn't among those given, {shown}", file=file)


def _signed_bytes(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding of the payload and its type."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> bytes | None:
    """Canonical base64 only."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
