"""Proofs that a reader checks alone: with the public key and nothing of ours but the text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handrail.audit import checkpoint, merkle, proofs
from handrail.audit.models import AuditCheckpoint
from handrail.audit.signing import Signing
from handrail.kernel.errors import Conflict, NotFound
from tests.factories.log import event, sealed_events

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [1, 2, 6, 11])
def test_inclusion_leads_to_the_signed_root(signer: Signing, count: int) -> None:
    ids = sealed_events(count)
    for event_id in ids:
        proof = proofs.inclusion(event_id)
        signed = checkpoint.verify(proof.checkpoint, origin=signer.origin, keys=[signer.verifier()])
        assert proofs.holds(proof, signed)
        assert f'"id":{event_id},' in proof.leaf
        assert not proofs.holds(replace(proof, leaf=proof.leaf.replace("worker-1", "worker-2")), signed)


def test_inclusion_of_an_unsealed_event_is_a_conflict(signer: Signing) -> None:
    sealed_events(2)
    with pytest.raises(Conflict, match="not sealed yet"):
        proofs.inclusion(event().pk)


def test_inclusion_of_no_event_is_not_found(signer: Signing) -> None:
    with pytest.raises(NotFound):
        proofs.inclusion(1)


def test_consistency_leads_from_every_older_checkpoint_to_the_newest(signer: Signing) -> None:
    for count in (1, 3, 7, 2):
        sealed_events(count)
    newest = AuditCheckpoint.objects.latest("size")
    for older in AuditCheckpoint.objects.all():
        proof = proofs.consistency(older.size)
        assert merkle.verify_consistency(
            first=proof.first,
            second=proof.second,
            first_root=bytes(older.root),
            second_root=bytes(newest.root),
            proof=list(map(proofs.decoded, proof.proof)),
        )
