"""Envelopes: other implementations accept ours, ours accepts nothing that was touched."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope

from handrail.kernel.canonical import canonical_bytes
from handrail.packets.proof import dsse
from handrail.packets.proof.findings import Code, Refused
from handrail.packets.proof.keys import KeyRing
from tests.unit.packets.proof import making

PAYLOAD = b'{"_type":"https://in-toto.io/Statement/v1"}'
RAW = dsse.sign(PAYLOAD, making.KEY)


def refusal(raw: bytes, keys: KeyRing = making.RING) -> Code:
    with pytest.raises(Refused) as caught:
        dsse.open_envelope(raw, keys=keys, file="m.json")
    assert caught.value.finding.file == "m.json"
    return caught.value.finding.code


def changed(**changes: Any) -> bytes:
    return canonical_bytes({**json.loads(RAW), **changes})


def signature(**changes: Any) -> list[dict[str, Any]]:
    return [{**json.loads(RAW)["signatures"][0], **changes}]


def test_open_gives_the_payload_and_key() -> None:
    assert dsse.open_envelope(RAW, keys=making.RING, file="m") == dsse.Opened(PAYLOAD, making.KEY.key_id)


def test_sign_gives_the_same_bytes_again() -> None:
    assert dsse.sign(PAYLOAD, making.KEY) == RAW


def test_securesystemslib_accepts_the_envelope() -> None:
    envelope = Envelope.from_dict(json.loads(RAW))
    accepted = envelope.verify([making.as_securesystemslib(making.KEY)], 1)
    assert list(accepted) == [making.KEY.key_id]


def test_a_verifier_from_the_specification_accepts_the_envelope() -> None:
    document = json.loads(RAW)
    payload, kind = base64.b64decode(document["payload"]), document["payloadType"].encode()
    pae = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    public = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    public.verify(base64.b64decode(document["signatures"][0]["sig"]), pae)
    assert payload == PAYLOAD


def test_open_refuses_every_flipped_bit() -> None:
    for at in range(len(RAW)):
        for bit in range(8):
            raw = bytearray(RAW)
            raw[at] ^= 1 << bit
            refusal(bytes(raw))


def test_open_refuses_every_cut() -> None:
    for end in range(len(RAW)):
        refusal(RAW[:end])


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"{}", b"[" * 200_000, b"\xff", RAW + b"\n", b" " + RAW, RAW.replace(b"a050", b"\\ud800")],
)
def test_open_refuses_what_is_no_envelope(raw: bytes) -> None:
    assert refusal(raw) is Code.MALFORMED_ENVELOPE


def test_open_refuses_an_unknown_field() -> None:
    assert refusal(changed(extra=1)) is Code.MALFORMED_ENVELOPE


def test_open_refuses_another_payload_type() -> None:
    assert refusal(changed(payloadType="text/plain")) is Code.MALFORMED_ENVELOPE


def test_open_refuses_an_envelope_without_signature() -> None:
    assert refusal(changed(signatures=[])) is Code.NO_SIGNATURE


def test_open_refuses_a_second_signature() -> None:
    other = json.loads(dsse.sign(PAYLOAD, making.OTHER_KEY))["signatures"]
    assert refusal(changed(signatures=signature() + other)) is Code.EXTRA_SIGNATURE


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 128])
def test_open_refuses_a_signature_of_another_length(length: int) -> None:
    full = base64.b64decode(signature()[0]["sig"])
    cut = base64.b64encode((full * 2)[:length]).decode()
    assert refusal(changed(signatures=signature(sig=cut))) is Code.CUT_SIGNATURE


def test_open_refuses_a_signature_over_another_payload() -> None:
    other = base64.b64encode(PAYLOAD + b" ").decode()
    assert refusal(changed(payload=other)) is Code.WRONG_SIGNATURE


def test_open_refuses_a_malleable_signature() -> None:
    """S + L is the same number to a careless verifier (RFC 8032, section 5.1.7)."""
    full = base64.b64decode(signature()[0]["sig"])
    order = 2**252 + 27742317777372353535851937790883648493
    larger = (int.from_bytes(full[32:], "little") + order).to_bytes(32, "little")
    bent = base64.b64encode(full[:32] + larger).decode()
    assert refusal(changed(signatures=signature(sig=bent))) is Code.WRONG_SIGNATURE


def test_open_refuses_an_unknown_key() -> None:
    assert refusal(RAW, KeyRing.of([making.OTHER_KEY.public])) is Code.UNKNOWN_KEY


def test_open_refuses_another_keys_signature_under_a_known_id() -> None:
    raw = json.loads(dsse.sign(PAYLOAD, making.OTHER_KEY))
    raw["signatures"][0]["keyid"] = making.KEY.key_id
    assert refusal(canonical_bytes(raw)) is Code.WRONG_SIGNATURE


def test_open_refuses_a_rotated_key() -> None:
    ring = KeyRing((making.KEY.public,), making.KEY.key_id).rotate(making.OTHER_KEY.public).retire(making.KEY.key_id)
    assert refusal(RAW, ring) is Code.ROTATED_KEY


def test_open_accepts_a_former_key_until_it_is_retired() -> None:
    ring = KeyRing((making.KEY.public,), making.KEY.key_id).rotate(making.OTHER_KEY.public)
    assert dsse.open_envelope(RAW, keys=ring, file="m").key_id == making.KEY.key_id


def test_open_refuses_a_revoked_key() -> None:
    ring = KeyRing((making.KEY.public,)).revoke(making.KEY.key_id)
    assert refusal(RAW, ring) is Code.REVOKED_KEY


def test_open_refuses_a_huge_envelope() -> None:
    assert refusal(b" " * (dsse.MAX_BYTES + 1)) is Code.TOO_LARGE
