"""The envelopes before verifiers of others: in-toto's own, and its attestation library for what a statement must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto.exceptions import SignatureVerificationError
from in_toto.models.metadata import Envelope, Metadata
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib import dsse

from tests.unit.packets.proof.making import KEY, OTHER_KEY, as_securesystemslib, seal

ENVELOPES = ("manifest_envelope", "approvals_envelope")


@pytest.fixture(params=ENVELOPES)
def envelope(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "envelope.dsse.json"
    file.write_bytes(getattr(seal(), request.param))
    return file


def as_in_toto(key: Any) -> dict[str, Any]:
    return {**as_securesystemslib(key).to_dict(), "keyid": key.key_id}


def test_in_toto_accepts_the_envelope_and_refuses_another_key_or_content(envelope: Path) -> None:
    read = Metadata.load(str(envelope))
    assert isinstance(read, Envelope)
    read.verify_signature(as_in_toto(KEY))
    with pytest.raises(SignatureVerificationError):
        read.verify_signature(as_in_toto(OTHER_KEY) | {"keyid": KEY.key_id})
    read.payload = read.payload.replace(b"sha256", b"sha257", 1)
    with pytest.raises(SignatureVerificationError):
        read.verify_signature(as_in_toto(KEY))


def test_the_payload_is_a_statement_by_in_totos_own_definition(envelope: Path) -> None:
    payload = dsse.Envelope.from_dict(json.loads(envelope.read_bytes())).payload
    # ParseDict refuses a field that the definition doesn't have, validate one that lacks or says something else.
    read = Statement.copy_from_pb(json_format.ParseDict(json.loads(payload), statement_pb2.Statement()))
    read.validate()
    assert len(read.pb.subject) >= 1
