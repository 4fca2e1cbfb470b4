"""Hands the audit log its origin, its key and its high-water mark."""

from __future__ import annotations

from functools import cache

from handrail.audit import mark, signing
from handrail.audit.checkpoint import VerifierKey
from handrail.audit.mark import MarkStore
from handrail.audit.signing import Signing
from handrail.conf import config
from handrail.conf.keys import audit_signing_key
from handrail.kernel.errors import Invalid, Misconfigured


def connect() -> None:
    """The key is read, or made, when it is needed first."""
    signing.configure(_signing)
    mark.configure(MarkStore(config.load().state_directory))


@cache
def _signing() -> Signing:
    loaded = config.load()
    return Signing(
        origin=loaded.audit.origin,
        key=audit_signing_key(loaded),
        earlier=tuple(map(_verifier_key, loaded.audit.verifier_keys)),
    )


def _verifier_key(text: str) -> VerifierKey:
    try:
        return VerifierKey.from_text(text)
    except Invalid as error:
        raise Misconfigured(f"[audit] verifier_keys: {error.message}", code="audit-key") from None
