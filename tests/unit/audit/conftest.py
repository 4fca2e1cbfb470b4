from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.audit import signing
from handrail.audit.signing import Signing


@pytest.fixture
def signer() -> Iterator[Signing]:
    """A log of its own name and key, in place of the installation's."""
    made = Signing("example.com/log", Ed25519PrivateKey.generate())
    with signing.use(made):
        yield made
